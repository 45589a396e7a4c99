"""The functions of EQL: names, arities, and (in `FUNCTIONS`) which have a case-insensitive form.

Source: the EQL function reference; x-pack/plugin/eql EqlFunctionRegistry. Names are read without regard to case, as
Elasticsearch reads them: its own rules write `cidrmatch` and `cidrMatch`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """A function's canonical name, how many arguments it takes (`most` None: no limit), and its `~` form."""

    name: str
    least: int
    most: int | None
    has_insensitive: bool = False

    def takes(self, count: int) -> bool:
        """Tell whether the function can be called with that many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)

    @property
    def arity(self) -> str:
        """The number of arguments, in words."""
        if self.most is None:
            return f"at least {self.least} arguments"
        if self.least == self.most:
            return f"exactly {self.least} argument{'s' if self.least > 1 else ''}"
        return f"{self.least} to {self.most} arguments"


FUNCTIONS = {
    function.name.lower(): function
    for function in (
        Function("add", 2, 2),
        Function("between", 3, 4, has_insensitive=True),
        Function("cidrMatch", 2, None),
        Function("concat", 1, None),
        Function("divide", 2, 2),
        Function("endsWith", 2, 2, has_insensitive=True),
        Function("indexOf", 2, 3, has_insensitive=True),
        Function("length", 1, 1),
        Function("modulo", 2, 2),
        Function("multiply", 2, 2),
        Function("number", 1, 2),
        Function("startsWith", 2, 2, has_insensitive=True),
        Function("string", 1, 1),
        Function("stringContains", 2, 2, has_insensitive=True),
        Function("subtract", 2, 2),
        Function("substring", 2, 3),
    )
}


def resolve(name: str) -> Function | None:
    """Return the function of that name, None where there is none."""
    return FUNCTIONS.get(name.lower())
