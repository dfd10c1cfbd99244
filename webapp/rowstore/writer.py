"""Writing rows, in a unit of work."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from webapp.rowstore.entries import Entry
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import AppliedEntries, ApplyResult, CellChange, Converted, Limits, StoredRow


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
        """Drop what an interrupted build has left. One that is running ends at its next step."""
        ...

    def follow_columns(self, table_id: int) -> bool:
        """Whoever changes where a column's cells are stored, or begins to keep their texts, calls this before: a search
        index that is being built would read the others, and changes of rows would then take texts out of the index that
        are not in it, so it goes. Return whether the complete one has gone as well, and has to be built again: if the
        database knows it by what it is made of, and not by the texts in it.
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
