"""JSON text ↔ values, for all that events are in: orjson, and the standard library for what orjson refuses.

An event may hold what orjson refuses and Elasticsearch takes: half of a surrogate pair, a number beyond a double's range,
when writing an integer of more than 64 bits, more than 254 values one in another. One such event must not hide the page,
the file or the answer that it is in, nor change how the others there are read.
"""

import json
from math import isfinite
from typing import Any, NoReturn

import orjson


def loads(text: bytes) -> Any:
    """Return the JSON as a value; an integer of more than 64 bits is the nearest float, and stays whole where none is.

    Raises ValueError for what is no JSON, or lies too deep.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as refused:
        try:
            return json.loads(text, parse_constant=_refuse, parse_int=_integer)
        except (ValueError, RecursionError):
            raise refused from None


def dumps(value: Any, *, indented: bool = False, sort_keys: bool = False) -> bytes:
    """Return the value as JSON on one line, or `indented` by two; numbers that are not finite are null.

    Raises TypeError for what is no JSON, or lies too deep.
    """
    options = (orjson.OPT_INDENT_2 if indented else 0) | (orjson.OPT_SORT_KEYS if sort_keys else 0)
    try:
        return orjson.dumps(value, option=options)
    except orjson.JSONEncodeError as refused:
        indent, separators = (2, (",", ": ")) if indented else (None, (",", ":"))
        try:
            finite = json.loads(json.dumps(value), parse_constant=_null)
            text = json.dumps(finite, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)
        except RecursionError:
            raise refused from None
        # Only half a pair cannot be encoded, and stands within quotes, where `\ud800` is how JSON writes it.
        return text.encode(errors="backslashreplace")


def _integer(digits: str) -> int | float:
    """Read an integer as orjson does, which refuses what no float can hold."""
    value = int(digits)
    if -(2**63) <= value < 2**64:
        return value
    nearest = float(digits)
    return nearest if isfinite(nearest) else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _null(_constant: str) -> None:
    return None
