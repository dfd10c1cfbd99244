"""The parts of large changes as they are stored: those of plans, and those of change sets."""

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.rowstore.entries import Entry, cells_from_json, cells_to_json, into_parts, pack_part, unpack
from webapp.rowstore.loader import ChangeWithdrawn
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql

_PAUSE_SECONDS = 0.002  # between transactions, so that others get the lock
_DELETED = 100  # parts deleted in one transaction
_IS_WANTED = "SELECT 1 FROM large_changes WHERE id = ? AND state = 'planning'"
_IS_COMPLETE = "SELECT 1 FROM large_changes WHERE id = ? AND parts > 0"
_DELETE = (
    "DELETE FROM large_change_parts WHERE change_id = ? AND number IN"
    " (SELECT number FROM large_change_parts WHERE change_id = ? LIMIT ?)"
)
_INSERT = "INSERT INTO large_change_parts (change_id, number, blob) VALUES (?, ?, ?)"
_FINISH = (
    "UPDATE large_changes SET parts = ?, entries = ?, rows = ?, cells = ?, new_rows = ?, columns = ?, first_row = ?,"
    " last_row = ?, report = ? WHERE id = ?"
)


@dataclass(slots=True)
class Extent:
    """What entries are about, however many: counted as they come."""

    entries: int = 0
    rows: int = 0
    cells: int = 0
    new_rows: int = 0  # those that have no id yet
    columns: set[int] = field(default_factory=set)
    first_row: int | None = None
    last_row: int | None = None
    _last: int | None = None  # the row of the entry before

    def add(self, entries: Sequence[Entry]) -> "Extent":
        self.entries += len(entries)
        for row_id, column, _, after in entries:
            if row_id is None:
                continue
            if row_id != self._last:
                self._last = row_id
                self.rows += 1
                self._reach(row_id)
            if column is not None:
                self.cells += 1
                self.columns.add(column)
            elif row_id < 0 and after is not None:
                self.new_rows += 1
        return self

    def _reach(self, row_id: int) -> None:
        if row_id > 0:
            self.first_row = row_id if self.first_row is None else min(self.first_row, row_id)
            self.last_row = row_id if self.last_row is None else max(self.last_row, row_id)

    @property
    def named(self) -> str:
        """The numbers of the columns, as a change set has them."""
        return ",".join(map(str, sorted(self.columns)))


def with_numbers(entry: Entry, first_new_row: int, columns: Mapping[int, int]) -> Entry:
    """With the ids of new rows and the numbers of new `columns`, which a plan has below 0. The row -1 is the first."""
    row_id, column, before, after = entry
    if row_id is not None and row_id < 0:
        row_id = first_new_row - 1 - row_id
    if column is not None:
        return Entry(row_id, columns.get(column, column), before, after)
    return Entry(row_id, None, *(_renumbered(cells, columns) for cells in (before, after)))


def _renumbered(cells: str | None, columns: Mapping[int, int]) -> str | None:
    if cells is None or not columns:
        return cells
    return cells_to_json({columns.get(number, number): text for number, text in cells_from_json(cells).items()})


def read_numbers(connection: Connection, table_id: int, seq: int) -> list[int]:
    statement = "SELECT number FROM change_set_parts WHERE table_id = ? AND seq = ? ORDER BY number"
    return [number for (number,) in connection.execute(Sql(statement, (table_id, seq)))]


def read_part(connection: Connection, table_id: int, seq: int, number: int) -> list[Entry]:
    statement = "SELECT blob FROM change_set_parts WHERE table_id = ? AND seq = ? AND number = ?"
    found = connection.execute(Sql(statement, (table_id, seq, number)))
    return unpack(found[0][0]) if found else []


def write_plan(
    connection: Connection,
    change_id: int,
    batches: Generator[Sequence[Entry], None, dict[str, Any]],
    progress: Callable[[int, int], None],
) -> None:
    """A planner that is run again begins anew, unless another process has finished the plan. Packing is done while
    nothing is locked.
    """
    if connection.execute(Sql(_IS_COMPLETE, (change_id,))):
        return
    _delete_parts(connection, change_id)
    extent, report = Extent(), dict[str, Any]()

    def reporting() -> Generator[Sequence[Entry], None, None]:
        report.update((yield from batches) or {})

    number = 0
    for number, part in enumerate(into_parts(reporting()), 1):
        blob = pack_part(part)
        extent.add(part)
        with connection.transaction():
            _ensure_wanted(connection, change_id)
            connection.execute(Sql(_INSERT, (change_id, number, blob)))
        progress(number, extent.entries)
    counts = (number, extent.entries, extent.rows, extent.cells, extent.new_rows)
    found = (extent.named, extent.first_row, extent.last_row, json.dumps(report, ensure_ascii=False))
    with connection.transaction():
        _ensure_wanted(connection, change_id)
        connection.execute(Sql(_FINISH, (*counts, *found, change_id)))


def _delete_parts(connection: Connection, change_id: int) -> None:
    while True:
        with connection.transaction():
            _ensure_wanted(connection, change_id)
            if not connection.change(Sql(_DELETE, (change_id, change_id, _DELETED))):
                return
        time.sleep(_PAUSE_SECONDS)


def _ensure_wanted(connection: Connection, change_id: int) -> None:
    """Raises `ChangeWithdrawn`. A table that is deleted takes the records of its changes with it."""
    if not connection.execute(Sql(_IS_WANTED, (change_id,))):
        raise ChangeWithdrawn
