"""Reading rows: the reader that a thread, or a process, uses on a connection."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from itertools import chain
from typing import Any

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
from webapp.rowstore.sql import cells, column_texts, drafts, object_lines, pages, set_parts, validation
from webapp.rowstore.sql.aggregating import Aggregator
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.duplicates import repeated_rows_sql
from webapp.rowstore.sql.export import export, stream_objects
from webapp.rowstore.sql.figures import SIZE, figures_sql, read_figures
from webapp.rowstore.sql.groups import find_groups
from webapp.rowstore.sql.inserting import fits
from webapp.rowstore.sql.positions import find_position
from webapp.rowstore.sql.profile import Profiler, compared_text
from webapp.rowstore.sql.row_batches import read_batches
from webapp.rowstore.sql.row_deletions import latest_deletions
from webapp.rowstore.sql.schema import column_name, table_name
from webapp.rowstore.sql.workbook_rows import ensure_fits
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


class SqlRowReader(RowReader):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # -- queries ---------------------------------------------------------------------------------------------------

    def page(
        self,
        table: TableRef,
        query: TableQuery,
        start: PageStart = FIRST_PAGE,
        size: int = PAGE_SIZE,
        scan_seconds: float = SCAN_SECONDS,
    ) -> Page:
        return pages.page(self.connection, table, query, start, size, scan_seconds)

    def count(self, table: TableRef, query: TableQuery, seconds: float = math.inf) -> Count:
        with self.connection.time_limit(seconds):
            return pages.count(self.connection, table, query)

    def position(
        self, table: TableRef, query: TableQuery, fraction: float, seconds: float = POSITION_SECONDS
    ) -> Position | None:
        return find_position(self.connection, table, query, fraction, seconds)

    def row(
        self,
        table: TableRef,
        query: TableQuery,
        row_id: int,
        scan_seconds: float = SCAN_SECONDS,
        sort_seconds: float = NEIGHBOUR_SECONDS,
    ) -> RowView | None:
        def limited() -> AbstractContextManager[None]:
            return self.connection.time_limit(sort_seconds)

        return pages.row(self.connection, limited, table, query, row_id, scan_seconds)

    def has_row(self, table: TableRef, row_id: int) -> bool:
        return cells.has_row(self.connection, table, row_id)

    def cell(self, table: TableRef, row_id: int, field: Field) -> Blocks:
        return cells.read_cell(self.connection, table, row_id, field)

    def cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        table.ensure_shown(fields)
        return self._cells(table, ids, fields)

    def _cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        """Also of columns that the table does not show."""
        printed = cells.print_scoped(
            self.connection, table, ids, [self.connection.dialect.print_exact(field) for field in fields]
        )
        return {row_id: tuple(map(decode, texts)) for row_id, texts in printed.items()}

    def values(self, table: TableRef, ids: Sequence[int], field: Field) -> dict[int, Any]:
        table.ensure_shown([field])
        name = column_name(field)
        found = cells.print_scoped(
            self.connection,
            table,
            ids,
            [compared_text(self.connection.dialect, name) if field.type == "text" else name],
        )
        return {row_id: decode(value) if isinstance(value, str) else value for row_id, (value,) in found.items()}

    def text_size(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> int:
        table.ensure_shown(fields)
        return cells.text_size(self.connection, table, ids, fields)

    def batches(
        self, table: TableRef, query: TableQuery, fields: Sequence[Field], size: int = BATCH_SIZE
    ) -> Iterator[list[StoredRow]]:
        table.ensure_shown(fields)
        return read_batches(self.connection, table, query, fields, size)

    def repeated_rows(
        self, table: TableRef, query: TableQuery, keys: Sequence[Field], keep: Keep
    ) -> Iterator[list[int]]:
        found = repeated_rows_sql(self.connection, table, query, keys, keep)
        with closing(self.connection.iterate(found)) as batches:
            for batch in batches:
                yield [row_id for (row_id,) in batch]

    def fits(self, field: Field, text: str) -> bool:
        return fits(field, text)

    def set_parts(self, table_id: int, seq: int) -> list[int]:
        return set_parts.read_numbers(self.connection, table_id, seq)

    def set_part(self, table_id: int, seq: int, number: int) -> list[Entry]:
        return set_parts.read_part(self.connection, table_id, seq, number)

    def latest_deletions(self, table_id: int, after: int, ids: Sequence[int]) -> dict[int, str | None]:
        return latest_deletions(self.connection, table_id, after, ids)

    def texts(self, table: TableRef, field: Field) -> Iterator[list[str]]:
        table.ensure_shown([field])
        found = column_texts.texts_sql(self.connection.dialect, table, field)
        with closing(self.connection.iterate(found)) as read:
            for batch in column_texts.batches(chain.from_iterable(read), TEXTS):
                yield [decode(text) for (text,) in batch]

    def first_rows(self, table: TableRef, field: Field, texts: Sequence[str]) -> dict[str, int]:
        table.ensure_shown([field])
        found = (
            self.connection.execute(column_texts.first_rows_sql(self.connection.dialect, table, field, texts))
            if texts
            else []
        )
        return {decode(text): row_id for text, row_id in found}

    def compare(self, table: TableRef, source: Field, target: Field, after: int, last: int) -> Comparison:
        table.ensure_whole()
        counted = Comparison(
            *self.connection.execute(
                column_texts.comparison_sql(self.connection.dialect, table.id, source, target, after, last)
            )[0]
        )
        if not counted.differing:
            return counted
        found = self.connection.execute(
            column_texts.differing_rows_sql(
                self.connection.dialect, table.id, source, target, after, last, MAX_DIFFERING
            )
        )
        return replace(counted, rows=tuple(row_id for (row_id,) in found))

    def unmet(self, table: TableRef, field: Field, choices: Sequence[str]) -> Unmet:
        table.ensure_whole()
        return Unmet(
            *self.connection.execute(validation.unmet_sql(self.connection.dialect, table.id, field, choices))[0]
        )

    def drafts(self) -> list[str]:
        return drafts.find_drafts(self.connection)

    def has_discarded(self) -> bool:
        return drafts.has_discarded(self.connection)

    def free_columns(self, table_id: int) -> int:
        return max(0, self.connection.dialect.limits.columns - len(self.connection.column_types(table_name(table_id))))

    def has_search_index(self, table: TableRef) -> bool:
        table.ensure_whole()
        return self.connection.search_index.is_current(table)

    def profile(self, table: TableRef, query: TableQuery, number: int, seconds: float = PROFILE_SECONDS) -> Profile:
        column, query = query.field(number), query.sorted_by()
        return Profiler(self.connection, table, query, column).profile(seconds)

    def figures(self, table: TableRef, query: TableQuery, numbers: Sequence[int]) -> list[Figures]:
        columns = [query.field(number) for number in numbers]
        plan = self.connection.make_plan(table, query.sorted_by(), whole=True)
        rows, *values = self.connection.execute(
            plan.select(", ".join(["count(*)", *[figures_sql(self.connection.dialect, column) for column in columns]]))
        )[0]
        parts = [values[start : start + SIZE] for start in range(0, len(values), SIZE)]
        return [read_figures(column, rows, part) for column, part in zip(columns, parts, strict=True)]

    def groups(
        self, table: TableRef, query: TableQuery, grouping: Grouping, start: int = 0, size: int = GROUPS
    ) -> Groups:
        table.ensure_shown([grouping.field, *grouping.sums])
        return find_groups(self.connection, table, query, grouping, start, size)

    def aggregate(
        self,
        table: TableRef,
        query: TableQuery,
        axes: Sequence[Axis],
        measure: Measure,
        seconds: float = AGGREGATE_SECONDS,
    ) -> Aggregate:
        return Aggregator(self.connection, table, query).aggregate(axes, measure, seconds)

    def points(
        self, table: TableRef, query: TableQuery, x: int, y: int, most: int, seconds: float = AGGREGATE_SECONDS
    ) -> Points:
        return Aggregator(self.connection, table, query).points(x, y, most, seconds)

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
        return export(self.connection, table, query, format, safe=safe, delimiter=delimiter, on_rows=on_rows)

    def objects(self, table: TableRef, query: TableQuery, ids: Sequence[int], style: ObjectStyle) -> list[bytes]:
        return object_lines.read_objects(self.connection, table, query, ids, style)

    def stream_objects(self, table: TableRef, query: TableQuery, style: ObjectStyle) -> Blocks:
        return stream_objects(self.connection, table, query, style)

    def key_rows(
        self, table: TableRef, fields: Sequence[Field], keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], tuple[int, int]]:
        table.ensure_shown(fields)
        found = (
            self.connection.execute(column_texts.key_rows_sql(self.connection.dialect, table, fields, keys))
            if keys
            else []
        )
        return {tuple(map(decode, row[:-2])): (row[-2], row[-1]) for row in found}

    def ensure_exportable(
        self, table: TableRef, query: TableQuery, format: ExportFormat, seconds: float = EXPORT_CHECK_SECONDS
    ) -> None:
        if format == "xlsx":
            with suppress(QueryTimeout), self.connection.time_limit(seconds):
                ensure_fits(self.connection, table, query)
