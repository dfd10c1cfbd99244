"""The full-text index of a table: finds any three letters in any cell, as printed, without reading the rows.

SQLite's FTS5 with trigrams, without positions (`detail=none`) and without the texts (`content=''`): the smallest
possible, about half the size of the table. An index without texts is told the old ones when a row changes; `upkeep`
does that. How searches use it is in `planning.py`.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from webapp.rowstore.sqlite.cells import print_cells
from webapp.rowstore.sqlite.planning import existing_names, highest_id
from webapp.rowstore.sqlite.printing import print_shown
from webapp.rowstore.sqlite.schema import (
    ROW_ID,
    drop_unfinished_search_sql,
    search_name,
    search_progress_name,
    table_name,
)
from webapp.rowstore.sqlite.statement import concatenate
from webapp.rowstore.sqlite.store import SqliteRowReader
from webapp.rowstore.sqlite.transaction import transaction
from webapp.rowstore.store import Progress
from webapp.rowstore.table_ref import TableRef

MAX_INDEXED = 500  # columns of the index; wider tables share them
HOLD_SECONDS = 0.010  # a chunk aims to hold the write lock, and to release it afterwards
MERGE_PAGES = 64  # of the index that are written at a time
FIRST_CHUNK, MIN_CHUNK, MAX_CHUNK = 200, 20, 5_000  # rows


def is_available(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has FTS5 with trigrams (3.34 or later); without it every search scans the rows."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE temp.probe")
    return True


def build_search_index(connection: sqlite3.Connection, table: TableRef, progress: Progress) -> bool:
    """Build the index of an imported table; return False if this SQLite cannot, or the table is gone.

    It is built under another name, in many short transactions with pauses in which others write. An interrupted build
    leaves an incomplete index of that name, which the next one drops. `progress(rows done, of)` is called after each
    chunk and may raise to abort.
    """
    if not is_available(connection):
        return False
    with transaction(connection):
        names = _existing(connection, search_name(table.id), table_name(table.id))
        if names != {table_name(table.id)}:
            return search_name(table.id) in names
        _create(connection, table)
    done, chunk = 0, FIRST_CHUNK
    while True:
        began = time.perf_counter()
        with transaction(connection):
            if not _existing(connection, search_name(table.id, building=True)):
                return False  # the table was deleted, and this index with it
            total = highest_id(SqliteRowReader(connection).execute, table.id)
            if done >= total:
                _finish(connection, table.id)
                return True
            done = _extend(connection, table, done, chunk)
        took = time.perf_counter() - began
        progress(done, total)
        chunk = max(MIN_CHUNK, min(int(chunk * min(HOLD_SECONDS / took, 2)), MAX_CHUNK))
        # SQLite's waiting writers poll only now and then, so the lock has to be free half of the time.
        time.sleep(max(took, HOLD_SECONDS))


def merge(connection: sqlite3.Connection, table_id: int, *, begins: bool) -> bool:
    """Merge some of the segments of a complete index, in which deleted texts end; return whether there is more. A
    negative number of pages says that all of them are to become one.
    """
    name = search_name(table_id)
    if not _existing(connection, name):
        return False
    before = connection.total_changes
    connection.execute(
        f"INSERT INTO {name} ({name}, rank) VALUES ('merge', ?)", (-MERGE_PAGES if begins else MERGE_PAGES,)
    )
    return connection.total_changes - before >= 2  # as FTS5 says that it has done something


@contextmanager
def upkeep(connection: sqlite3.Connection, table: TableRef, ids: Sequence[int]) -> Iterator[None]:
    """Keep the index of these rows equal to them, whatever changes in this block. Costs one query if there is none.

    An index being built follows as far as it has come; what lies beyond it will read itself.
    """
    complete, building = search_name(table.id), search_name(table.id, building=True)
    indexes = _existing(connection, complete, building) if ids else set[str]()
    if not indexes:
        yield
        return
    before = _texts_of(connection, table, ids)
    yield
    after = _texts_of(connection, table, ids)
    for name in indexes:
        last = _progress(connection, table.id) if name == building else None
        for command, texts in (("delete", before), ("", after)):
            changed = [(row_id, *cells) for row_id, cells in texts.items() if last is None or row_id <= last]
            _write(connection, name, table, command, changed)


def _create(connection: sqlite3.Connection, table: TableRef) -> None:
    """FTS5 without texts cannot be asked for its last row, so a table beside it says how far it has come."""
    for statement in drop_unfinished_search_sql(table.id):
        connection.execute(statement)
    building = search_name(table.id, building=True)
    options = "content = '', columnsize = 0, detail = none, tokenize = 'trigram'"
    connection.execute(f"CREATE VIRTUAL TABLE {building} USING fts5({_names(table)}, {options})")
    connection.execute(f"CREATE TABLE {search_progress_name(table.id)} (done INTEGER NOT NULL) STRICT")
    connection.execute(f"INSERT INTO {search_progress_name(table.id)} VALUES (0)")


def _extend(connection: sqlite3.Connection, table: TableRef, done: int, chunk: int) -> int:
    """Index the next rows after `done`; return the last one."""
    rows, building = table_name(table.id), search_name(table.id, building=True)
    chunk_ids = f"SELECT {ROW_ID} FROM {rows} WHERE {ROW_ID} > ? ORDER BY {ROW_ID} LIMIT ?"
    (end,) = connection.execute(f"SELECT max({ROW_ID}) FROM ({chunk_ids})", (done, chunk)).fetchone()
    texts = ", ".join(_texts(table))
    connection.execute(
        f"INSERT INTO {building} ({ROW_ID}, {_names(table)})"
        f" SELECT {ROW_ID}, {texts} FROM {rows} WHERE {ROW_ID} > ? AND {ROW_ID} <= ?",
        (done, end),
    )
    connection.execute(f"UPDATE {search_progress_name(table.id)} SET done = ?", (end,))
    return int(end)


def _finish(connection: sqlite3.Connection, table_id: int) -> None:
    building = search_name(table_id, building=True)
    connection.execute(f"ALTER TABLE {building} RENAME TO {search_name(table_id)}")
    connection.execute(f"DROP TABLE {search_progress_name(table_id)}")


def _progress(connection: sqlite3.Connection, table_id: int) -> int:
    """The last row in the index being built."""
    return int(connection.execute(f"SELECT done FROM {search_progress_name(table_id)}").fetchone()[0])


def _write(
    connection: sqlite3.Connection, name: str, table: TableRef, command: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    marks = ", ".join("?" * (1 + min(len(table.fields), MAX_INDEXED)))
    target = f"{name}, {ROW_ID}" if command else ROW_ID
    values = f"'{command}', {marks}" if command else marks
    connection.executemany(f"INSERT INTO {name} ({target}, {_names(table)}) VALUES ({values})", rows)


def _texts_of(connection: sqlite3.Connection, table: TableRef, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    return print_cells(SqliteRowReader(connection).execute, table.id, ids, _texts(table))


def _existing(connection: sqlite3.Connection, *names: str) -> set[str]:
    return existing_names(SqliteRowReader(connection).execute, names)


def _names(table: TableRef) -> str:
    return ", ".join(f"g{index}" for index in range(min(len(table.fields), MAX_INDEXED)))


def _texts(table: TableRef) -> list[str]:
    """SQL for each column of the index: one cell, or several in very wide tables, one per line. They are in the order
    of their numbers: the index stays as it is when columns change places.
    """
    fields = sorted(table.fields, key=lambda field: field.number)
    width = min(len(fields), MAX_INDEXED)
    return [concatenate(list(map(print_shown, fields[start::width])), "char(10)") for start in range(width)]
