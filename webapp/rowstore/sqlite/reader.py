"""Reading rows: the reader that a thread, or a process, uses on a connection."""

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from webapp.db.sqlite_driver import connect
from webapp.rowstore.aggregates import Aggregate, Axis, Measure, Points
from webapp.rowstore.entries import Entry
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.objects import ObjectStyle
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import Grouping
from webapp.rowstore.reader import (
    AGGREGATE_SECONDS,
    BATCH_SIZE,
    EXPORT_CHECK_SECONDS,
    GROUPS,
    NEIGHBOUR_SECONDS,
    PAGE_SIZE,
    POSITION_SECONDS,
    PROFILE_SECONDS,
    SCAN_SECONDS,
    Blocks,
    ExportFormat,
    Keep,
    RowReader,
)
from webapp.rowstore.sqlite import cells, converting, drafts, object_lines, pages, set_parts, validation
from webapp.rowstore.sqlite.aggregating import Aggregator
from webapp.rowstore.sqlite.duplicates import repeated_rows_sql
from webapp.rowstore.sqlite.export import export, stream_objects
from webapp.rowstore.sqlite.figures import SIZE, figures_sql, read_figures
from webapp.rowstore.sqlite.groups import find_groups
from webapp.rowstore.sqlite.inserting import fits
from webapp.rowstore.sqlite.planning import make_plan
from webapp.rowstore.sqlite.positions import find_position
from webapp.rowstore.sqlite.printing import print_exact
from webapp.rowstore.sqlite.profile import Profiler, compared_text
from webapp.rowstore.sqlite.row_batches import read_batches
from webapp.rowstore.sqlite.row_deletions import latest_deletions
from webapp.rowstore.sqlite.schema import column_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.sqlite.workbook_rows import ensure_fits
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import (
    FIRST_PAGE,
    MAX_DIFFERING,
    Comparison,
    Count,
    Figures,
    Groups,
    Page,
    PageStart,
    Position,
    Profile,
    RowView,
    StoredRow,
    Unmet,
)

TEXTS = 2_000  # cells of a column that are read at once
BATCH = 25  # rows that are in memory although a page may have no room for them

# SQLite VM instructions between checks whether to go on: some hundredths of a second. A check takes the interpreter
# lock, which a busy event loop releases only every 5 ms, so frequent checks would mostly wait.
STEPS = 500_000


class SqliteRowReader(RowReader):
    """Without a deadline until `time_limit` or `cancellable` sets one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._deadline = math.inf  # of time.monotonic()

    # -- queries ---------------------------------------------------------------------------------------------------

    def page(
        self,
        table: TableRef,
        query: TableQuery,
        start: PageStart = FIRST_PAGE,
        size: int = PAGE_SIZE,
        scan_seconds: float = SCAN_SECONDS,
    ) -> Page:
        return pages.page(self.execute, self.iterate, table, query, start, size, scan_seconds)

    def count(self, table: TableRef, query: TableQuery, seconds: float = math.inf) -> Count:
        with self.time_limit(seconds):
            return pages.count(self.execute, table, query)

    def position(
        self, table: TableRef, query: TableQuery, fraction: float, seconds: float = POSITION_SECONDS
    ) -> Position | None:
        return find_position(self.execute, self.time_limit, table, query, fraction, seconds)

    def row(
        self,
        table: TableRef,
        query: TableQuery,
        row_id: int,
        scan_seconds: float = SCAN_SECONDS,
        sort_seconds: float = NEIGHBOUR_SECONDS,
    ) -> RowView | None:
        def limited() -> AbstractContextManager[None]:
            return self.time_limit(sort_seconds)

        return pages.row(self.execute, self.iterate, limited, table, query, row_id, scan_seconds)

    def has_row(self, table: TableRef, row_id: int) -> bool:
        return cells.has_row(self.execute, table, row_id)

    def cell(self, table: TableRef, row_id: int, field: Field) -> Blocks:
        return cells.read_cell(self._connection, self.execute, table, row_id, field)

    def cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        table.ensure_shown(fields)
        return self._cells(table, ids, fields)

    def _cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        """Also of columns that the table does not show."""
        printed = cells.print_scoped(self.execute, table, ids, [print_exact(field) for field in fields])
        return {row_id: tuple(map(decode, texts)) for row_id, texts in printed.items()}

    def values(self, table: TableRef, ids: Sequence[int], field: Field) -> dict[int, Any]:
        table.ensure_shown([field])
        name = column_name(field)
        found = cells.print_scoped(self.execute, table, ids, [compared_text(name) if field.type == "text" else name])
        return {row_id: decode(value) if isinstance(value, str) else value for row_id, (value,) in found.items()}

    def text_size(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> int:
        table.ensure_shown(fields)
        return cells.text_size(self.execute, table, ids, fields)

    def batches(
        self, table: TableRef, query: TableQuery, fields: Sequence[Field], size: int = BATCH_SIZE
    ) -> Iterator[list[StoredRow]]:
        table.ensure_shown(fields)
        return read_batches(self._connection, self.execute, table, query, fields, size)

    def repeated_rows(
        self, table: TableRef, query: TableQuery, keys: Sequence[Field], keep: Keep
    ) -> Iterator[list[int]]:
        found = repeated_rows_sql(self.execute, table, query, keys, keep)
        for batch in self.iterate(found):
            yield [row_id for (row_id,) in batch]

    def fits(self, field: Field, text: str) -> bool:
        return fits(field, text)

    def set_parts(self, table_id: int, seq: int) -> list[int]:
        return set_parts.read_numbers(self.execute, table_id, seq)

    def set_part(self, table_id: int, seq: int, number: int) -> list[Entry]:
        return set_parts.read_part(self.execute, table_id, seq, number)

    def latest_deletions(self, table_id: int, after: int, ids: Sequence[int]) -> dict[int, str | None]:
        return latest_deletions(self.execute, table_id, after, ids)

    def texts(self, table: TableRef, field: Field) -> Iterator[list[str]]:
        table.ensure_shown([field])
        found = converting.texts_sql(table, field)
        with readable_errors(), closing(self._connection.execute(found.text, found.values)) as cursor:
            for batch in converting.batches(cursor, TEXTS):
                yield [decode(text) for (text,) in batch]

    def first_rows(self, table: TableRef, field: Field, texts: Sequence[str]) -> dict[str, int]:
        table.ensure_shown([field])
        found = self.execute(converting.first_rows_sql(table, field, texts)) if texts else []
        return {decode(text): row_id for text, row_id in found}

    def compare(self, table: TableRef, source: Field, target: Field, after: int, last: int) -> Comparison:
        table.ensure_whole()
        counted = Comparison(*self.execute(converting.comparison_sql(table.id, source, target, after, last))[0])
        if not counted.differing:
            return counted
        found = self.execute(converting.differing_rows_sql(table.id, source, target, after, last, MAX_DIFFERING))
        return replace(counted, rows=tuple(row_id for (row_id,) in found))

    def unmet(self, table: TableRef, field: Field, choices: Sequence[str]) -> Unmet:
        table.ensure_whole()
        return Unmet(*self.execute(validation.unmet_sql(table.id, field, choices))[0])

    def drafts(self) -> list[str]:
        return drafts.find_drafts(self.execute)

    def has_discarded(self) -> bool:
        return drafts.has_discarded(self.execute)

    def free_columns(self, table_id: int) -> int:
        return converting.free_columns(self.execute, table_id)

    def profile(self, table: TableRef, query: TableQuery, number: int, seconds: float = PROFILE_SECONDS) -> Profile:
        column, query = query.field(number), query.sorted_by()
        return Profiler(self.execute, self.time_limit, table, query, column).profile(seconds)

    def figures(self, table: TableRef, query: TableQuery, numbers: Sequence[int]) -> list[Figures]:
        columns = [query.field(number) for number in numbers]
        plan = make_plan(self.execute, table, query.sorted_by(), whole=True)
        rows, *values = self.execute(plan.select(", ".join(["count(*)", *map(figures_sql, columns)])))[0]
        parts = [values[start : start + SIZE] for start in range(0, len(values), SIZE)]
        return [read_figures(column, rows, part) for column, part in zip(columns, parts, strict=True)]

    def groups(
        self, table: TableRef, query: TableQuery, grouping: Grouping, start: int = 0, size: int = GROUPS
    ) -> Groups:
        table.ensure_shown([grouping.field, *grouping.sums])
        return find_groups(self.execute, table, query, grouping, start, size)

    def aggregate(
        self,
        table: TableRef,
        query: TableQuery,
        axes: Sequence[Axis],
        measure: Measure,
        seconds: float = AGGREGATE_SECONDS,
    ) -> Aggregate:
        return Aggregator(self.execute, self.time_limit, table, query).aggregate(axes, measure, seconds)

    def points(
        self, table: TableRef, query: TableQuery, x: int, y: int, most: int, seconds: float = AGGREGATE_SECONDS
    ) -> Points:
        return Aggregator(self.execute, self.time_limit, table, query).points(x, y, most, seconds)

    def export(
        self,
        table: TableRef,
        query: TableQuery,
        format: ExportFormat = "csv",
        *,
        safe: bool = False,
        delimiter: str = ",",
        on_rows: Callable[[int], None] = lambda rows: None,
    ) -> Blocks:
        return export(
            self._connection, self.execute, table, query, format, safe=safe, delimiter=delimiter, on_rows=on_rows
        )

    def objects(self, table: TableRef, query: TableQuery, ids: Sequence[int], style: ObjectStyle) -> list[bytes]:
        return object_lines.read_objects(self.execute, table, query, ids, style)

    def stream_objects(self, table: TableRef, query: TableQuery, style: ObjectStyle) -> Blocks:
        return stream_objects(self._connection, self.execute, table, query, style)

    def key_rows(
        self, table: TableRef, fields: Sequence[Field], keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], tuple[int, int]]:
        table.ensure_shown(fields)
        found = self.execute(converting.key_rows_sql(table, fields, keys)) if keys else []
        return {tuple(map(decode, row[:-2])): (row[-2], row[-1]) for row in found}

    def ensure_exportable(
        self, table: TableRef, query: TableQuery, format: ExportFormat, seconds: float = EXPORT_CHECK_SECONDS
    ) -> None:
        if format == "xlsx":
            with suppress(QueryTimeout), self.time_limit(seconds):
                ensure_fits(self._connection, self.execute, table, query)

    # -- execution -------------------------------------------------------------------------------------------------

    def execute(self, sql: Sql) -> list[Any]:
        """All rows of one statement. Raises `QueryTimeout`, and `UserError` for trouble of the database."""
        with readable_errors():
            return self._connection.execute(sql.text, sql.values).fetchall()

    def iterate(self, sql: Sql) -> Iterator[list[Any]]:
        """The rows of one statement in batches, each computed when it is asked for. Raises as `execute` does."""
        with readable_errors(), closing(self._connection.execute(sql.text, sql.values)) as cursor:
            while batch := cursor.fetchmany(BATCH):
                yield batch

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Statements in this block end after `seconds`, or with the reader's own deadline if that is sooner."""
        outer = self._deadline
        self._deadline = min(outer, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._deadline = outer

    @contextmanager
    def cancellable(self, seconds: float, cancelled: threading.Event) -> Iterator[None]:
        """The same, and statements also end once `cancelled` is set, because nobody waits for them any more."""
        self._connection.set_progress_handler(lambda: cancelled.is_set() or time.monotonic() > self._deadline, STEPS)
        try:
            with self.time_limit(seconds):
                yield
        finally:
            self._connection.set_progress_handler(None, STEPS)


@contextmanager
def open_reader(address: str) -> Iterator[SqliteRowReader]:
    with closing(connect(Path(address), query_only=True)) as connection:
        yield SqliteRowReader(connection)
