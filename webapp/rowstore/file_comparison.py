"""What can be asked of a file and a table together: which of its rows are there already, differ, are new or missing."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from webapp.rowstore.loader import Progress
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import ComparedRow, KeyProblems, Matched, RowEdit, StoredRow


class FileComparison(Protocol):
    """The rows of a file beside those of a table, which is read on one snapshot, in a child process. First `take` all
    rows and edits, then one of the `match` calls, then ask.
    """

    seq: int  # of the table's latest change set in this snapshot

    def __enter__(self) -> "FileComparison": ...
    def __exit__(self, *exc: object) -> None: ...

    def take(self, rows: Sequence[Sequence[str]]) -> None:
        """The next rows of the file, with their cells in the order of the compared columns."""
        ...

    def take_edits(self, edits: Iterable[RowEdit]) -> None:
        """What people did to the table's rows, in the order in which they did it."""
        ...

    def take_edits_since(self, seq: int, from_files: Collection[str]) -> None:
        """The same from the change log; sets of these kinds came from files."""
        ...

    def take_settled(self, cells: Iterable[tuple[int, int, str]]) -> None:
        """Row, column and the file's text of cells of which somebody decided that they stay as they were edited."""
        ...

    def match_keys(self, progress: Progress) -> Matched:
        """Rows with the same texts in the key columns are the same row."""
        ...

    def match_rows(self, progress: Progress) -> Matched:
        """Rows with the same texts in all columns are the same row; of several equal ones each is one."""
        ...

    def match_nothing(self) -> Matched:
        """Every row of the file is a further one."""
        ...

    def problems(self) -> KeyProblems: ...

    def changed(self) -> Iterator[list[ComparedRow]]:
        """Rows with the same key and other texts, in batches, in the order of the table."""
        ...

    def added(self) -> Iterator[list[ComparedRow]]:
        """In batches, in the order of the file; `edits` has the deletion of a row with this key, under 0."""
        ...

    def missing(self) -> Iterator[list[tuple[StoredRow, dict[int, RowEdit]]]]:
        """Rows of the table that the file does not have, in batches, with what people did to them."""
        ...

    def same_ids(self) -> Iterator[list[int]]:
        """The ids of the table's rows that the file has with the same texts, in batches."""
        ...

    def cells(self, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        """As `RowReader.cells`, on the snapshot."""
        ...

    def fits(self, field: Field, text: str) -> bool:
        """As `RowWriter.fits`."""
        ...
