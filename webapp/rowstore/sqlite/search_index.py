"""The full-text index of a table: finds any three letters in any cell, as printed, without reading the rows.

SQLite's FTS5 with trigrams, without positions (`detail=none`) and without the texts (`content=''`): the smallest
possible, about half the size of the table. An index without texts is told the old ones when a row changes; `upkeep`
does that. How searches use it is in `planning.py`.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from webapp.rowstore.loader import IndexWithdrawn, Progress
from webapp.rowstore.sql.cells import print_cells
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql, concatenate
from webapp.rowstore.sql.tables import highest_id
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.schema import (
    ROW_ID,
    drop_search_sql,
    drop_unfinished_search_sql,
    search_name,
    search_progress_name,
)
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.table_ref import TableRef

MAX_INDEXED = 500  # columns of the index; wider tables share them
HOLD_SECONDS = 0.030  # a chunk aims to hold the write lock
PAUSE_SECONDS = 0.006  # between two transactions; the server's writer asks for the lock every millisecond
MERGE_PAGES = 64  # of the index that are written at a time
FIRST_CHUNK, MIN_CHUNK, MAX_CHUNK = 200, 20, 5_000  # rows

# Each transaction that adds rows leaves a segment of the index. By itself FTS5 merges four of a level into one of the
# next, in the transaction of whoever comes next, and again and again. While an index is built nothing is merged by
# itself, and its builder merges sixteen at once, a few pages in each transaction.
SEGMENTS, USUAL_SEGMENTS = 16, 4
WHILE_BUILT = {"automerge": 0, "crisismerge": 1_999, "usermerge": SEGMENTS, "hashsize": 16 * 1024 * 1024}
USUALLY = {"automerge": 4, "crisismerge": 16, "usermerge": USUAL_SEGMENTS, "hashsize": 1024 * 1024}  # FTS5's defaults


class DriverConnection(Connection, Protocol):
    """One of SQLite."""

    driver: sqlite3.Connection


def is_available(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has FTS5 with trigrams (3.34 or later); without it every search scans the rows."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE temp.probe")
    return True


def build_search_index(connection: DriverConnection, table: TableRef, progress: Progress) -> bool:
    """Build the index of an imported table; return False if this SQLite cannot, or the table is gone.

    It is built under another name, in many short transactions with pauses in which others write. An interrupted build
    leaves an incomplete index of that name, which the next one drops. `progress(rows done, of)` is called after each
    chunk and may raise to abort. Raises `IndexWithdrawn`.
    """
    table.ensure_whole()
    if not is_available(connection.driver):
        return False
    with connection.transaction():
        names = connection.existing_names([search_name(table.id), table_name(table.id)])
        if names != {table_name(table.id)}:
            return search_name(table.id) in names
        _create(connection.driver, table)
    _Builder(connection, table, progress).run()
    return True


class _Builder:
    """Builds the index of this table, which is empty still."""

    def __init__(self, connection: DriverConnection, table: TableRef, progress: Progress) -> None:
        self._rows, self._connection = connection, connection.driver
        self._table, self._progress = table, progress
        self._done, self._chunk = 0, FIRST_CHUNK

    def run(self) -> None:
        """Raises `IndexWithdrawn`."""
        chunks = 0
        while self._add():
            chunks += 1
            if chunks % SEGMENTS == 0:
                self._merge(SEGMENTS)
        self._merge(USUAL_SEGMENTS)
        while not self._is_finished():  # rows were added meanwhile
            self._add()

    def _add(self) -> bool:
        """Add the next rows; return False if there are none."""
        with self._step():
            began = time.perf_counter()
            total = self._total()
            if self._done >= total:
                return False
            self._done = _extend(self._connection, self._table, self._done, self._chunk)
        took = time.perf_counter() - began
        self._chunk = max(MIN_CHUNK, min(int(self._chunk * min(HOLD_SECONDS / took, 2)), MAX_CHUNK))
        self._progress(self._done, total)
        return True

    def _merge(self, segments: int) -> None:
        """Merge the segments of each level that has so many."""
        with self._step():
            _configure(self._connection, self._table.id, {"usermerge": segments})
        is_more = True
        while is_more:
            with self._step():
                is_more = _merge_pages(self._connection, search_name(self._table.id, building=True), MERGE_PAGES)

    def _is_finished(self) -> bool:
        with self._step():
            if self._done < self._total():
                return False
            _finish(self._connection, self._table.id)
            return True

    def _total(self) -> int:
        return highest_id(self._rows, self._table.id)

    @contextmanager
    def _step(self) -> Iterator[None]:
        """One transaction, and a pause before it. Raises `IndexWithdrawn`."""
        time.sleep(PAUSE_SECONDS)
        with self._rows.transaction():
            if not self._rows.existing_names([search_name(self._table.id, building=True)]):
                raise IndexWithdrawn
            yield


def _merge_pages(connection: sqlite3.Connection, name: str, pages: int) -> bool:
    before = connection.total_changes
    connection.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('merge', ?)", (pages,))
    return connection.total_changes - before >= 2  # as FTS5 says that it has done something


class SqliteSearchUpkeep:
    def __init__(self, connection: DriverConnection) -> None:
        self._connection = connection

    @contextmanager
    def upkeep(self, table: TableRef, ids: Sequence[int]) -> Iterator[None]:
        """Costs one query if there is no index. One being built follows as far as it has come; what lies beyond it will
        read itself.
        """
        connection, driver = self._connection, self._connection.driver
        complete, building = search_name(table.id), search_name(table.id, building=True)
        indexes = connection.existing_names([complete, building]) if ids else set[str]()
        if not indexes:
            yield
            return
        before = print_cells(connection, table.id, ids, _texts(table))
        yield
        after = print_cells(connection, table.id, ids, _texts(table))
        with readable_errors():
            for name in indexes:
                last = _progress(driver, table.id) if name == building else None
                for command, texts in (("delete", before), ("", after)):
                    changed = [(row_id, *cells) for row_id, cells in texts.items() if last is None or row_id <= last]
                    _write(driver, name, table, command, changed)

    def is_current(self, table: TableRef) -> bool:
        complete, building = search_name(table.id), search_name(table.id, building=True)
        return self._connection.existing_names([complete, building]) == {complete}

    def drop(self, table_id: int) -> None:
        for statement in drop_search_sql(table_id):
            self._connection.execute(Sql(statement))

    def drop_unfinished(self, table_id: int) -> None:
        for statement in drop_unfinished_search_sql(table_id):
            self._connection.execute(Sql(statement))

    def follow_columns(self, table_id: int) -> bool:
        """A complete index has texts, wherever they come from."""
        self.drop_unfinished(table_id)
        return False

    def make_way(self, table_id: int) -> None:
        """Each step of a build ends soon."""

    def merge(self, table_id: int, *, begins: bool) -> bool:
        """Merge some of the segments of a complete index, in which deleted texts end. A negative number of pages says
        that all of them are to become one.
        """
        name = search_name(table_id)
        if not self._connection.existing_names([name]):
            return False
        return _merge_pages(self._connection.driver, name, -MERGE_PAGES if begins else MERGE_PAGES)


def _create(connection: sqlite3.Connection, table: TableRef) -> None:
    """FTS5 without texts cannot be asked for its last row, so a table beside it says how far it has come."""
    for statement in drop_unfinished_search_sql(table.id):
        connection.execute(statement)
    building = search_name(table.id, building=True)
    options = "content = '', columnsize = 0, detail = none, tokenize = 'trigram'"
    connection.execute(f"CREATE VIRTUAL TABLE {building} USING fts5({_names(table)}, {options})")
    connection.execute(f"CREATE TABLE {search_progress_name(table.id)} (done INTEGER NOT NULL) STRICT")
    connection.execute(f"INSERT INTO {search_progress_name(table.id)} VALUES (0)")
    _configure(connection, table.id, WHILE_BUILT)


def _configure(connection: sqlite3.Connection, table_id: int, options: Mapping[str, int]) -> None:
    """Options of an index being built. They are stored with it."""
    name = search_name(table_id, building=True)
    connection.executemany(f"INSERT INTO {name} ({name}, rank) VALUES (?, ?)", list(options.items()))


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
    _configure(connection, table_id, USUALLY)
    building = search_name(table_id, building=True)
    connection.execute(f"ALTER TABLE {building} RENAME TO {search_name(table_id)}")
    connection.execute(f"DROP TABLE {search_progress_name(table_id)}")


def _progress(connection: sqlite3.Connection, table_id: int) -> int:
    """The last row in the index being built."""
    return int(connection.execute(f"SELECT done FROM {search_progress_name(table_id)}").fetchone()[0])


def _write(
    connection: sqlite3.Connection, name: str, table: TableRef, command: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    marks = ", ".join("?" * (1 + min(len(table.indexed), MAX_INDEXED)))
    target = f"{name}, {ROW_ID}" if command else ROW_ID
    values = f"'{command}', {marks}" if command else marks
    connection.executemany(f"INSERT INTO {name} ({target}, {_names(table)}) VALUES ({values})", rows)


def _names(table: TableRef) -> str:
    return ", ".join(f"g{index}" for index in range(min(len(table.indexed), MAX_INDEXED)))


def _texts(table: TableRef) -> list[str]:
    """SQL for each column of the index: one cell, or several in very wide tables, one per line. They are in the order
    of their numbers: the index stays as it is when columns change places.
    """
    fields = sorted(table.indexed, key=lambda field: field.number)
    width = min(len(fields), MAX_INDEXED)
    return [concatenate(list(map(DIALECT.print_shown, fields[start::width])), "char(10)") for start in range(width)]
