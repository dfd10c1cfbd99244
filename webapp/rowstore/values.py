"""What goes into the row store and comes out of it: pages, counts, profiles and changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from webapp.rowstore.entries import Entry
from webapp.rowstore.page_budget import MAX_CELL
from webapp.rowstore.query import Filter, TableQuery
from webapp.rowstore.table_ref import Field

Row = tuple[int, tuple[str, ...]]  # a row's id, and its cells


@dataclass(frozen=True, slots=True)
class Limits:
    """What this database can store."""

    columns: int  # of a table; one that keeps texts counts twice
    sorted_rows: int  # of a table that is given indexes for sorting


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page starts: after or before a cursor, at a row's id, or so that it ends with the last row; with none of
    them, at the first row.
    """

    after: str | None = None
    before: str | None = None
    at: int | None = None
    from_end: bool = False


FIRST_PAGE = PageStart()


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, each with its id and one printed cell of each of `fields`; and where the neighbouring pages start.

    `before` and `after` are cursors for the next call, or None at the end of the table. `stopped_at` is set if time ran
    out before the page was full: the direction and the last row examined, beyond which there may be more.

    A cell of more than `cell_limit` characters is cut there, and ends in an ellipsis that is not its own. Long cells
    also make the page end before it has as many rows as were asked for (`webapp.rowstore.page_budget`).
    """

    rows: list[Row]
    before: str | None
    after: str | None
    stopped_at: tuple[Literal["before", "after"], int] | None = None
    cell_limit: int = MAX_CELL
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """The row that is so far along in a query; in file order its id, which may be that of a deleted row. Where finding
    it would have taken too long it is estimated.
    """

    row_id: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a query shows; if it is capped, counting stopped there."""

    number: int
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class RowView:
    """One row: the printed cell of every column, in the order of `query.fields`, and its neighbours in the query.

    Long cells are cut (`page_budget.row_cell_limit`) and end in an ellipsis; `sizes` has how many bytes each of them
    has in all, by the number of its column. `unknown` are the neighbours that were not found in time: there may be one.
    """

    id: int
    cells: tuple[str, ...]
    previous: int | None
    next: int | None
    sizes: Mapping[int, int] = field(default_factory=dict)
    unknown: tuple[Literal["previous", "next"], ...] = ()


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
class Figures:
    """A column in some rows, as the column writes its values. `exceptions` are filled cells without a value. What its
    type does not have, or no row, is None.
    """

    rows: int
    filled: int
    exceptions: int
    minimum: str | None
    maximum: str | None
    average: str | None
    sum: str | None

    @property
    def empty(self) -> int:
        return self.rows - self.filled


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with the same value in a column: `text` as the column writes it, None for cells without one; cut if it is
    long. `condition` is true of exactly its rows; None if the value is too long for a link. `sums` are as the columns
    write numbers, None where no cell has one.
    """

    text: str | None
    condition: Filter | None
    rows: int
    sums: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """Some of the groups of a query, from number `start` on; there are `number`, with `rows` rows together."""

    groups: list[Group]
    start: int
    number: int
    rows: int


@dataclass(frozen=True, slots=True)
class Profile:
    """The contents of a column. `note` says which counts are estimates; empty if all are exact. Numbers and dates have
    buckets, other types top values. `exceptions` are the filled cells without a value, `exception_values` their most
    frequent texts; all other figures are about values.
    """

    rows: int
    filled: int
    exceptions: int = 0
    exception_values: list[TopValue] = field(default_factory=list)
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
    def valued(self) -> int:
        """Cells with a value."""
        return self.filled - self.exceptions

    @property
    def top_is_all(self) -> bool:
        return not self.distinct_is_capped and self.distinct <= len(self.top)


@dataclass(frozen=True, slots=True)
class Converted:
    """A batch of rows whose cells have been given another type: the last of them, how many, and the field from now on,
    which may keep texts now.
    """

    last_row: int
    rows: int
    target: Field


MAX_DIFFERING = 1_000  # rows that a comparison names


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of converted rows: how many do not print as before, are empty, and have no value of the new type. `rows` are the
    first that do not print as before, at most `MAX_DIFFERING`.
    """

    differing: int
    empty: int
    exceptions: int
    rows: tuple[int, ...] = ()

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(
            self.differing + other.differing,
            self.empty + other.empty,
            self.exceptions + other.exceptions,
            (*self.rows, *other.rows)[:MAX_DIFFERING],
        )


@dataclass(frozen=True, slots=True)
class Unmet:
    """Of a column's cells: how many are empty, have a text that another one has too, and have none of the choices."""

    empty: int
    repeated: int
    others: int


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
class AppliedEntries:
    """`done` were made; `left` were not, because the table holds something else by now. What it held already is in
    neither. The table has `added_rows` more than before.
    """

    done: list[Entry]
    left: list[Entry]
    added_rows: int


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row with the exact texts of all columns, in table order."""

    id: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowEdit:
    """What somebody did to a row: with `column` to a cell, whose texts are `before` and `after`. Without one they added
    it, or deleted it: then `after` is None; `cells` has its texts by column. With `is_from_file` a file did it, which
    settles what people did before.
    """

    seq: int  # of the change set
    row_id: int
    column: int | None
    before: str | None
    after: str | None
    cells: Mapping[int, str] | None = None
    is_from_file: bool = False
    settled: str | None = None  # what the file had when somebody decided that the cell stays as it was edited


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row of the file, `place` being where it is among its rows, from 1, and the row of the table that it is, if any
    (`id`, else 0). Cells are in the order of the compared columns; `edits` by column, 0 for the row as a whole.
    """

    id: int
    place: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    edits: Mapping[int, RowEdit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matched:
    """How many rows of the file are new, differ and are the same; and how many of the table are not in the file."""

    added: int
    changed: int
    same: int
    missing: int


@dataclass(frozen=True, slots=True)
class KeyProblems:
    """Rows of the file that are no row of the table for sure: whose key is `empty`, `repeated` in the file, or
    `ambiguous`: several rows of the table have it. With the first of each; and how many rows of the table have no key.
    """

    counts: Mapping[str, int]
    samples: Mapping[str, list[tuple[int, tuple[str, ...]]]]
    keyless: int
