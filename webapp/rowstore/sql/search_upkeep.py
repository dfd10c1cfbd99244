"""The search index of a table, as far as it concerns whoever changes rows."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from webapp.rowstore.table_ref import TableRef


class SearchUpkeep(Protocol):
    def upkeep(self, table: TableRef, ids: Sequence[int]) -> AbstractContextManager[None]:
        """Keep the index of these rows equal to them, whatever changes in this block."""
        ...

    def is_current(self, table: TableRef) -> bool:
        """Whether the index is complete and made of these columns as they are printed now, and the only one."""
        ...

    def drop(self, table_id: int) -> None:
        """And what has been built of another one."""
        ...

    def drop_unfinished(self, table_id: int) -> None:
        """What an interrupted build has left. One that is running ends at its next step."""
        ...

    def follow_columns(self, table_id: int) -> bool:
        """Cells of some columns are stored otherwise from now on, and have the texts that they had. An index that is
        being built would read what is no longer there: it goes. Return whether the complete one has gone, too.
        """
        ...

    def make_way(self, table_id: int) -> None:
        """Statements follow that need the table for themselves."""
        ...

    def merge(self, table_id: int, *, begins: bool) -> bool:
        """Do some of the work in which the texts of deleted rows leave the index; return whether there is more."""
        ...
