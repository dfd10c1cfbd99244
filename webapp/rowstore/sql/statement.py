"""Fragments of SQL that carry their parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.rowstore.nul_escape import encode


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL text with question marks, and their values in order. Values never become part of the text."""

    text: str
    values: tuple[Any, ...] = ()


def all_of(terms: Sequence[Sql]) -> Sql:
    return _join(terms, " AND ", "TRUE")


def any_of(terms: Sequence[Sql]) -> Sql:
    return _join(terms, " OR ", "FALSE")


def concatenate(expressions: Sequence[str], separator: str = "") -> str:
    """SQL for the texts of these expressions, with the SQL expression `separator` between them."""
    parts = [part for expression in expressions for part in (separator, expression)][1:] if separator else expressions
    return _balanced(parts, " || ")


def add_up(expressions: Sequence[str]) -> str:
    """SQL for the sum of these expressions, of which there is at least one."""
    return _balanced(expressions, " + ")


def literal(text: str) -> str:
    """A text as an SQL literal, encoded as texts are stored."""
    return quoted(encode(text))


def quoted(stored: str) -> str:
    """A text as it is stored as an SQL literal."""
    return "'" + stored.replace("'", "''") + "'"


def marks(values: Sequence[object]) -> str:
    """A question mark for each value."""
    return ", ".join("?" * len(values))


NEW_LINE = quoted("\n")


def _join(terms: Sequence[Sql], word: str, none: str) -> Sql:
    if not terms:
        return Sql(none)
    return Sql(_balanced([term.text for term in terms], word), tuple(value for term in terms for value in term.values))


def _balanced(texts: Sequence[str], word: str) -> str:
    """A chain of 2,000 terms is too deep for SQLite (1,000 levels); a tree of pairs has eleven levels."""
    if len(texts) <= 100:
        return f"({word.join(texts)})" if len(texts) > 1 else texts[0]
    half = len(texts) // 2
    return f"({_balanced(texts[:half], word)}{word}{_balanced(texts[half:], word)})"
