"""Filters and searches as SQL: filters by value; searches in the text that people see, regardless of case."""

import re
from collections.abc import Sequence
from typing import Any

from webapp.rowstore.nul_escape import spellings
from webapp.rowstore.query import Filter
from webapp.rowstore.query.values import Bound
from webapp.rowstore.sqlite.printing import is_empty, is_exception, is_filled, layout_of, literal, print_shown, sort_key
from webapp.rowstore.sqlite.schema import column_name, companion_name
from webapp.rowstore.sqlite.statement import Sql, all_of, any_of
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


def query_sql(query: RowScope) -> Sql:
    """SQL that is true of the rows that the filters and the search of a query or a scope show."""
    terms = [any_of([filter_sql(condition) for condition in group]) for group in query.groups]
    return all_of([*terms, *(any_cell_contains(query.fields, term) for term in query.terms)])


def scope_sql(table: TableRef) -> Sql:
    """SQL that is true of the rows that are there for whoever has this reference."""
    return Sql("1") if table.scope is None else query_sql(table.scope)


def filter_sql(condition: Filter) -> Sql:
    """SQL that is true of the rows the filter shows."""
    field, bounds = condition.field, condition.bounds
    match condition.operator:
        case "contains":
            return cell_contains(field, bounds[0].text)
        case "notcontains":
            return _is_not(cell_contains(field, bounds[0].text))
        case "starts":
            return cell_starts_with(field, bounds[0].text)
        case "noneof":
            return _is_not(_one_of(field, bounds))
        case "within":
            return Sql(f"({sort_key(field)} >= ? AND {sort_key(field)} <= ?)", (bounds[0].low, bounds[0].high))
        case "eq":
            return _equal(field, bounds[0])
        case "ne":
            return _not_equal(field, bounds[0])
        case "oneof":
            return _one_of(field, bounds)
        case "between":
            return Sql(f"({sort_key(field)} >= ? AND {sort_key(field)} <= ?)", (bounds[0].low, bounds[1].high))
        case "empty":
            return Sql(is_empty(field))
        case "filled":
            return Sql(is_filled(field))
        case "novalue":
            return Sql(is_exception(field))
    sign, end = _COMPARISONS[condition.operator]
    return Sql(f"{sort_key(field)} {sign} ?", (getattr(bounds[0], end),))


def any_cell_contains(fields: Sequence[Field], text: str) -> Sql:
    """SQL that is true of rows in which some cell contains `text`."""
    some = [field for field in fields if companion_name(field) or _may_contain(field, text)]
    return any_of([cell_contains(field, text) for field in some])


def cell_contains(field: Field, text: str) -> Sql:
    """SQL that is true of cells whose printed text contains `text`."""
    if _may_contain(field, text):
        # Comparing the bare column is a quarter faster; for an empty cell it yields NULL, which counts as false.
        cell: str | None = column_name(field) if field.type == "text" else print_shown(field)
    else:
        cell = companion_name(field)
    return any_of([_text_contains(cell, spelling) for spelling in spellings(text)] if cell else [])


def cell_starts_with(field: Field, text: str) -> Sql:
    """SQL that is true of cells whose printed text begins with `text`."""
    cell = print_shown(field)
    return any_of([_text_matches(cell, f"{_escape_like(each)}%", each, "", "*") for each in spellings(text)])


def _is_not(condition: Sql) -> Sql:
    """True where the condition is not, also of empty cells, of which SQL knows no answer."""
    return Sql(f"({condition.text}) IS NOT TRUE", condition.values)


def _text_contains(cell: str, text: str) -> Sql:
    return _text_matches(cell, f"%{_escape_like(text)}%", text, "*", "*")


def _text_matches(cell: str, like: str, text: str, before: str, after: str) -> Sql:
    """`like` finds the text if it is ASCII; `before` and `after` are what GLOB takes around it."""
    if text.isascii():
        return Sql(f"{cell} LIKE ? ESCAPE '\\'", (like,))
    # LIKE is fast but folds case for A to Z only, so it is asked for both cases of one other letter. GLOB can match
    # both cases of every letter but takes three times as long: it checks the few cells that remain.
    letter = next(letter for letter in text if not letter.isascii())
    has_letter = any_of([Sql(f"{cell} LIKE ?", (f"%{case}%",)) for case in _cases(letter)])
    return all_of([has_letter, Sql(f"{cell} GLOB ?", (f"{before}{''.join(map(_glob_either_case, text))}{after}",))])


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
    return all(not characters.isdisjoint(_cases(letter)) for letter in text)


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _glob_either_case(letter: str) -> str:
    cases = _cases(letter)
    return f"[{''.join(cases)}]" if len(cases) > 1 or letter in "*?[" else letter


def _cases(letter: str) -> list[str]:
    return sorted({case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1})


def _values(field: Field, bounds: Sequence[Bound]) -> list[Any]:
    """The stored values that single values stand for; a text has as many as spellings."""
    if field.type != "text":
        return [bound.low for bound in bounds]
    return [spelling for bound in bounds for spelling in spellings(bound.low)]


def _equal(field: Field, bound: Bound) -> Sql:
    """Of cells without a value only those with exactly this text."""
    terms = [_has_value(field, bound)] if bound.low is not None else []
    return any_of([*terms, _has_text(field, [bound.text])] if bound.is_cell_text else terms)


def _has_text(field: Field, texts: Sequence[str]) -> Sql:
    """True of cells without a value that have one of these texts."""
    stored = [spelling for text in texts for spelling in spellings(text)]
    cell = f"ifnull({companion_name(field)}, {literal(null_of(field.format))})"
    marks = ", ".join("?" * len(stored))
    return Sql(f"({column_name(field)} IS NULL AND {cell} IN ({marks}))", tuple(stored))


def _has_value(field: Field, bound: Bound) -> Sql:
    """Case-sensitive. The second comparison lets SQLite use the index, which ignores case."""
    name, key = column_name(field), sort_key(field)
    if bound.low != bound.high:
        return Sql(f"{name} BETWEEN ? AND ?", (bound.low, bound.high))
    values = _values(field, [bound])
    if len(values) > 1:
        return _one_of(field, [bound])
    return Sql(f"({name} = ? AND {key} = ?)", (*values, *values)) if key != name else Sql(f"{name} = ?", (*values,))


def _not_equal(field: Field, bound: Bound) -> Sql:
    """Includes empty cells."""
    if bound.is_cell_text:
        equal = _equal(field, bound)
        return Sql(f"({equal.text}) IS NOT TRUE", equal.values)
    name = column_name(field)
    if bound.low != bound.high:
        return Sql(f"({name} IS NULL OR {name} NOT BETWEEN ? AND ?)", (bound.low, bound.high))
    return all_of([Sql(f"{name} IS NOT ?", (value,)) for value in _values(field, [bound])])


def _one_of(field: Field, bounds: Sequence[Bound]) -> Sql:
    valued = [bound for bound in bounds if bound.low is not None]
    exact = _values(field, [bound for bound in valued if bound.low == bound.high])
    terms = [_has_value(field, bound) for bound in valued if bound.low != bound.high]
    if texts := [bound.text for bound in bounds if bound.is_cell_text]:
        terms.append(_has_text(field, texts))
    if exact:
        marks = ", ".join("?" * len(exact))
        names = dict.fromkeys((column_name(field), sort_key(field)))
        comparisons = " AND ".join(f"{name} IN ({marks})" for name in names)
        terms.append(Sql(f"({comparisons})", tuple(exact * len(names))))
    if any(not bound.text for bound in bounds):
        terms.append(Sql(is_empty(field)))
    return any_of(terms)
