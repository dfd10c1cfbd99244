"""A query as SQL: which rows (`conditions.py`), in which order, from which position.

Empty cells come last in both directions. Ties are ordered by row id in the direction of the first sort, so that
descending is exactly ascending read backwards except for the empty cells, and one index serves both. A page is read in
parts: rows whose first sort key is filled, then those where it is empty. Each part is one range scan of an index, if
there is one; a single statement for both would never use it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.rowstore.query import Filter, Sort, TableQuery
from webapp.rowstore.query.row_ranges import ids_of
from webapp.rowstore.sql.conditions import query_sql, scope_sql
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.schema import column_name, table_name
from webapp.rowstore.sql.statement import Sql, all_of, any_of
from webapp.rowstore.table_ref import Field, TableRef

IN_ROW = True  # stands for a value too long for a cursor: no stored value is a bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row's id and sort keys, one per sort. None is an empty cell, `IN_ROW` a value to be read from the row again."""

    row_id: int
    keys: tuple[Any, ...]

    def value(self, index: int, field: Field, dialect: Dialect, table: TableRef) -> Sql:
        """A cursor comes from an address, which may name any row: one that is not there has no value."""
        if self.keys[index] is not IN_ROW:
            return Sql("?", (self.keys[index],))
        where = all_of([Sql(f"{dialect.row_id} = ?", (self.row_id,)), scope_sql(dialect, table)])
        return Sql(f"(SELECT {column_name(field)} FROM {table_name(table.id)} WHERE {where.text})", where.values)


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows of a query that are in the table's scope, and the access path that the dialect chose. A dialect may have
    a class of its own, with more about the path.
    """

    dialect: Dialect
    query: TableQuery
    table: TableRef
    # The condition by which a search index leads, if it does: reading on from a row means to begin anew there.
    match: Sql | None = None
    # Whether an index may provide the order.
    may_use_sort_index: bool = True
    # The table's highest id, if rows are examined one by one until enough are found.
    scan_end: int | None = None
    # Another path for a page that is not there soon.
    fallback: "Plan | None" = None

    @property
    def table_id(self) -> int:
        return self.table.id

    @property
    def groups(self) -> list[list[Filter]]:
        """The filters of the query and of the scope: of each group one must be true."""
        return self.query.groups + (self.table.scope.groups if self.table.scope else [])

    @property
    def terms(self) -> tuple[str, ...]:
        """What is searched for, by the query and by the scope."""
        return self.query.terms + (self.table.scope.terms if self.table.scope else ())

    @property
    def source(self) -> str:
        return table_name(self.table_id)

    @property
    def row_id(self) -> str:
        return f"{table_name(self.table_id)}.{self.dialect.row_id}"

    @property
    def order_id(self) -> str:
        """The row's id in an order."""
        return self.row_id

    def keys(self, field: Field) -> tuple[str, ...]:
        """A column's sort keys."""
        if self.may_use_sort_index:
            return self.dialect.sort_keys(field)
        return (self.dialect.unindexed_key(field),)

    def empty_keys(self, field: Field) -> tuple[str, ...]:
        """What rows without a value in the column are ordered by, before all else, so that an index provides it."""
        return ()

    def keys_of(self, field: Field, value: str) -> tuple[str, ...]:
        """What these are compared with."""
        keys = self.dialect.key_of(field, value)
        return keys if self.may_use_sort_index else keys[-1:]

    @property
    def condition(self) -> Sql:
        """True of the rows shown. Rows found by a search index are checked again: it knows trigrams, not their
        sequence.
        """
        terms = [self.match] if self.match else []
        terms += [self.dialect.is_one_of(self.row_id, ids_of(self.query.only))] if self.query.only else []
        terms += [query_sql(self.dialect, self.query)] if self.query.is_narrowed else []
        terms += [scope_sql(self.dialect, self.table)] if self.table.scope else []
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
        yield Part(
            _after_cursor(plan, cursor, 0, forward, inclusive) if cursor else Sql("TRUE"), _order(plan, 0, forward)
        )
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
    key = plan.keys(sort.field)[0]
    if cursor is None:
        return Sql(f"{key} >= {plan.dialect.smallest_key(sort.field)}")
    value = cursor.value(0, sort.field, plan.dialect, plan.table)
    bound = Sql(f"{key} {_sign(sort, forward)}= {plan.keys_of(sort.field, value.text)[0]}", value.values)
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
    name, key = column_name(sort.field), plan.keys(sort.field)[-1]
    if cursor.keys[index] is None:
        tied = all_of([Sql(f"{name} IS NULL"), rest])
        return tied if forward else any_of([Sql(f"{name} IS NOT NULL"), tied])
    value = cursor.value(index, sort.field, plan.dialect, plan.table)
    of = plan.keys_of(sort.field, value.text)[-1]
    terms = [
        Sql(f"{key} {_sign(sort, forward)} {of}", value.values),
        all_of([Sql(f"{key} = {of}", value.values), rest]),
    ]
    return any_of(terms if filled or not forward else [*terms, Sql(f"{name} IS NULL")])


def _sign(sort: Sort, forward: bool) -> str:
    return "<" if sort.descending is forward else ">"


def _direction(sort: Sort, forward: bool) -> str:
    return "DESC" if sort.descending is forward else "ASC"


def _id_sign(sorts: Sequence[Sort], forward: bool) -> str:
    return _sign(sorts[0], forward) if sorts else (">" if forward else "<")


def _order(plan: Plan, index: int, forward: bool) -> str:
    """By the sorts from `index` on. When the rows come in parts, only the very first key is known to be filled."""
    sorts = plan.query.sorts
    terms = list[str]()
    for sort in sorts[:index]:  # all of these are empty
        terms += [f"{key} {_direction(sort, forward)}" for key in plan.empty_keys(sort.field)]
    for place, sort in enumerate(sorts[index:], index):
        direction = _direction(sort, forward)
        empties = "" if place == 0 and plan.may_use_sort_index else f" NULLS {'LAST' if forward else 'FIRST'}"
        terms += [f"{key} {direction}{empties}" for key in plan.keys(sort.field)]
    terms.append(f"{plan.order_id} {'ASC' if _id_sign(sorts, forward) == '>' else 'DESC'}")
    return ", ".join(terms)
