"""The functions of EQL: names, arities, argument types, and what they do.

Source: the EQL function reference; x-pack/plugin/eql EqlFunctionRegistry and the processors beside it. Names are read
without regard to case, as Elasticsearch reads them: its own rules write `cidrmatch` and `cidrMatch`. Each function is
null where an argument is, unless it says otherwise. Positions in texts count characters.
"""

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from runner.query.kinds import number, spelled

Apply: TypeAlias = Callable[..., Any]

_LONG = range(-(2**63), 2**63)
_BASED = re.compile(r"[+-]?[0-9A-Za-z]+")
_RADIXES = range(2, 37)
_PREFIXES = {2: "0b", 8: "0o", 16: "0x"}  # Python reads past them, Java does not


class Type(Enum):
    """What an argument must be, and what a function returns."""

    STRING = "a string"
    NUMBER = "a number"
    INTEGER = "a whole number"
    BOOLEAN = "a boolean"
    ADDRESS = "an ip address"
    DATE = "a date"
    ANY = "any value"


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its canonical name, its parameters (the last ones may be optional), and what it returns.

    `variadic`: the last parameter may be given many times. `has_insensitive`: there is a `~` form, and `apply` takes
    `insensitive`. `nulls`: it wants to see nulls.
    """

    name: str
    parameters: tuple[Type, ...]
    returns: Type
    apply: Apply = field(compare=False)
    optional: int = 0
    variadic: bool = False
    has_insensitive: bool = False
    nulls: bool = False

    def takes(self, count: int) -> bool:
        """Tell whether the function can be called with that many arguments."""
        return self._least <= count and (self.variadic or count <= len(self.parameters))

    def parameter(self, position: int) -> Type:
        """Return the type of the argument at the position."""
        return self.parameters[min(position, len(self.parameters) - 1)]

    @property
    def arity(self) -> str:
        """The number of arguments, in words."""
        if self.variadic:
            return f"at least {_counted(self._least)}"
        most = len(self.parameters)
        return f"exactly {_counted(most)}" if not self.optional else f"{self._least} to {_counted(most)}"

    @property
    def _least(self) -> int:
        return len(self.parameters) - self.optional


def resolve(name: str) -> Function | None:
    """Return the function of that name, None where there is none."""
    return FUNCTIONS.get(name.lower())


def _counted(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"


# Arithmetic: of two whole numbers it is whole, and cut off towards zero, as Java does it; beyond 64 bits it is null.


def add(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, lambda a, b: a + b)


def subtract(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, lambda a, b: a - b)


def multiply(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, lambda a, b: a * b)


def divide(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, _quotient)


def modulo(left: Any, right: Any) -> Any:
    return _arithmetic(
        left,
        right,
        lambda a, b: a - b * _quotient(a, b) if isinstance(a, int) and isinstance(b, int) else math.fmod(a, b),
    )


def negate(value: Any) -> Any:
    return _arithmetic(0, value, lambda _zero, b: -b)


def _arithmetic(left: Any, right: Any, operation: Callable[[Any, Any], Any]) -> Any:
    first, second = number(left), number(right)
    if first is None or second is None:
        return None
    try:
        result = operation(first, second)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    return result if isinstance(result, float) or result in _LONG else None


def _quotient(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        whole = abs(left) // abs(right)
        return whole if (left < 0) == (right < 0) else -whole
    if right == 0:  # decimals have infinity
        return math.nan if left == 0 else math.copysign(math.inf, left) * math.copysign(1, right)
    return left / right


# Texts


def _between(source: str, left: str, right: str, greedy: Any = False, *, insensitive: bool) -> str:  # noqa: FBT002  an argument of the language
    if not source or not left or not right:
        return source
    text, left, right = (each.lower() if insensitive else each for each in (source, left, right))
    found = text.find(left)
    if found < 0:
        return ""
    start = found + len(left)
    end = text.rfind(right) if greedy else text.find(right, start)
    return source[start:end] if end >= start else ""


def _concat(*values: Any) -> str:
    return "".join(map(spelled, values))


def _ends_with(source: str, end: str, *, insensitive: bool) -> bool:
    return source.lower().endswith(end.lower()) if insensitive else source.endswith(end)


def _index_of(source: Any, part: Any, start: Any = None, *, insensitive: bool) -> int | None:
    """Look for a part from a place on; a null place is the first one."""
    if source is None or part is None:
        return None
    begin = max(_place(start or 0), 0)
    if not part:
        return min(begin, len(source))
    found = source.lower().find(part.lower(), begin) if insensitive else source.find(part, begin)
    return None if found < 0 else found


def _number(text: Any, base: Any = None) -> int | float | None:
    """Read a number; of a base other than ten only whole ones. A null base is the default one."""
    if text is None:
        return None
    digits = spelled(text)
    hexadecimal = digits.startswith("0x")
    radix = base if base is not None else 16 if hexadecimal else 10
    if radix == 10:
        return number(digits)
    digits = digits.removeprefix("0x") if radix == 16 else digits
    if radix not in _RADIXES or not _BASED.fullmatch(digits) or digits.lstrip("+-")[:2].lower() == _PREFIXES.get(radix):
        return None
    try:
        found = int(digits, int(radix))
    except ValueError:
        return None
    return found if found in _LONG else None


def _starts_with(source: str, start: str, *, insensitive: bool) -> bool:
    return source.lower().startswith(start.lower()) if insensitive else source.startswith(start)


def _string_contains(source: str, part: str, *, insensitive: bool) -> bool:
    if not part:
        return False
    return part.lower() in source.lower() if insensitive else part in source


def _substring(source: Any, start: Any, end: Any = None) -> str | None:
    """Cut a text as Python slices it; a null end is the text's end, and without a start there is no cut at all."""
    if source is None or start is None:
        return None if source is None else str(source)
    return str(source)[_place(start) : None if end is None else _place(end)]


def _place(value: Any) -> int:
    """Return a place in a text; what lies beyond any text is as far away as can be."""
    try:
        return int(value)
    except OverflowError:
        return sys.maxsize if value > 0 else -sys.maxsize
    except ValueError:  # not a number
        return 0


def _cidr_match(_address: Any, *_networks: Any) -> bool:
    raise AssertionError("the matcher prepares the networks of cidrMatch")


_S, _N, _I, _B, _A = Type.STRING, Type.NUMBER, Type.INTEGER, Type.BOOLEAN, Type.ANY

FUNCTIONS = {
    function.name.lower(): function
    for function in (
        Function("add", (_N, _N), _N, add),
        Function("between", (_S, _S, _S, _B), _S, _between, optional=1, has_insensitive=True),
        Function("cidrMatch", (Type.ADDRESS, _S), _B, _cidr_match, variadic=True),
        Function("concat", (_A,), _S, _concat, variadic=True),
        Function("divide", (_N, _N), _N, divide),
        Function("endsWith", (_S, _S), _B, _ends_with, has_insensitive=True),
        Function("indexOf", (_S, _S, _I), _I, _index_of, optional=1, has_insensitive=True, nulls=True),
        Function("length", (_S,), _I, len),
        Function("modulo", (_N, _N), _N, modulo),
        Function("multiply", (_N, _N), _N, multiply),
        Function("number", (_S, _I), _N, _number, optional=1, nulls=True),
        Function("startsWith", (_S, _S), _B, _starts_with, has_insensitive=True),
        Function("string", (_A,), _S, spelled),
        Function("stringContains", (_S, _S), _B, _string_contains, has_insensitive=True),
        Function("subtract", (_N, _N), _N, subtract),
        Function("substring", (_S, _I, _I), _S, _substring, optional=1, nulls=True),
    )
}

ARITHMETIC: dict[str, Apply] = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo}
