"""The row store: what can be asked of the rows of tables, in three interfaces by where a call runs.

    await store.read(lambda rows: rows.page(table, query), seconds=5)  # RowReader: in a thread, on one snapshot
    await within(work, lambda rows: rows.apply(table, changes))        # RowWriter: in a unit of work
    with open_loader(store.address) as loader: ...                     # RowLoader: in a child process

Each database has its own implementation (`webapp.rowstore.sqlite`); nothing outside this package speaks SQL to user
tables. Cells go in and come out as texts, exactly as files have them.
"""

import math
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar

from webapp.rowstore.entries import Entry
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import Grouping
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import (
    FIRST_PAGE,
    AppliedEntries,
    ApplyResult,
    CellChange,
    Comparison,
    Converted,
    Count,
    Figures,
    Groups,
    Limits,
    Page,
    PageStart,
    Position,
    Profile,
    RowView,
    StoredRow,
    Unmet,
)

F = TypeVar("F")
T = TypeVar("T")

PAGE_SIZE = 100  # rows
BATCH_SIZE = 1_000  # rows that are read or changed at once, where all are
COUNT_LIMIT = 10_000  # rows
PROFILE_SECONDS = 2.0  # for the exact figures; a sample takes little more
MAX_FIGURES = 100  # columns
GROUPS = 200  # that are read at once
SCAN_SECONDS = 0.2
NEIGHBOUR_SECONDS = 1.0  # where rows are not examined one by one but sorted
POSITION_SECONDS = 0.2
EXPORT_CHECK_SECONDS = 2.0  # before the first byte is sent
# Of a table's columns: each takes a tenth of the table's size or more, and slows changes of its rows down.
MAX_INDEXES = 8
NEVER_USED: Mapping[int, float] = MappingProxyType({})

ExportFormat = Literal["csv", "ndjson", "xlsx"]
Keep = Literal[
    "first", "last", "fullest"
]  # which of several rows stays: by place, or the one with the most filled cells
Progress = Callable[[int, int], None]  # (done, total)
Blocks = Generator[bytes, None, None]


# -- reading -----------------------------------------------------------------------------------------------------------


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

    def ensure_exportable(
        self, table: TableRef, query: TableQuery, format: ExportFormat, seconds: float = EXPORT_CHECK_SECONDS
    ) -> None:
        """Raises `UnfitForExcel`, with its place, if a text does not fit into a cell of a workbook, as far as that can
        be found out in this time.
        """
        ...


# -- writing -----------------------------------------------------------------------------------------------------------


class RowWriter(RowReader, Protocol):
    """Writes rows, and keeps the search index equal to them. Ids come from `tables.next_row_id`, and are never used
    twice.

    Texts that do not fit their column's type raise `CellValueError`, unless the column keeps texts; nothing of that
    call is then kept by its unit of work.
    """

    limits: Limits

    def create(self, table: TableRef, draft: str = "") -> int:
        """Make room for a new table's rows; return how many it has, which are those of the `draft`, if there is one."""
        ...

    def discard_draft(self, draft: str) -> None:
        """Nobody can take it or add to it from now on; `clear_discarded` deletes its rows. Takes no time."""
        ...

    def clear_discarded(self, limit: int) -> bool:
        """Delete the next `limit` rows of discarded drafts; return whether there is more."""
        ...

    def keep_texts(self, table_id: int, field: Field) -> Field:
        """Return the field as it is from now on: with room for texts that its values do not print back. Raises
        `UserError` if the table has no room for a further column.
        """
        ...

    def add_column(self, table: TableRef, field: Field, spare: Collection[int] = ()) -> Field:
        """Return the field with the number of the stored column it got: one of the empty ones in `spare`, or a new one.
        Raises `UserError` if the table has no room.
        """
        ...

    def convert(self, table: TableRef, source: Field, target: Field, after: int, limit: int) -> Converted | None:
        """Write the next `limit` rows behind the row `after` from one stored column into the other, which nobody reads
        yet; None if there are no more. Raises `UserError` if texts have to be kept and the table has no room for them.
        """
        ...

    def convert_rows(self, table: TableRef, source: Field, target: Field, ids: Collection[int]) -> Field:
        """Write these rows, which were converted before, once more; return the target as it is then. Raises `UserError`
        like `convert`.
        """
        ...

    def drop_sort_index(self, table_id: int, field: Field) -> None:
        """Does nothing if the column has none."""
        ...

    def empty_column(self, table_id: int, storage: int, after: int, limit: int) -> int | None:
        """Remove the cells of a stored column from the next `limit` rows behind the row `after`, and its index; return
        the last of them, None if there are no more.
        """
        ...

    def drop(self, table_id: int) -> None:
        """Drop all rows and every index of them. Does nothing if there are none."""
        ...

    def clear(self, table_id: int, limit: int) -> bool:
        """Delete the next `limit` rows of a table that nobody reads any more, its indexes first; return whether there
        were any. Takes little time, however many rows there are.
        """
        ...

    def forget_deleted(self, table_id: int, *, begins: bool) -> bool:
        """The search index keeps the texts of deleted rows until its parts are merged: do some of that, beginning anew
        or going on; return whether there is more.
        """
        ...

    def drop_search_index(self, table_id: int) -> None:
        """And what has been built of another one. Searches read the rows from then on."""
        ...

    def drop_unfinished_search_index(self, table_id: int) -> None:
        """Drop what an interrupted build has left. One that is running ends at its next step: whoever changes where a
        column's cells are stored calls this, since the build would read the others, and changes of rows would then take
        texts out of the index that are not in it.
        """
        ...

    def apply(self, table: TableRef, changes: Sequence[CellChange]) -> ApplyResult:
        """Change cells, each only if it still holds the text that was seen."""
        ...

    def apply_entries(
        self, table: TableRef, entries: Sequence[Entry], keep_texts: Callable[[Field], Field]
    ) -> AppliedEntries:
        """Make a part of a large change: each cell, added row and deleted row of `entries`, in which none occurs twice,
        if the table still holds what the entry says. Far less work for each than with `apply`, `restore` and `delete`.

        `table` has the deleted columns too: cells of theirs are changed like others, and of those it does not have
        none. `keep_texts` is called for a column that has no value for a text, and returns it with room for texts.
        """
        ...

    def insert(self, table: TableRef, rows: Sequence[StoredRow]) -> None: ...

    def drop_column(self, table_id: int, field: Field) -> None:
        """Drop a deleted column, which writes the whole table anew. Does nothing if there is none."""
        ...

    def delete(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        """Return the rows that were there, as `restore` takes them."""
        ...

    def restore(self, table: TableRef, rows: Sequence[StoredRow]) -> list[int]:
        """Insert deleted rows again under their ids; return those ids that are taken, whose rows were left out."""
        ...


# -- loading -----------------------------------------------------------------------------------------------------------


class ImportWithdrawn(Exception):
    """The import should no longer be loaded: it was cancelled or deleted, and its table is gone."""


class ConversionWithdrawn(Exception):
    """The change of type should no longer be made: it was cancelled, or its table is gone."""


class ChangeWithdrawn(Exception):
    """The large change should no longer be planned, applied or taken back: it was cancelled, or its table is gone."""


class Appender(Protocol):
    """Appends the rows of one import in the order of its file, resuming where an interrupted one stopped."""

    done: int  # rows of the file already in the table

    def append(self, rows: Sequence[Sequence[str]]) -> Iterator[int]:
        """Yield the number of rows done after each commit, which also moves the import's cursor.

        Raises `ImportWithdrawn`, and `CellValueError` for a text that does not fit its column.
        """
        ...

    def finish(self) -> None: ...


class RowLoader(Protocol):
    """Bulk work on a connection of its own, in many short transactions between which others write."""

    def __enter__(self) -> "RowLoader": ...
    def __exit__(self, *exc: object) -> None: ...

    def appender(self, table: TableRef, positions: Sequence[int], import_id: str) -> Appender:
        """`positions`: where each column of the table is in the rows of the file. Raises `ImportWithdrawn`."""
        ...

    def draft_appender(self, table: TableRef, positions: Sequence[int], draft: str) -> Appender:
        """The same for an import that nobody has decided about: its rows belong to no table, and nobody sees them,
        until `RowWriter.create` takes the draft. Its name is the import's id, an underscore, and 32 hexadecimal digits
        of what it is made with. The id of `table` means nothing. Raises `ImportWithdrawn`.
        """
        ...

    def convert(
        self, table: TableRef, source: Field, target: Field, change_id: int, last_row: int, progress: Progress
    ) -> Comparison:
        """Convert the rows behind `last_row` from one stored column to another; the record of the change says how far
        it has come. Raises `ConversionWithdrawn`, and `UserError` if the table has no room for texts that have to be
        kept.
        """
        ...

    def write_plan(
        self, change_id: int, batches: Generator[Sequence[Entry], None, dict[str, Any]], progress: Progress
    ) -> None:
        """Store what a planner yields as the parts of a large change, instead of those it has, and what it returns as
        its report. Raises `ChangeWithdrawn`, and whatever the planner raises.
        """
        ...

    def apply_change(self, change_id: int, progress: Progress) -> None:
        """Carry out the rest of a large change's plan, a part in each transaction. Raises `ChangeWithdrawn`, and
        `UserError` if a column has no room for texts.
        """
        ...

    def revert_change(self, change_id: int, progress: Progress) -> None:
        """Take back what has been carried out of a large change, the last part first, but for what somebody has changed
        since. Raises `ChangeWithdrawn`.
        """
        ...

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        """Build the search index; False if this database cannot, or the table is gone. `progress` may raise."""
        ...

    def index_sort(
        self, table_id: int, field: Field, used: Mapping[int, float] = NEVER_USED, since: float = 0
    ) -> set[int]:
        """Build the index for sorting and filtering by this column, unless it exists or there is no room for it.

        A table has at most `MAX_INDEXES` of them. `used` says when each was last used, by the number of its stored
        column: for a new one the least recently used goes, unless all were used `since` that time. Return the stored
        columns that have an index now.
        """
        ...

    def interrupt(self) -> None:
        """Abort what runs now; callable from another thread."""
        ...


class RowStore(Protocol):
    """The rows of one application."""

    limits: Limits

    @property
    def address(self) -> str:
        """What `open_loader` and `open_reader` take, also in a child process."""
        ...

    async def read(self, work: Callable[[RowReader], T], seconds: float) -> T:
        """Run `work(rows)` in a thread, on one snapshot, for at most `seconds` or until the caller is cancelled."""
        ...

    async def find_and_read(self, find: Callable[[Any], F], work: Callable[[F, RowReader], T], seconds: float) -> T:
        """The same, with `work(found, rows)` for what `find(connection)` finds first, as in `Database.read`: also on
        that snapshot, and without another switch of threads. The time counts from then on.
        """
        ...

    def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """What `work(rows)` yields, made in a thread one block ahead of the client. Stops when the consumer does."""
        ...
