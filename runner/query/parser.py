"""The parser of EQL: text → tree (`ast`), or a QueryError with its place.

The grammar is `eql.lark`, read once a process; `builder` makes the tree while the text is parsed.
"""

from functools import cache
from importlib.resources import files

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from runner.errors import QueryError
from runner.query import strings
from runner.query.ast import Query
from runner.query.builder import TreeBuilder

_KEYWORDS = {"AND", "OR", "WHERE", "BY", "WITH", "OF", "ANY", "SEQUENCE", "SAMPLE", "JOIN", "UNTIL", "MAXSPAN", "IN"}


def parse(text: str) -> Query:
    """Read a query. Raises QueryError with the place of the first thing that does not fit."""
    try:
        return _parser().parse(text)  # type: ignore[return-value]  # the builder's `start` returns a Query
    except QueryError as error:
        error.text = text
        raise
    except UnexpectedCharacters as error:
        raise _bad_character(error, text) from None
    except UnexpectedToken as error:
        raise _bad_token(error, text) from None
    except UnexpectedInput as error:
        raise QueryError("this does not read as EQL", text=text, line=error.line, column=error.column) from error


@cache
def _parser() -> Lark:
    grammar = files("runner.query").joinpath("eql.lark").read_text(encoding="utf-8")
    # The basic lexer makes keywords keywords everywhere, as they are for Elasticsearch.
    return Lark(grammar, parser="lalr", lexer="basic", transformer=TreeBuilder(), maybe_placeholders=False)


def _bad_character(error: UnexpectedCharacters, text: str) -> QueryError:
    rest = text[error.pos_in_stream :] if error.pos_in_stream is not None else ""
    message, hint = f"unexpected character `{rest[:1]}`", ""
    if rest.startswith(('"', "'")):
        escape = strings.unknown_escape(rest)
        if escape:
            message = f"unknown escape `{escape}` in a string"
            hint = f'write `\\{escape}` for a backslash, or use a raw string: """…"""'
            if escape == "\\u":
                hint = "write a character's code as \\u{…}, 2 to 8 hex digits in braces, or as \\u and 4 of them"
        else:
            message, hint = "this string is not closed", "strings end on the line they start on"
    elif rest.startswith("`"):
        message = "this quoted name is not closed"
    elif rest.startswith("!"):
        message, hint = "unexpected `!`", "use != for not equal, `not` for negation"
    elif rest.startswith("&&"):
        message, hint = "unexpected `&&`", "use `and`"
    return QueryError(message, text=text, line=error.line, column=error.column, hint=hint)


def _bad_token(error: UnexpectedToken, text: str) -> QueryError:
    token: Token = error.token
    if token.type == "$END":
        lines = text.splitlines() or [""]
        hint = "a query reads: category where condition" if not text.strip() else ""
        return QueryError(
            "the query ends too early", text=text, line=len(lines), column=len(lines[-1].rstrip()) + 1, hint=hint
        )
    return QueryError(
        f"unexpected `{token}`", text=text, line=error.line, column=error.column, hint=_token_hint(token, error)
    )


def _token_hint(token: Token, error: UnexpectedToken) -> str:
    word = str(token)
    if token.type == "EQUAL":
        return "`=` is not an operator, use =="
    if (
        word.upper() == word
        and word.lower() != word
        and word.upper() in _KEYWORDS | {"NOT", "LIKE", "TRUE", "FALSE", "NULL"}
    ):
        return f"keywords are written in small letters: {word.lower()}"
    if word == "fork":
        return "`fork` is not supported"
    if token.type.upper() in _KEYWORDS and error.accepts and "IDENTIFIER" in error.accepts:
        return f"`{word}` is a keyword; as a name it stands in backticks: `{word}`"
    if error.accepts and error.accepts <= {"WHERE"}:
        return "a query reads: category where condition"
    if word == "|" and error.accepts and "IDENTIFIER" in error.accepts:
        return "use `or`"
    return ""
