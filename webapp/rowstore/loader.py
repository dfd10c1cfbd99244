"""Loading rows, and what else takes long: in a child process."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from webapp.rowstore.entries import Entry
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison

# Of a table's columns: each takes a tenth of the table's size or more, and slows changes of its rows down.
MAX_INDEXES = 8
NEVER_USED: Mapping[int, float] = MappingProxyType({})

Progress = Callable[[int, int], None]  # (done, total)


class ImportWithdrawn(Exception):
    """The import should no longer be loaded: it was cancelled or deleted, and its table is gone."""


class ConversionWithdrawn(Exception):
    """The change of type should no longer be made: it was cancelled, or its table is gone."""


class IndexWithdrawn(Exception):
    """Whoever dropped the search index, or its table, while it was built asks for another one if it is wanted."""


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
        until `RowWriter.create` takes the draft. Its name is the import's id, an underscore, and 24 hexadecimal digits
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
        """Build the search index; False if this database cannot, or the table is gone. `progress` may raise.

        Raises `IndexWithdrawn`.
        """
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
