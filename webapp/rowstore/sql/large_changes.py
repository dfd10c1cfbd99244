"""Carrying out the plan of a large change, and taking it back: a part in each transaction, on a connection of its own.

What a transaction changes, and how far the change has come, are committed together. Whatever is to stop it (somebody
cancels it, the table is deleted) changes the record's state, which each transaction reads first.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from webapp.rowstore.entries import Entry, outdated, pack_part, unpack
from webapp.rowstore.loader import ChangeWithdrawn, Progress
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.converting import add_companion
from webapp.rowstore.sql.entry_writer import EntryWriter
from webapp.rowstore.sql.row_deletions import latest_deletions
from webapp.rowstore.sql.set_parts import Extent, with_numbers
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.touched import Touched
from webapp.rowstore.sql.transactions import in_transaction
from webapp.rowstore.table_ref import Field, TableRef

PAUSE_SECONDS = 0.003  # between parts, so that others get the lock

_RECORD = (
    "SELECT c.table_id, c.seq, c.parts, c.parts_done, c.first_new_row, CAST(c.new_columns AS TEXT), t.version, t.seq,"
    " coalesce(c.undo_of, CAST(c.arguments ->> 'seq' AS BIGINT)) FROM large_changes c"
    " JOIN tables t ON t.id = c.table_id WHERE c.id = ? AND c.state = ?"
)
_COLUMNS = (
    "SELECT number, title, type, CAST(format AS TEXT), keeps_texts, storage, deleted_at IS NOT NULL FROM columns"
    " WHERE table_id = ? AND NOT is_dropped AND NOT is_purged ORDER BY position"
)
_PLANNED = "SELECT blob FROM large_change_parts WHERE change_id = ? AND number = ?"
_FORGET_PLANNED = "DELETE FROM large_change_parts WHERE change_id = ? AND number = ?"
_LEAVE = "INSERT INTO large_change_left (change_id, number, entries, blob) VALUES (?, ?, ?, ?)"
_MOVE = 'UPDATE large_changes SET parts_done = ?, "left" = "left" + ? WHERE id = ?'
_COUNT_ROWS = "UPDATE tables SET row_count = row_count + ? WHERE id = ?"
_MADE = "SELECT blob FROM change_set_parts WHERE table_id = ? AND seq = ? AND number = ?"
_FORGET_MADE = "DELETE FROM change_set_parts WHERE table_id = ? AND seq = ? AND number = ?"
_NOTE = (
    "INSERT INTO change_set_parts"
    " (table_id, seq, number, entries, rows, cells, columns, first_row, last_row, blob)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (table_id, seq, number) DO UPDATE SET"
    " entries = excluded.entries, rows = excluded.rows, cells = excluded.cells, columns = excluded.columns,"
    " first_row = excluded.first_row, last_row = excluded.last_row, blob = excluded.blob"
)
_KEEP_TEXTS = "UPDATE columns SET keeps_texts = TRUE WHERE table_id = ? AND number = ?"
_INDEX_AGAIN = "UPDATE tables SET search_index = 'building' WHERE id = ? AND search_index = 'ready'"
_NEW_VERSION = "UPDATE tables SET version = version + 1 WHERE id = ?"


class _Record(NamedTuple):
    table_id: int
    seq: int
    parts: int
    parts_done: int
    first_new_row: int | None
    new_columns: str  # JSON
    version: int  # of the table's columns
    table_seq: int
    source: int | None  # the set whose rows come back


class LargeChangeRunner:
    def __init__(self, connection: Connection, change_id: int) -> None:
        self._connection, self._change_id = connection, change_id
        self._touched: Touched | None = None
        self._writer: EntryWriter | None = None
        self._version: int | None = None  # for which the writer was made

    def apply(self, progress: Progress) -> None:
        """Raises `ChangeWithdrawn`, and `TableFull`."""
        record = self._find("applying")
        while record.parts_done < record.parts:
            number = record.parts_done + 1
            blob, entries = self._planned(record, number)
            stale = self._stale(record, entries)
            record = in_transaction(self._connection, partial(self._make_next, number, entries, blob, stale))
            progress(0, record.parts_done)
            time.sleep(PAUSE_SECONDS)

    def revert(self, progress: Progress) -> None:
        """Raises `ChangeWithdrawn`."""
        record = self._find("reverting")
        while record.parts_done > 0:
            number = record.parts_done
            entries = self._unpacked(_MADE, record.table_id, record.seq, number)[1]
            record = in_transaction(self._connection, partial(self._take_last_back, number, entries))
            progress(0, record.parts - record.parts_done)
            time.sleep(PAUSE_SECONDS)

    # -- one part ------------------------------------------------------------------------------------------------------

    def _make_next(self, number: int, entries: list[Entry], blob: bytes | None, stale: set[int]) -> _Record:
        record = self._find("applying")
        if record.parts_done != number - 1:  # another process has made it
            return record
        with self._forgetting_if_failed():
            self._make(record, number, entries, blob, stale)
        return record._replace(parts_done=number)

    def _take_last_back(self, number: int, entries: list[Entry]) -> _Record:
        record = self._find("reverting")
        if record.parts_done != number:
            return record
        with self._forgetting_if_failed():
            self._take_back(record, number, entries)
        return record._replace(parts_done=number - 1)

    def _make(self, record: _Record, number: int, entries: list[Entry], blob: bytes | None, stale: set[int]) -> None:
        touched = self._read_log(record)
        refused = [entry for entry in entries if entry in touched or entry.row_id in stale]
        left_out = {entry.place for entry in refused}
        free = [entry for entry in entries if entry.place not in left_out] if refused else entries
        applied = self._writer_for(record).apply(free)
        left = [*applied.left, *refused]
        self._note(record, number, applied.done, blob if len(applied.done) == len(entries) else None)
        if left:
            self._run(_LEAVE, self._change_id, number, len(left), pack_part(left))
        self._count_rows(record, applied.added_rows)
        self._run(_FORGET_PLANNED, self._change_id, number)
        self._run(_MOVE, number, len(left), self._change_id)

    def _take_back(self, record: _Record, number: int, entries: list[Entry]) -> None:
        """What is not taken back stays in the set: the log has later changes of it."""
        touched = self._read_log(record)
        reversed_ = [entry.reversed for entry in reversed(entries) if entry not in touched]
        applied = self._writer_for(record).apply(reversed_)
        places = {entry.place for entry in applied.done}
        self._note(record, number, [entry for entry in entries if entry.place not in places], None)
        self._count_rows(record, applied.added_rows)
        self._run(_MOVE, number - 1, 0, self._change_id)

    def _note(self, record: _Record, number: int, entries: Sequence[Entry], blob: bytes | None) -> None:
        """The part of the change set; `blob`: if it is packed already."""
        place = record.table_id, record.seq, number
        if not entries:
            self._run(_FORGET_MADE, *place)
            return
        found = Extent().add(entries)
        counts = found.entries, found.rows, found.cells, found.named, found.first_row, found.last_row
        self._run(_NOTE, *place, *counts, pack_part(entries) if blob is None else blob)

    def _count_rows(self, record: _Record, added: int) -> None:
        if added:
            self._run(_COUNT_ROWS, added, record.table_id)

    # -- what it needs -------------------------------------------------------------------------------------------------

    def _find(self, state: str) -> _Record:
        """Raises `ChangeWithdrawn`. A table that is deleted takes the records of its changes with it."""
        found = self._connection.execute(Sql(_RECORD, (self._change_id, state)))
        if not found:
            raise ChangeWithdrawn
        return _Record(*found[0])

    def _planned(self, record: _Record, number: int) -> tuple[bytes | None, list[Entry]]:
        """The part as it is packed, unless new rows and columns of it get their numbers here."""
        blob, entries = self._unpacked(_PLANNED, self._change_id, number)
        columns = {one["planned"]: one["number"] for one in json.loads(record.new_columns)}
        if not columns and all(entry.row_id is None or entry.row_id > 0 for entry in entries):
            return blob, entries
        return None, [with_numbers(entry, record.first_new_row or 0, columns) for entry in entries]

    def _stale(self, record: _Record, entries: Sequence[Entry]) -> set[int]:
        """Rows that came back and were deleted again, with other cells, before this change got its number. Later ones
        are touched. Found before anything is locked: that part of the log stays as it is.
        """
        back = [entry for entry in entries if entry.is_row and entry.before is None and (entry.row_id or 0) > 0]
        if record.source is None or not back:
            return set()
        ids = [entry.place[0] for entry in back]
        latest = latest_deletions(self._connection, record.table_id, record.source, ids, record.seq)
        if not latest:
            return set()
        fields = read_table(self._connection, record.table_id).stored
        return outdated(back, latest, {field.number: field.empty_text for field in fields})

    def _unpacked(self, statement: str, *key: int) -> tuple[bytes | None, list[Entry]]:
        found = self._connection.execute(Sql(statement, key))
        return (found[0][0], unpack(found[0][0])) if found else (None, [])

    def _read_log(self, record: _Record) -> Touched:
        if self._touched is None:
            self._touched = Touched(record.table_id, record.seq)
        self._touched.read_to(self._connection, record.table_seq)
        return self._touched

    def _writer_for(self, record: _Record) -> EntryWriter:
        """For the columns as they are now: they are locked by the transaction."""
        if self._writer is None or self._version != record.version:
            keep: Callable[[Field], Field] = lambda field: self._keep_texts(record.table_id, field)  # noqa: E731
            table = read_table(self._connection, record.table_id)
            self._writer = EntryWriter(self._connection, table, keep)
            self._version = record.version
        return self._writer

    @contextmanager
    def _forgetting_if_failed(self) -> Iterator[None]:
        """What a transaction changed of the columns is not kept if it fails."""
        try:
            yield
        except BaseException:
            self._writer = self._version = None
            raise

    def _keep_texts(self, table_id: int, field: Field) -> Field:
        kept = replace(field, keeps_texts=True)
        if self._connection.search_index.follow_columns(table_id):
            self._run(_INDEX_AGAIN, table_id)  # when the schedule finds it
        add_companion(self._connection, table_id, kept)
        self._run(_KEEP_TEXTS, table_id, field.number)
        self._run(_NEW_VERSION, table_id)
        self._version = None  # what is read next time is the same, and newer
        return kept

    def _run(self, statement: str, *values: Any) -> None:
        self._connection.execute(Sql(statement, values))


def read_table(connection: Connection, table_id: int) -> TableRef:
    """The table with the columns that were deleted, too: their cells go and come back with their rows. Those that were
    deleted for good do not, even if their cells are not emptied yet.
    """
    fields, kept = list[Field](), list[Field]()
    for number, title, type_, format, keeps_texts, storage, is_deleted in connection.execute(
        Sql(_COLUMNS, (table_id,))
    ):
        field = Field(number, title, type_, json.loads(format), bool(keeps_texts), storage)
        (kept if is_deleted else fields).append(field)
    return TableRef(table_id, tuple(fields), tuple(kept))
