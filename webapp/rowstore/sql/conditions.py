"""Filters and searches as SQL: filters by value; searches in the text that people see, regardless of case."""

import re
from collections.abc import Sequence
from typing import Any

from webapp.rowstore.nul_escape import spellings
from webapp.rowstore.query import Filter
from webapp.rowstore.query.values import Bound
from webapp.rowstore.sql.dialect import Dialect, is_empty, is_exception, is_filled, layout_of
from webapp.rowstore.sql.letters import cases
from webapp.rowstore.sql.schema import column_name, companion_name
from webapp.rowstore.sql.statement import Sql, all_of, any_of, literal, marks
from webapp.rowstore.table_ref import Field, RowScope, TableRef
from webapp.types.base import null_of

_NUMERIC = frozenset("0123456789-.,()\u2212")
_WRITTEN = ("group", "prefix", "suffix")  # what a format prints besides
_WORDS = re.compile(r"Mon|MON|Day|Dy|DY|AM|am")  # parts of a layout that are words
_COMPARISONS = {
    "lt": ("<", "low"),
    "le": ("<=", "high"),
    "gt": (">", "high"),
    "ge": (">=", "low"),
    "before": ("<", "low"),
    "after": (">", "high"),
}


def query_sql(dialect: Dialect, query: RowScope) -> Sql:
    """SQL that is true of the rows that the filters and the search of a query or a scope show."""
    terms = [any_of([filter_sql(dialect, condition) for condition in group]) for group in query.groups]
    return all_of([*terms, *(any_cell_contains(dialect, query.fields, term) for term in query.terms)])


def scope_sql(dialect: Dialect, table: TableRef) -> Sql:
    """SQL that is true of the rows that are there for whoever has this reference."""
    return Sql("TRUE") if table.scope is None else query_sql(dialect, table.scope)


def filter_sql(dialect: Dialect, condition: Filter) -> Sql:
    """SQL that is true of the rows the filter shows."""
    field, bounds = condition.field, condition.bounds
    match condition.operator:
        case "contains":
            return cell_contains(dialect, field, bounds[0].text)
        case "notcontains":
            return _is_not(cell_contains(dialect, field, bounds[0].text))
        case "starts":
            return cell_starts_with(dialect, field, bounds[0].text)
        case "noneof":
            return _is_not(_one_of(dialect, field, bounds))
        case "within":
            return _within(dialect, field, bounds[0].low, bounds[0].high)
        case "eq":
            return _equal(dialect, field, bounds[0])
        case "ne":
            return _not_equal(dialect, field, bounds[0])
        case "oneof":
            return _one_of(dialect, field, bounds)
        case "between":
            return _within(dialect, field, bounds[0].low, bounds[1].high)
        case "empty":
            return Sql(is_empty(field))
        case "filled":
            return Sql(is_filled(field))
        case "novalue":
            return Sql(is_exception(field))
    sign, end = _COMPARISONS[condition.operator]
    return compare(dialect, field, sign, Sql("?", (getattr(bounds[0], end),)))


def any_cell_contains(dialect: Dialect, fields: Sequence[Field], text: str) -> Sql:
    """SQL that is true of rows in which some cell contains `text`."""
    some = [field for field in fields if companion_name(field) or _may_contain(field, text)]
    return any_of([cell_contains(dialect, field, text) for field in some])


def cell_contains(dialect: Dialect, field: Field, text: str) -> Sql:
    """SQL that is true of cells whose printed text contains `text`."""
    if _may_contain(field, text):
        # Comparing the bare column is a quarter faster; for an empty cell it yields NULL, which counts as false.
        cell: str | None = column_name(field) if field.type == "text" else dialect.print_shown(field)
    else:
        cell = companion_name(field)
    return any_of([dialect.text_contains(cell, spelling) for spelling in spellings(text)] if cell else [])


def cell_starts_with(dialect: Dialect, field: Field, text: str) -> Sql:
    """SQL that is true of cells whose printed text begins with `text`."""
    cell = dialect.print_shown(field)
    return any_of([dialect.text_starts_with(cell, each) for each in spellings(text)])


def compare(dialect: Dialect, field: Field, sign: str, value: Sql) -> Sql:
    """SQL that compares a column's sort key with that of a value. The keys before the exact one let an index be used:
    they can be equal where that is greater or less.
    """
    *coarse, exact = zip(dialect.sort_keys(field), dialect.key_of(field, value.text), strict=True)
    terms = [Sql(f"{key} {sign.rstrip('=')}= {of}", value.values) for key, of in coarse]
    return all_of([*terms, Sql(f"{exact[0]} {sign} {exact[1]}", value.values)])


def _within(dialect: Dialect, field: Field, low: Any, high: Any) -> Sql:
    return all_of([compare(dialect, field, sign, Sql("?", (end,))) for sign, end in ((">=", low), ("<=", high))])


def _is_not(condition: Sql) -> Sql:
    """True where the condition is not, also of empty cells, of which SQL knows no answer."""
    return Sql(f"({condition.text}) IS NOT TRUE", condition.values)


def _may_contain(field: Field, text: str) -> bool:
    """Whether a printed value may: printing a million numbers in search of letters takes longer than searching all
    texts.
    """
    if field.type in ("integer", "decimal"):
        written = _NUMERIC.union(*(str(field.shown[key]) for key in _WRITTEN if key in field.shown))
        return _has_only(written, text)
    if field.type in ("date", "datetime", "time", "duration") and not _WORDS.search(layout_of(field)):
        return _has_only(_NUMERIC.union(layout_of(field)), text)
    if field.type == "boolean":
        return any(text.lower() in field.kind.print(value, field.shown).lower() for value in (0, 1))
    return True


def _has_only(characters: frozenset[str], text: str) -> bool:
    """Regardless of case."""
    return all(not characters.isdisjoint(cases(letter)) for letter in text)


def _values(field: Field, bounds: Sequence[Bound]) -> list[Any]:
    """The stored values that single values stand for; a text has as many as spellings."""
    if field.type != "text":
        return [bound.low for bound in bounds]
    return [spelling for bound in bounds for spelling in spellings(bound.low)]


def _equal(dialect: Dialect, field: Field, bound: Bound) -> Sql:
    """Of cells without a value only those with exactly this text."""
    terms = [_has_value(dialect, field, bound)] if bound.low is not None else []
    return any_of([*terms, _has_text(dialect, field, [bound.text])] if bound.is_cell_text else terms)


def _has_text(dialect: Dialect, field: Field, texts: Sequence[str]) -> Sql:
    """True of cells without a value that have one of these texts."""
    stored = [spelling for text in texts for spelling in spellings(text)]
    cell = f"coalesce({companion_name(field)}, {literal(null_of(field.format))})"
    return Sql(f"({column_name(field)} IS NULL AND {cell} IN ({marks(stored)}))", tuple(stored))


def _has_value(dialect: Dialect, field: Field, bound: Bound) -> Sql:
    """Case-sensitive. The second comparison lets the index be used, which ignores case."""
    name = column_name(field)
    if bound.low != bound.high:
        return Sql(f"{name} BETWEEN ? AND ?", (bound.low, bound.high))
    values = _values(field, [bound])
    if len(values) > 1:
        return _one_of(dialect, field, [bound])
    exact = Sql(f"{name} = ?", tuple(values))
    return all_of([exact, compare(dialect, field, "=", Sql("?", tuple(values)))]) if field.type == "text" else exact


def _not_equal(dialect: Dialect, field: Field, bound: Bound) -> Sql:
    """Includes empty cells."""
    if bound.is_cell_text:
        equal = _equal(dialect, field, bound)
        return Sql(f"({equal.text}) IS NOT TRUE", equal.values)
    name = column_name(field)
    if bound.low != bound.high:
        return Sql(f"({name} IS NULL OR {name} NOT BETWEEN ? AND ?)", (bound.low, bound.high))
    return all_of([Sql(dialect.differs(name, "?"), (value,)) for value in _values(field, [bound])])


def _one_of(dialect: Dialect, field: Field, bounds: Sequence[Bound]) -> Sql:
    valued = [bound for bound in bounds if bound.low is not None]
    exact = _values(field, [bound for bound in valued if bound.low == bound.high])
    terms = [_has_value(dialect, field, bound) for bound in valued if bound.low != bound.high]
    if texts := [bound.text for bound in bounds if bound.is_cell_text]:
        terms.append(_has_text(dialect, field, texts))
    if exact:
        compared = [(column_name(field), "?")]
        if field.type == "text":  # which lets the index be used
            compared += zip(dialect.sort_keys(field), dialect.key_of(field, "?"), strict=True)
        terms.append(
            all_of([Sql(f"{name} IN ({', '.join([of] * len(exact))})", tuple(exact)) for name, of in compared])
        )
    if any(not bound.text for bound in bounds):
        terms.append(Sql(is_empty(field)))
    return any_of(terms)
