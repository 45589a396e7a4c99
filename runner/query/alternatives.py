"""What all alternatives of a disjunction ask of one field: rules list programs, and for each what it must have done.

`(name == "a" and …) or (name in ("b", "c") and …)` can only be true where `name in ("a", "b", "c")`, which is one look
instead of two, and for most events the last one.
"""

from collections.abc import Iterable, Sequence

from runner.query.ast import And, Comparison, Expression, Field, In, Literal

Asked = dict[str, tuple[Literal, ...]]
"""Path → the constants of which the field must equal one."""


def necessary(alternatives: Sequence[Expression]) -> In | None:
    """Return the test of one field that holds wherever one of the alternatives does; None where there is none."""
    first, *others = [_asked(alternative) for alternative in alternatives]
    for path, constants in first.items():
        if all(path in other for other in others):
            union = (*constants, *(constant for other in others for constant in other[path]))
            return In(Field(path), union, insensitive=False)
    return None


def _asked(alternative: Expression) -> Asked:
    operands: Iterable[Expression] = alternative.operands if isinstance(alternative, And) else (alternative,)
    asked: Asked = {}
    for operand in operands:
        match operand:
            # An optional field may stand for null.
            case Comparison("==", Field(path, optional=False), Literal(str()) as constant):
                asked.setdefault(path, (constant,))
            case In(Field(path, optional=False), options, insensitive=False) if _texts(options):
                asked.setdefault(path, tuple(option for option in options if isinstance(option, Literal)))
    return asked


def _texts(options: Sequence[Expression]) -> bool:
    return all(isinstance(option, Literal) and isinstance(option.value, str) for option in options)
