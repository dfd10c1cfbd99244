"""Reading rows. Times are in seconds."""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Literal, Protocol

from webapp.rowstore.aggregates import Aggregate, Axis, Measure, Points
from webapp.rowstore.entries import Entry
from webapp.rowstore.objects import ObjectStyle
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import Grouping
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import (
    FIRST_PAGE,
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

PAGE_SIZE = 100  # rows
BATCH_SIZE = 1_000  # rows that are read or changed at once, where all are
COUNT_LIMIT = 10_000  # rows
PROFILE_SECONDS = 2.0  # for the exact figures; a sample takes little more
AGGREGATE_SECONDS = 2.0  # for all rows; a sample takes little more
MAX_FIGURES = 100  # columns
GROUPS = 200  # that are read at once
SCAN_SECONDS = 0.2
NEIGHBOUR_SECONDS = 1.0  # where rows are not examined one by one but sorted
POSITION_SECONDS = 0.2
EXPORT_CHECK_SECONDS = 2.0  # before the first byte is sent

ExportFormat = Literal["csv", "ndjson", "json", "xlsx"]
Keep = Literal[
    "first", "last", "fullest"
]  # which of several rows stays: by place, or the one with the most filled cells
Blocks = Generator[bytes, None, None]


class RowReader(Protocol):
    """Reads one snapshot. Each method raises `QueryTimeout` when its time is over."""

    def page(
        self,
        table: TableRef,
        query: TableQuery,
        start: PageStart = FIRST_PAGE,
        size: int = PAGE_SIZE,
        scan_seconds: float = SCAN_SECONDS,
    ) -> Page:
        """Where rows have to be examined one by one, that ends after `scan_seconds` with whatever has been found.

        Raises `QueryError` for an invalid cursor.
        """
        ...

    def count(self, table: TableRef, query: TableQuery, seconds: float = math.inf) -> Count:
        """How many rows the query shows, counted up to `COUNT_LIMIT`. Raises `QueryTimeout` also after `seconds`."""
        ...

    def position(
        self, table: TableRef, query: TableQuery, fraction: float, seconds: float = POSITION_SECONDS
    ) -> Position | None:
        """The row at `fraction` (0 to 1) of the way through the query's rows; None if it shows none. What would take
        longer than about `seconds` is estimated.
        """
        ...

    def row(
        self,
        table: TableRef,
        query: TableQuery,
        row_id: int,
        scan_seconds: float = SCAN_SECONDS,
        sort_seconds: float = NEIGHBOUR_SECONDS,
    ) -> RowView | None:
        """One row and its neighbours in the query, which need not include it; None if there is no such row. Looking
        for each neighbour ends after this time.
        """
        ...

    def has_row(self, table: TableRef, row_id: int) -> bool: ...

    def cell(self, table: TableRef, row_id: int, field: Field) -> Blocks:
        """The exact text of one cell in UTF-8, however long, in blocks. Yields nothing if there is no such row."""
        ...

    def cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        """The exact texts of these cells, by row; rows that do not exist are missing."""
        ...

    def values(self, table: TableRef, ids: Sequence[int], field: Field) -> dict[int, Any]:
        """The value of each of these cells as it is stored, by row; None if a cell has none. Of a long text only what
        tells it from others. Rows that do not exist are missing.
        """
        ...

    def text_size(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> int:
        """How many characters these cells have, about: found out without reading them, where they may be long."""
        ...

    def batches(
        self, table: TableRef, query: TableQuery, fields: Sequence[Field], size: int = BATCH_SIZE
    ) -> Iterator[list[StoredRow]]:
        """The rows that the query shows, with the exact texts of these cells, in the order of their ids and as they are
        when the first batch is read. At most `size` at a time, fewer where texts are long.
        """
        ...

    def repeated_rows(
        self, table: TableRef, query: TableQuery, keys: Sequence[Field], keep: Keep
    ) -> Iterator[list[int]]:
        """The ids of those rows of the query whose texts in the columns `keys` another one has too, but for the one of
        each group that stays, in the order of their ids, in batches. Rows that are empty in all of these repeat none.
        """
        ...

    def fits(self, field: Field, text: str) -> bool:
        """Whether the column can hold this text: exactly as its values are printed, or because it keeps texts."""
        ...

    def set_parts(self, table_id: int, seq: int) -> list[int]:
        """The numbers of the parts of a large change set, in their order; none if it is not large."""
        ...

    def set_part(self, table_id: int, seq: int, number: int) -> list[Entry]:
        """The entries of one part; none if the log does not have it any more."""
        ...

    def latest_deletions(self, table_id: int, after: int, ids: Sequence[int]) -> dict[int, str | None]:
        """Of those rows that came or went with a change set later than `after` the cells, as JSON, that the last one
        has deleted; None for a row that it has brought.
        """
        ...

    def texts(self, table: TableRef, field: Field) -> Iterator[list[str]]:
        """The exact texts of a column in the order of the rows, in batches."""
        ...

    def first_rows(self, table: TableRef, field: Field, texts: Sequence[str]) -> dict[str, int]:
        """The first row whose cell in this column is each of these texts; those that none is are missing."""
        ...

    def compare(self, table: TableRef, source: Field, target: Field, after: int, last: int) -> Comparison:
        """The rows behind `after` up to `last`, whose cells were converted from `source` to `target`."""
        ...

    def unmet(self, table: TableRef, field: Field, choices: Sequence[str]) -> Unmet:
        """How many cells of the column rules would not accept that demand these choices, and texts that differ."""
        ...

    def drafts(self) -> list[str]:
        """The names of all drafts, as `RowLoader.draft_appender` takes them."""
        ...

    def has_discarded(self) -> bool:
        """Whether there is anything for `RowWriter.clear_discarded`."""
        ...

    def free_columns(self, table_id: int) -> int:
        """How many stored columns the table has room for."""
        ...

    def has_search_index(self, table: TableRef) -> bool:
        """Whether searches of these columns are answered by an index, and no useless one is beside it."""
        ...

    def profile(self, table: TableRef, query: TableQuery, number: int, seconds: float = PROFILE_SECONDS) -> Profile:
        """The contents of the column `number`, in the rows the query shows. What takes longer than `seconds` is
        estimated from a sample. Raises `QueryError` for an unknown column, `QueryTimeout` if not even one scan of all
        rows finishes in time.
        """
        ...

    def figures(self, table: TableRef, query: TableQuery, numbers: Sequence[int]) -> list[Figures]:
        """Figures of each of these columns, at most `MAX_FIGURES`, in the rows the query shows: one scan for all of
        them. Raises `QueryError` for an unknown column.
        """
        ...

    def groups(
        self, table: TableRef, query: TableQuery, grouping: Grouping, start: int = 0, size: int = GROUPS
    ) -> Groups:
        """The groups from number `start` on, at most `size`, of the rows the query shows; from 0 if there are not so
        many.
        """
        ...

    def aggregate(
        self,
        table: TableRef,
        query: TableQuery,
        axes: Sequence[Axis],
        measure: Measure,
        seconds: float = AGGREGATE_SECONDS,
    ) -> Aggregate:
        """What the rows that the query shows add up to, by the places of one or two columns. What takes longer than
        `seconds` is estimated from a sample. Raises `QueryError` for an unknown column and for a measure of a column
        without numbers, `QueryTimeout` if the sample takes too long as well, or the table is too small for one.
        """
        ...

    def points(
        self, table: TableRef, query: TableQuery, x: int, y: int, most: int, seconds: float = AGGREGATE_SECONDS
    ) -> Points:
        """About `most` of the rows that the query shows and that have a value in both columns. Takes as long, and
        raises, as `aggregate`.
        """
        ...

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
        """The rows of the query in its order, its visible columns in theirs, in blocks.

        `safe` and `delimiter` are for CSV. `on_rows` is told how many more rows were read; of CSV their lines.
        Raises `UnfitForExcel` if a text does not fit into a cell of a workbook.
        """
        ...

    def objects(self, table: TableRef, query: TableQuery, ids: Sequence[int], style: ObjectStyle) -> list[bytes]:
        """These rows as JSON objects with the visible columns of the query, each a line, in the order of `ids`; those
        that do not exist are missing.
        """
        ...

    def stream_objects(self, table: TableRef, query: TableQuery, style: ObjectStyle) -> Blocks:
        """All rows of the query in its order, as such lines, in blocks."""
        ...

    def key_rows(
        self, table: TableRef, fields: Sequence[Field], keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], tuple[int, int]]:
        """Of the rows whose cells in these columns have each of these texts the first, and how many there are; keys
        that no row has are missing.
        """
        ...

    def ensure_exportable(
        self, table: TableRef, query: TableQuery, format: ExportFormat, seconds: float = EXPORT_CHECK_SECONDS
    ) -> None:
        """Raises `UnfitForExcel`, with its place, if a text does not fit into a cell of a workbook, as far as that can
        be found out in this time.
        """
        ...
