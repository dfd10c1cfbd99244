"""The row store: what can be asked of the rows of tables, in three interfaces by where a call runs.

    await store.read(lambda rows: rows.page(table, query), seconds=5)  # RowReader: in a thread, on one snapshot
    await within(work, lambda rows: rows.apply(table, changes))        # RowWriter: in a unit of work
    with open_loader(store.address) as loader: ...                     # RowLoader: in a child process

Each database has its own implementation (`webapp.rowstore.sqlite`); nothing outside this package speaks SQL to user
tables. Cells go in and come out as texts, exactly as files have them.
"""

import math
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef

T = TypeVar("T")

PAGE_SIZE = 100  # rows
COUNT_LIMIT = 10_000  # rows
PROFILE_SECONDS = 2.0  # for the exact figures; a sample takes little more
SCAN_SECONDS = 0.2

Row = tuple[int, tuple[str, ...]]  # a row's id, and its cells
ExportFormat = Literal["csv", "ndjson"]
Progress = Callable[[int, int], None]  # (done, total)
Blocks = Generator[bytes, None, None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What this database can store."""

    columns: int  # of a table


# -- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page starts: after or before a cursor, or at a row's id; with none of them, at the first row."""

    after: str | None = None
    before: str | None = None
    at: int | None = None


FIRST_PAGE = PageStart()


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, each with its id and one printed cell per visible column; and where the neighbouring pages start.

    `before` and `after` are cursors for the next call, or None at the end of the table. `stopped_at` is set if time ran
    out before the page was full: the direction and the last row examined, beyond which there may be more.
    """

    rows: list[Row]
    before: str | None
    after: str | None
    stopped_at: tuple[Literal["before", "after"], int] | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a query shows; if it is capped, counting stopped there."""

    number: int
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class RowView:
    """One row: the printed cell of every column, in the order of `query.fields`, and its neighbours in the query."""

    id: int
    cells: tuple[str, ...]
    previous: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bar of a histogram: `low` and `high` as printed, and the query that shows exactly its rows."""

    low: str
    high: str
    count: int
    query: TableQuery


@dataclass(frozen=True, slots=True)
class TopValue:
    """A frequent value as printed, and the query that shows exactly its rows; None if it is too long for a link."""

    text: str
    count: int
    query: TableQuery | None


@dataclass(frozen=True, slots=True)
class Profile:
    """The contents of a column. `note` says which counts are estimates; empty if all are exact. Numbers and dates have
    buckets, other types top values.
    """

    rows: int
    filled: int
    distinct: int = 0
    distinct_is_capped: bool = False
    minimum: str | None = None
    maximum: str | None = None
    average: str | None = None
    sum: str | None = None
    buckets: list[Bucket] = field(default_factory=list)
    top: list[TopValue] = field(default_factory=list)
    note: str = ""

    @property
    def empty(self) -> int:
        return self.rows - self.filled

    @property
    def top_is_all(self) -> bool:
        return not self.distinct_is_capped and self.distinct <= len(self.top)


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

    def row(self, table: TableRef, query: TableQuery, row_id: int) -> RowView | None:
        """One row and its neighbours in the query, which need not include it; None if there is no such row."""
        ...

    def cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        """The exact texts of these cells, by row; rows that do not exist are missing."""
        ...

    def profile(self, table: TableRef, query: TableQuery, number: int, seconds: float = PROFILE_SECONDS) -> Profile:
        """The contents of the column `number`, in the rows the query shows. What takes longer than `seconds` is
        estimated from a sample. Raises `QueryError` for an unknown column, `QueryTimeout` if not even one scan of all
        rows finishes in time.
        """
        ...

    def export(self, table: TableRef, query: TableQuery, format: ExportFormat = "csv", *, safe: bool = False) -> Blocks:
        """The rows of the query in its order, its visible columns in theirs, in blocks of whole lines."""
        ...


# -- writing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell's new text, and the text its editor saw: if it holds another by now, nothing is changed."""

    row_id: int
    field: Field
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EditConflict:
    """A change that was not made, and what the cell holds now; None if there is no such row."""

    change: CellChange
    current: str | None


@dataclass(frozen=True, slots=True)
class ApplyResult:
    done: list[CellChange]
    conflicts: list[EditConflict]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row with the exact texts of all columns, in table order."""

    id: int
    cells: tuple[str, ...]


class RowWriter(RowReader, Protocol):
    """Writes rows, and keeps the search index equal to them. Ids come from `tables.next_row_id`, and are never used
    twice.

    Texts that do not fit their column's type raise `CellValueError`; nothing of that call is then kept by its unit of
    work.
    """

    def create(self, table: TableRef) -> None:
        """Make room for a new table's rows."""
        ...

    def drop(self, table_id: int) -> None:
        """Drop all rows and every index of them. Does nothing if there are none."""
        ...

    def drop_unfinished_search_index(self, table_id: int) -> None:
        """Drop what an interrupted build has left."""
        ...

    def apply(self, table: TableRef, changes: Sequence[CellChange]) -> ApplyResult:
        """Change cells, each only if it still holds the text that was seen."""
        ...

    def insert(self, table: TableRef, rows: Sequence[StoredRow]) -> None: ...

    def delete(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        """Return the rows that were there, as `restore` takes them."""
        ...

    def restore(self, table: TableRef, rows: Sequence[StoredRow]) -> list[int]:
        """Insert deleted rows again under their ids; return those ids that are taken, whose rows were left out."""
        ...


# -- loading -----------------------------------------------------------------------------------------------------------


class ImportWithdrawn(Exception):
    """The import should no longer be loaded: it was cancelled or deleted, and its table is gone."""


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

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        """Build the search index; False if this database cannot, or the table is gone. `progress` may raise."""
        ...

    def index_sort(self, table_id: int, field: Field) -> None:
        """Build the index for sorting and filtering by this column, unless it exists."""
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

    def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """What `work(rows)` yields, made in a thread one block ahead of the client. Stops when the consumer does."""
        ...
