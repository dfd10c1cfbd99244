"""A query as SQL: which rows (filters by value; searches in the text that people see, regardless of case), in which
order, from which position.

Empty cells come last in both directions. Ties are ordered by row id in the direction of the first sort, so that
descending is exactly ascending read backwards except for the empty cells, and one index serves both. A page is read in
parts: rows whose first sort key is filled, then those where it is empty. Each part is one range scan of an index, if
there is one; a single statement for both would never use it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.rowstore.nul_escape import spellings
from webapp.rowstore.query import Filter, Sort, TableQuery
from webapp.rowstore.query.values import Bound
from webapp.rowstore.sqlite.printing import print_shown, sort_key
from webapp.rowstore.sqlite.schema import ROW_ID, column_name, search_name, table_name
from webapp.rowstore.sqlite.statement import Sql, all_of, any_of
from webapp.rowstore.table_ref import Field

_NUMERIC = frozenset("0123456789-.,")
_WORDS = re.compile(r"Mon|MON|AM")  # parts of a date layout that are words
# Not above any filled cell. (An infinity, since a number is compared by value, also with integers.)
_SMALLEST: dict[type, str] = {str: "''", int: "-9e999", float: "-9e999"}
IN_ROW = True  # stands for a value too long for a cursor: no stored value is a bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row's id and sort keys, one per sort. None is an empty cell, `IN_ROW` a value to be read from the row again."""

    row_id: int
    keys: tuple[Any, ...]

    def value(self, index: int, field: Field, table_id: int) -> Sql:
        if self.keys[index] is not IN_ROW:
            return Sql("?", (self.keys[index],))
        return Sql(f"(SELECT {column_name(field)} FROM {table_name(table_id)} WHERE {ROW_ID} = ?)", (self.row_id,))


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows of a query, and the access path that `planning` chose."""

    query: TableQuery
    table_id: int
    # The full-text index query that leads, if any.
    match: Sql | None = None
    # After the table's name: which index must be used.
    hint: str = ""
    # Whether an index may provide the order.
    may_use_sort_index: bool = True
    # The table's highest id, if rows are examined one by one until enough are found.
    scan_end: int | None = None

    @property
    def source(self) -> str:
        """The table, or its full-text index joined before it: in SQLite, CROSS JOIN fixes the order of a join."""
        table, search = table_name(self.table_id), search_name(self.table_id)
        if self.match:
            return f"{search} CROSS JOIN {table} ON {table}.{ROW_ID} = {search}.{ROW_ID}"
        return f"{table}{self.hint}"

    @property
    def row_id(self) -> str:
        return f"{search_name(self.table_id) if self.match else table_name(self.table_id)}.{ROW_ID}"

    def key(self, field: Field) -> str:
        """A column's sort key; a leading plus keeps SQLite from using an index."""
        return sort_key(field) if self.may_use_sort_index else f"+{sort_key(field)}"

    @property
    def condition(self) -> Sql:
        """True of the rows shown. Rows found by the full-text index are checked again: it knows trigrams, not their
        sequence.
        """
        terms = [self.match] if self.match else []
        terms += [filter_sql(condition) for condition in self.query.filters]
        if self.query.search:
            terms.append(any_cell_contains(self.query.fields, self.query.search))
        return all_of(terms)

    def select(self, what: str, extra: Sql | None = None, order: str = "", limit: int | None = None) -> Sql:
        where = all_of([self.condition, extra]) if extra else self.condition
        text = f"SELECT {what} FROM {self.source} WHERE {where.text}"
        text += f" ORDER BY {order}" if order else ""
        return Sql(f"{text} LIMIT ?", (*where.values, limit)) if limit is not None else Sql(text, where.values)


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows of the sorted table: a condition and an order."""

    where: Sql
    order: str


def make_parts(plan: Plan, cursor: Cursor | None, *, forward: bool = True, inclusive: bool = False) -> Iterator[Part]:
    """The parts after the cursor, or from the start, in reading order; backward: those before it, nearest first."""
    sorts = plan.query.sorts
    if not sorts or not plan.may_use_sort_index:
        yield Part(_after_cursor(plan, cursor, 0, forward, inclusive) if cursor else Sql("1"), _order(plan, 0, forward))
        return
    starts_empty = cursor is not None and cursor.keys[0] is None
    filled = Part(_filled(plan, cursor if not starts_empty else None, forward, inclusive), _order(plan, 0, forward))
    empty = Part(_empty(plan, cursor if starts_empty else None, forward, inclusive), _order(plan, 1, forward))
    if forward:
        yield from () if starts_empty else (filled,)
        yield empty
    else:
        yield from (empty,) if cursor is None or starts_empty else ()
        yield filled


def _filled(plan: Plan, cursor: Cursor | None, forward: bool, inclusive: bool) -> Sql:
    """The first sort key is filled. Only the simple bound on it lets SQLite seek in an index: IS NOT NULL would walk
    over all empty cells.
    """
    sort = plan.query.sorts[0]
    if cursor is None:
        return Sql(f"{plan.key(sort.field)} >= {_SMALLEST[sort.field.kind.stored]}")
    key = cursor.value(0, sort.field, plan.table_id)
    bound = Sql(f"{plan.key(sort.field)} {_sign(sort, forward)}= {key.text}", key.values)
    return all_of([bound, _after_cursor(plan, cursor, 0, forward, inclusive, filled=True)])


def _empty(plan: Plan, cursor: Cursor | None, forward: bool, inclusive: bool) -> Sql:
    empty = Sql(f"{column_name(plan.query.sorts[0].field)} IS NULL")
    return all_of([empty, _after_cursor(plan, cursor, 1, forward, inclusive)]) if cursor else empty


def _after_cursor(plan: Plan, cursor: Cursor, index: int, forward: bool, inclusive: bool, filled: bool = False) -> Sql:
    """True of the rows after (or before) the cursor, given that the sort keys before `index` are equal."""
    sorts = plan.query.sorts
    if index == len(sorts):
        return Sql(f"{plan.row_id} {_id_sign(sorts, forward)}{'=' if inclusive else ''} ?", (cursor.row_id,))
    sort, rest = sorts[index], _after_cursor(plan, cursor, index + 1, forward, inclusive)
    name, key = column_name(sort.field), plan.key(sort.field)
    if cursor.keys[index] is None:
        tied = all_of([Sql(f"{name} IS NULL"), rest])
        return tied if forward else any_of([Sql(f"{name} IS NOT NULL"), tied])
    value = cursor.value(index, sort.field, plan.table_id)
    terms = [
        Sql(f"{key} {_sign(sort, forward)} {value.text}", value.values),
        all_of([Sql(f"{key} = {value.text}", value.values), rest]),
    ]
    return any_of(terms if filled or not forward else [*terms, Sql(f"{name} IS NULL")])


def _sign(sort: Sort, forward: bool) -> str:
    return "<" if sort.descending is forward else ">"


def _id_sign(sorts: Sequence[Sort], forward: bool) -> str:
    return _sign(sorts[0], forward) if sorts else (">" if forward else "<")


def _order(plan: Plan, index: int, forward: bool) -> str:
    """By the sorts from `index` on. When the rows come in parts, only the very first key is known to be filled."""
    sorts = plan.query.sorts
    terms = []
    for place, sort in enumerate(sorts[index:], index):
        direction = "DESC" if sort.descending is forward else "ASC"
        empties = "" if place == 0 and plan.may_use_sort_index else f" NULLS {'LAST' if forward else 'FIRST'}"
        terms.append(f"{plan.key(sort.field)} {direction}{empties}")
    terms.append(f"{plan.row_id} {'ASC' if _id_sign(sorts, forward) == '>' else 'DESC'}")
    return ", ".join(terms)


# -- conditions on cells -----------------------------------------------------------------------------------------------


_COMPARISONS = {
    "lt": ("<", "low"),
    "le": ("<=", "high"),
    "gt": (">", "high"),
    "ge": (">=", "low"),
    "before": ("<", "low"),
    "after": (">", "high"),
}


def filter_sql(condition: Filter) -> Sql:
    """SQL that is true of the rows the filter shows."""
    field, bounds = condition.field, condition.bounds
    match condition.operator:
        case "contains":
            return cell_contains(field, bounds[0].text)
        case "eq":
            return _equal(field, bounds[0])
        case "ne":
            return _not_equal(field, bounds[0])
        case "oneof":
            return _one_of(field, bounds)
        case "between":
            return Sql(f"({sort_key(field)} >= ? AND {sort_key(field)} <= ?)", (bounds[0].low, bounds[1].high))
        case "empty":
            return Sql(f"{column_name(field)} IS NULL")
        case "filled":
            return Sql(f"{column_name(field)} IS NOT NULL")
    sign, end = _COMPARISONS[condition.operator]
    return Sql(f"{sort_key(field)} {sign} ?", (getattr(bounds[0], end),))


def any_cell_contains(fields: Sequence[Field], text: str) -> Sql:
    """SQL that is true of rows in which some cell contains `text`."""
    return any_of([cell_contains(field, text) for field in fields if _may_contain(field, text)])


def cell_contains(field: Field, text: str) -> Sql:
    """SQL that is true of cells whose printed text contains `text`."""
    # Comparing the bare column is a quarter faster; for an empty cell it yields NULL, which counts as false.
    cell = column_name(field) if field.type == "text" else print_shown(field)
    return any_of([_text_contains(cell, spelling) for spelling in spellings(text)])


def _text_contains(cell: str, text: str) -> Sql:
    if text.isascii():
        return Sql(f"{cell} LIKE ? ESCAPE '\\'", (f"%{_escape_like(text)}%",))
    # LIKE is fast but folds case for A to Z only, so it is asked for both cases of one other letter. GLOB can match
    # both cases of every letter but takes three times as long: it checks the few cells that remain.
    letter = next(letter for letter in text if not letter.isascii())
    has_letter = any_of([Sql(f"{cell} LIKE ?", (f"%{case}%",)) for case in _cases(letter)])
    return all_of([has_letter, Sql(f"{cell} GLOB ?", (f"*{''.join(map(_glob_either_case, text))}*",))])


def _may_contain(field: Field, text: str) -> bool:
    """Skip numbers when searching for letters: printing a million numbers takes longer than searching all texts."""
    if field.type in ("integer", "decimal"):
        return _NUMERIC.issuperset(text)
    layout = str(field.format.get("layout", "YYYY-MM-DD"))
    if field.type in ("date", "datetime") and not _WORDS.search(layout):
        return (_NUMERIC | set(layout)).issuperset(text)
    if field.type == "boolean":
        return any(text.lower() in field.kind.print(value, field.shown).lower() for value in (0, 1))
    return True


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
    name = column_name(field)
    if bound.low != bound.high:
        return Sql(f"({name} IS NULL OR {name} NOT BETWEEN ? AND ?)", (bound.low, bound.high))
    return all_of([Sql(f"{name} IS NOT ?", (value,)) for value in _values(field, [bound])])


def _one_of(field: Field, bounds: Sequence[Bound]) -> Sql:
    exact = _values(field, [bound for bound in bounds if bound.text and bound.low == bound.high])
    terms = [_equal(field, bound) for bound in bounds if bound.low != bound.high]
    if exact:
        marks = ", ".join("?" * len(exact))
        names = dict.fromkeys((column_name(field), sort_key(field)))
        comparisons = " AND ".join(f"{name} IN ({marks})" for name in names)
        terms.append(Sql(f"({comparisons})", tuple(exact * len(names))))
    if any(not bound.text for bound in bounds):
        terms.append(Sql(f"{column_name(field)} IS NULL"))
    return any_of(terms)
