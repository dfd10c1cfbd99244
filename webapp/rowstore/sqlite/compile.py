"""A query as SQL: which rows, in which order, from which position.

Empty cells come last in both directions. Ties are ordered by row number in the direction of the first sort, so that
descending is exactly ascending read backwards except for the empty cells, and one index serves both. A page is read in
parts: rows whose first sort key is filled, then those where it is empty. Each part is one range scan of an index, if
there is one; a single statement for both would never use it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from webapp.rowstore.query.args import Sort, TableQuery
from webapp.rowstore.sqlite.connection import led_by_search, smallest
from webapp.rowstore.sqlite.cursor import Cursor
from webapp.rowstore.sqlite.matching import found_anywhere
from webapp.rowstore.sqlite.schema import ROW_ID, Field, search_name, table_name
from webapp.rowstore.sqlite.statement import Sql, all_of, any_of


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a query, and the access path that `planning` chose."""

    query: TableQuery
    table_id: int
    # The full-text index query that leads, if any.
    match: Sql | None = None
    # After the table's name: which index must be used.
    hint: str = ""
    # Whether an index may provide the order.
    in_order: bool = True
    # The table's highest id, if rows are examined one by one until enough are found.
    scanned: int | None = None

    @property
    def source(self) -> str:
        return led_by_search(self.table_id) if self.match else f"{table_name(self.table_id)}{self.hint}"

    @property
    def row_id(self) -> str:
        return f"{search_name(self.table_id) if self.match else table_name(self.table_id)}.{ROW_ID}"

    def key(self, field: Field) -> str:
        """A column's sort key; a leading plus keeps SQLite from using an index."""
        return field.key if self.in_order else f"+{field.key}"

    @property
    def condition(self) -> Sql:
        """True of the rows shown. Rows found by the full-text index are checked again: it knows trigrams, not their
        sequence.
        """
        terms = [self.match] if self.match else []
        terms += [condition.sql for condition in self.query.filters]
        if self.query.search:
            terms.append(found_anywhere(self.query.fields, self.query.search))
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


def parts(rows: Rows, cursor: Cursor | None, *, forward: bool = True, inclusive: bool = False) -> Iterator[Part]:
    """The parts after the cursor, or from the start, in reading order; backward: those before it, nearest first."""
    sorts = rows.query.sorts
    if not sorts or not rows.in_order:
        yield Part(_beyond(rows, cursor, 0, forward, inclusive) if cursor else Sql("1"), _order(rows, 0, forward))
        return
    starts_empty = cursor is not None and cursor.keys[0] is None
    filled = Part(_filled(rows, cursor if not starts_empty else None, forward, inclusive), _order(rows, 0, forward))
    empty = Part(_empty(rows, cursor if starts_empty else None, forward, inclusive), _order(rows, 1, forward))
    if forward:
        yield from () if starts_empty else (filled,)
        yield empty
    else:
        yield from (empty,) if cursor is None or starts_empty else ()
        yield filled


def _filled(rows: Rows, cursor: Cursor | None, forward: bool, inclusive: bool) -> Sql:
    """The first sort key is filled. Only the simple bound on it lets SQLite seek in an index."""
    sort = rows.query.sorts[0]
    if cursor is None:
        return smallest(sort.field, rows.key(sort.field))
    key = cursor.value(0, sort.field, rows.table_id)
    bound = Sql(f"{rows.key(sort.field)} {_sign(sort, forward)}= {key.text}", key.values)
    return all_of([bound, _beyond(rows, cursor, 0, forward, inclusive, filled=True)])


def _empty(rows: Rows, cursor: Cursor | None, forward: bool, inclusive: bool) -> Sql:
    empty = Sql(f"{'' if rows.in_order else '+'}{rows.query.sorts[0].field.name} IS NULL")
    return all_of([empty, _beyond(rows, cursor, 1, forward, inclusive)]) if cursor else empty


def _beyond(rows: Rows, cursor: Cursor, index: int, forward: bool, inclusive: bool, filled: bool = False) -> Sql:
    """True of the rows after (or before) the cursor, given that the sort keys before `index` are equal."""
    sorts = rows.query.sorts
    if index == len(sorts):
        return Sql(f"{rows.row_id} {_id_sign(sorts, forward)}{'=' if inclusive else ''} ?", (cursor.row_id,))
    sort, rest = sorts[index], _beyond(rows, cursor, index + 1, forward, inclusive)
    name, key = sort.field.name, rows.key(sort.field)
    if cursor.keys[index] is None:
        tied = all_of([Sql(f"{name} IS NULL"), rest])
        return tied if forward else any_of([Sql(f"{name} IS NOT NULL"), tied])
    value = cursor.value(index, sort.field, rows.table_id)
    terms = [
        Sql(f"{key} {_sign(sort, forward)} {value.text}", value.values),
        all_of([Sql(f"{key} = {value.text}", value.values), rest]),
    ]
    return any_of(terms if filled or not forward else [*terms, Sql(f"{name} IS NULL")])


def _sign(sort: Sort, forward: bool) -> str:
    return "<" if sort.descending is forward else ">"


def _id_sign(sorts: Sequence[Sort], forward: bool) -> str:
    return _sign(sorts[0], forward) if sorts else (">" if forward else "<")


def _order(rows: Rows, index: int, forward: bool) -> str:
    """By the sorts from `index` on. When the rows come in parts, only the very first key is known to be filled."""
    sorts = rows.query.sorts
    terms = []
    for place, sort in enumerate(sorts[index:], index):
        direction = "DESC" if sort.descending is forward else "ASC"
        empties = "" if place == 0 and rows.in_order else f" NULLS {'LAST' if forward else 'FIRST'}"
        terms.append(f"{rows.key(sort.field)} {direction}{empties}")
    terms.append(f"{rows.row_id} {'ASC' if _id_sign(sorts, forward) == '>' else 'DESC'}")
    return ", ".join(terms)


def count_sql(rows: Rows, limit: int) -> Sql:
    """Counts to one beyond the limit at most."""
    inner = rows.select("1", limit=limit + 1)
    return Sql(f"SELECT count(*) FROM ({inner.text})", inner.values)
