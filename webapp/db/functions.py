"""Expressions of SQL that are written in another way on each database system, for statements of models."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, SQLColumnExpression, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

_ESCAPE = "/"


class is_listed(GenericFunction[bool]):  # a function of SQL
    """Whether a number is in a list that a parameter has as JSON: of any length, in a statement that stays the same."""

    type = Boolean()
    inherit_cache = True


class instant_text(GenericFunction[str]):
    """An instant as SQLite keeps it, which sorts like it; the empty text for none."""

    type = String()
    inherit_cache = True


def listed(number: SQLColumnExpression[Any], name: str) -> ColumnElement[bool]:
    """Whether the number is in the list of numbers that the parameter `name` has as JSON."""
    return is_listed(number, bindparam(name, type_=String()))


def text_of_instant(
    instant: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None],
) -> ColumnElement[str]:
    return instant_text(instant)


def contains(text: SQLColumnExpression[str], part: str) -> ColumnElement[bool]:
    """With A to Z folded, and no other letters."""
    return text.ilike(f"%{_escaped(part)}%", escape=_ESCAPE)


def begins_with(text: SQLColumnExpression[str], start: str) -> ColumnElement[bool]:
    """With A to Z folded, and no other letters."""
    return text.ilike(f"{_escaped(start)}%", escape=_ESCAPE)


def _escaped(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text


@compiles(is_listed, "sqlite")
def _is_listed_sqlite(element: Any, compiler: Any, **given: Any) -> str:
    number, ids = (compiler.process(part, **given) for part in element.clauses)
    return f"({number} IN (SELECT value FROM json_each({ids})))"  # noqa: S608


@compiles(is_listed, "postgresql")
def _is_listed_postgresql(element: Any, compiler: Any, **given: Any) -> str:
    number, ids = (compiler.process(part, **given) for part in element.clauses)
    values = f"SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST({ids} AS JSONB))"  # noqa: S608
    return f"({number} = ANY(ARRAY({values})))"


@compiles(instant_text, "sqlite")
def _instant_text_sqlite(element: Any, compiler: Any, **given: Any) -> str:
    return f"coalesce({compiler.process(element.clauses, **given)}, '')"


@compiles(instant_text, "postgresql")
def _instant_text_postgresql(element: Any, compiler: Any, **given: Any) -> str:
    instant = compiler.process(element.clauses, **given)
    return f"coalesce(to_char({instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') COLLATE \"C\", '')"
