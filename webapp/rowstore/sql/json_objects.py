"""Prints a row that came from JSON as the object it was: the same keys, nested as they were, strings and numbers apart,
and null, missing and "" each as itself (see `webapp.formats.json_columns`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from json import dumps

from webapp.formats.json_columns import JSON, JsonColumn
from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.statement import NEW_LINE, Sql, concatenate
from webapp.rowstore.table_ref import Field


@dataclass(slots=True)
class _Group:
    """An object on the way to the columns below it; `absent` is what it is where none of them has a cell."""

    absent: str = "missing"
    members: dict[str, "_Group | Field"] = field(default_factory=dict)


def has_source(field: Field) -> bool:
    """Whether the column came from JSON."""
    return JSON in field.format


def without_source(field: Field) -> Field:
    """As for a format that knows only texts."""
    return replace(field, format={name: value for name, value in field.format.items() if name != JSON})


def object_line(dialect: Dialect, fields: Sequence[Field], print_other: Callable[[Field], str]) -> Sql:
    """`print_other` prints the JSON of a column that did not come from JSON."""
    root = _Group()
    for column in fields:
        _place(root, column)
    members = _members(dialect, root, print_other)
    return Sql(concatenate(["'{'", f"substr({members.text}, 2)", "'}'", NEW_LINE]), members.values)


def _source(field: Field) -> JsonColumn:
    return JsonColumn.from_json(field.format[JSON])


def _place(root: _Group, column: Field) -> None:
    """Where it was in the object; at the top, by its title, if it was renamed or the place is taken."""
    source = _source(column) if has_source(column) else None
    if source is None or source.title != column.title or not _place_at(root, column, source):
        title = column.title
        while title in root.members:
            title += " "  # titles are unique, but not among keys
        root.members[title] = column


def _place_at(root: _Group, column: Field, source: JsonColumn) -> bool:
    group = root
    for key, absent in zip(source.path[:-1], source.absent, strict=True):
        inner = group.members.setdefault(key, _Group(absent))
        if not isinstance(inner, _Group):
            return False
        group = inner
    return group.members.setdefault(source.path[-1], column) is column


def _members(dialect: Dialect, group: _Group, print_other: Callable[[Field], str]) -> Sql:
    """The members of an object, each with a comma before it; an empty text if there are none."""
    terms = [
        _nested(dialect, key, member, print_other)
        if isinstance(member, _Group)
        else _member(dialect, key, member, print_other)
        for key, member in group.members.items()
    ]
    return Sql(concatenate([term.text for term in terms]), tuple(_values(terms)))


def _values(terms: Iterable[Sql]) -> Iterable[object]:
    return (value for term in terms for value in term.values)


def _nested(dialect: Dialect, key: str, group: _Group, print_other: Callable[[Field], str]) -> Sql:
    members = _members(dialect, group, print_other)
    absent = f"{_name(key)}null" if group.absent == "null" else ""
    text = f"coalesce(? || '{{' || substr(nullif({members.text}, ''), 2) || '}}', ?)"
    return Sql(text, (_name(key), *members.values, absent))


def _member(dialect: Dialect, key: str, column: Field, print_other: Callable[[Field], str]) -> Sql:
    if not has_source(column):
        return Sql(f"(? || {print_other(column)})", (_name(key),))
    source = _source(column)
    bare = without_source(column)
    text = dialect.print_exact(bare)
    value = _value(dialect, bare, source.kind, text)
    if source.empty == "missing":
        return Sql(f"CASE WHEN {text} = '' THEN '' ELSE ? || {value} END", (_name(key),))
    empty = "'null'" if source.empty == "null" else "'\"\"'"
    return Sql(f"(? || CASE WHEN {text} = '' THEN {empty} ELSE {value} END)", (_name(key),))


def _value(dialect: Dialect, column: Field, kind: str, text: str) -> str:
    if kind == "string":
        return dialect.json_text(text)
    if kind == "other" and column.type in ("integer", "decimal", "boolean") and not column.keeps_texts:
        return text
    return f"CASE WHEN {dialect.is_json(text)} THEN {text} ELSE {dialect.json_text(text)} END"


def _name(key: str) -> str:
    return f",{encode(dumps(key, ensure_ascii=False))}:"
