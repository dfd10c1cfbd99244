"""Bulk work that is the same on every database: converted columns and large changes. Other people write meanwhile, so
each transaction is short, and there are pauses.
"""

import math
import time
from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from webapp.rowstore.entries import Entry
from webapp.rowstore.loader import MAX_INDEXES, ConversionWithdrawn, Progress, RowLoader
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.converting import Converter
from webapp.rowstore.sql.large_changes import LargeChangeRunner
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.sql.set_parts import write_plan
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.transactions import in_transaction
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison, Converted

FIRST_BATCH = 200  # rows
PAUSE_SECONDS = 0.003  # between batches, so that others get the lock
_IS_WANTED = "SELECT 1 FROM type_changes WHERE id = ? AND state = 'running'"
_MOVE_CONVERSION = "UPDATE type_changes SET last_row = ?, rows_done = rows_done + ?, keeps_texts = ? WHERE id = ?"


class SqlRowLoader(RowLoader):
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> "SqlRowLoader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def next_size(self, rows: int, held: float) -> int:
        """Rows of the next batch, after a transaction of `rows` rows took `held` seconds."""
        ...

    def convert(
        self, table: TableRef, source: Field, target: Field, change_id: int, last_row: int, progress: Progress
    ) -> Comparison:
        table.ensure_whole()
        size, done = FIRST_BATCH, 0
        converter = Converter(self.connection, table.id, source, target)
        while True:
            started = time.perf_counter()
            step = partial(self._convert_next, converter, target, change_id, last_row, size)
            batch = in_transaction(self.connection, step)
            if batch is None:
                break
            target, last_row, done = batch.target, batch.last_row, done + batch.rows
            size = self.next_size(batch.rows, time.perf_counter() - started)
            progress(0, done)
            time.sleep(PAUSE_SECONDS)
        return SqlRowReader(self.connection).compare(table, source, target, 0, last_row)

    def _convert_next(
        self, converter: Converter, target: Field, change_id: int, last_row: int, size: int
    ) -> Converted | None:
        """`target` is as it was committed: an attempt before may have made it keep texts."""
        self._ensure_wanted(change_id)
        if converter.target != target:
            converter.aim_at(target)
        batch = converter.convert(last_row, size)
        if batch is not None:
            moved = batch.last_row, batch.rows, batch.target.keeps_texts, change_id
            self.connection.change(Sql(_MOVE_CONVERSION, moved))
        return batch

    def _ensure_wanted(self, change_id: int) -> None:
        """Raises `ConversionWithdrawn`. A table that is deleted takes the records of its changes with it."""
        if not self.connection.execute(Sql(_IS_WANTED, (change_id,))):
            raise ConversionWithdrawn

    def write_plan(
        self, change_id: int, batches: Generator[Sequence[Entry], None, dict[str, Any]], progress: Progress
    ) -> None:
        write_plan(self.connection, change_id, batches, progress)

    def apply_change(self, change_id: int, progress: Progress) -> None:
        LargeChangeRunner(self.connection, change_id).apply(progress)

    def revert_change(self, change_id: int, progress: Progress) -> None:
        LargeChangeRunner(self.connection, change_id).revert(progress)


def surplus_indexes(indexed: set[int], used: Mapping[int, float], since: float) -> list[int] | None:
    """Of the stored columns that have an index those whose index goes for a further one; None if none may."""
    surplus = _least_used(indexed, used, since)[: max(len(indexed) + 1 - MAX_INDEXES, 0)]
    return None if len(indexed) - len(surplus) >= MAX_INDEXES else surplus


def _least_used(columns: Iterable[int], used: Mapping[int, float], since: float) -> list[int]:
    """The columns that were not used since then, or never, longest ago first."""
    idle = [number for number in columns if used.get(number, -math.inf) < since]
    return sorted(idle, key=lambda number: used.get(number, -math.inf))
