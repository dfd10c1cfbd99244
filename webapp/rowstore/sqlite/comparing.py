"""A file laid over a table: which of its rows are there already, which differ, which are new, and which are missing.

The rows of the file go into a database of their own, a file beside the upload, and SQLite joins them with the table:
memory stays the same however many there are. The table is read on one snapshot, and nothing of it is written.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from webapp.db.sqlite_driver import BUSY_TIMEOUT
from webapp.rowstore.errors import RowsGone
from webapp.rowstore.file_comparison import FileComparison
from webapp.rowstore.loader import Progress
from webapp.rowstore.nul_escape import decode, encode, needs_encoding
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql, all_of, any_of, literal
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.edits import edits_since
from webapp.rowstore.sqlite.known_edits import KnownEdits, digest
from webapp.rowstore.sqlite.schema import ROW_ID
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.sqlite.writer import SqliteRowWriter
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import ComparedRow, KeyProblems, Matched, RowEdit, StoredRow

BATCH = 500  # rows that are in memory at once
SCAN = 20_000  # rows of the table between two reports of progress
CACHE_KIB = 32_000
MAX_SELECTED = 1_000  # columns per statement
SAMPLES = 20  # rows that a problem names

_TABLES = (
    "CREATE TABLE refused (n INTEGER PRIMARY KEY, reason TEXT) WITHOUT ROWID",
    "CREATE TABLE pairs (id INTEGER, n INTEGER, differs INTEGER)",
)
_BEFORE = ("empty", "repeated")  # problems that are known before anything is joined
_PROBLEMS = (*_BEFORE, "ambiguous")


class SqliteFileComparison(FileComparison):
    def __init__(self, address: str, draft: Path, table: TableRef, columns: Sequence[Field], keys: Sequence[int]):
        self.table, self.columns = table, columns
        self._keys = [place for number in keys for place, field in enumerate(columns) if field.number == number]
        draft.unlink(missing_ok=True)  # of a child that was killed
        with readable_errors():
            self._connection = _open(draft, address)
        self._rows = SqliteRowWriter(self._connection)  # which knows what fits; nothing is written with it
        names = ", ".join(f"x{place} TEXT NOT NULL" for place in range(len(columns)))
        try:
            self.seq = self._begin()
            for statement in (f"CREATE TABLE file ({names})", *_TABLES):
                self._run(statement)
        except BaseException:
            self._connection.close()
            raise
        self._known = KnownEdits(self._connection, [(place, columns[place].number) for place in self._keys])
        marks = ", ".join("?" * len(columns))
        self._insert = f"INSERT INTO file VALUES ({marks})"

    def __enter__(self) -> "SqliteFileComparison":
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    # -- what is compared ------------------------------------------------------------------------------------------

    def take(self, rows: Sequence[Sequence[str]]) -> None:
        if needs_encoding("".join(map("".join, rows))):
            rows = [tuple(map(encode, row)) for row in rows]
        with readable_errors():
            self._connection.executemany(self._insert, rows)

    def take_edits_since(self, seq: int, from_files: Collection[str]) -> None:
        self._known.take(edits_since(self._connection, self.table.id, seq, from_files))

    def take_edits(self, edits: Iterable[RowEdit]) -> None:
        self._known.take(edits)

    def take_settled(self, cells: Iterable[tuple[int, int, str]]) -> None:
        self._known.take_settled(cells)

    def match_keys(self, progress: Progress) -> Matched:
        self._refuse_keys()
        join = all_of([Sql(f"f.x{place} = {DIALECT.print_exact(self.columns[place])}") for place in self._keys]).text
        keyless = self._all_empty(DIALECT.print_exact(self.columns[place]) for place in self._keys)
        found = (
            f"SELECT t.{ROW_ID}, f.rowid, f.rowid IS NOT NULL AND {self._differ()}"
            f" FROM {table_name(self.table.id)} t LEFT JOIN file f ON {join}"
            f" WHERE t.{ROW_ID} > ? AND t.{ROW_ID} <= ? AND NOT {keyless}"
        )
        for after, last in self._ranges(progress):
            self._run(f"INSERT INTO pairs {found}", after, last)
        self._run("CREATE INDEX pairs_n ON pairs (n)")
        self._run(
            "INSERT OR IGNORE INTO refused SELECT n, 'ambiguous' FROM pairs WHERE n IS NOT NULL"
            " GROUP BY n HAVING count(*) > 1"
        )
        self._run("DELETE FROM pairs WHERE n IN (SELECT n FROM refused)")
        return self._matched()

    def match_rows(self, progress: Progress) -> Matched:
        """By a digest of all cells, and of equal rows the first of the table with the first of the file."""
        self._run("CREATE TABLE hashes (side INTEGER, hash BLOB, id INTEGER)")
        with readable_errors():
            self._connection.executemany("INSERT INTO hashes VALUES (0, ?, ?)", self._hashes_of_file())
            self._connection.executemany("INSERT INTO hashes VALUES (1, ?, ?)", self._hashes_of_table(progress))
        self._run("CREATE INDEX hashes_hash ON hashes (side, hash, id)")
        ranked = "SELECT id, hash, row_number() OVER (PARTITION BY hash ORDER BY id) AS rank FROM hashes WHERE side = "
        self._run(f"CREATE TABLE ranked AS {ranked} 0")
        self._run("CREATE INDEX ranked_hash ON ranked (hash, rank)")
        pairs = f"SELECT t.id, f.id, 0 FROM ({ranked} 1) t LEFT JOIN ranked f ON f.hash = t.hash AND f.rank = t.rank"
        self._run(f"INSERT INTO pairs {pairs}")
        self._run("CREATE INDEX pairs_n ON pairs (n)")
        return self._matched()

    def match_nothing(self) -> Matched:
        self._run("CREATE INDEX pairs_n ON pairs (n)")
        return self._matched()

    # -- what was found --------------------------------------------------------------------------------------------

    def problems(self) -> KeyProblems:
        keyless = 0
        if self._keys:
            empty = self._all_empty(DIALECT.print_exact(self.columns[place]) for place in self._keys)
            keyless = self._number(f"SELECT count(*) FROM {table_name(self.table.id)} WHERE {empty}")
        counts = {kind: self._number(f"SELECT count(*) FROM ({_refused(kind)})") for kind in _PROBLEMS}
        samples = {kind: self._sample(_refused(kind)) for kind in _PROBLEMS}
        return KeyProblems(counts, samples, keyless)

    def changed(self) -> Iterator[list[ComparedRow]]:
        with self._select("SELECT id, n FROM pairs WHERE differs ORDER BY id") as cursor:
            while found := cursor.fetchmany(BATCH):
                ids, places = [row_id for row_id, _ in found], [place for _, place in found]
                fields = [field for field in self.columns if field.number > 0]
                before, after = self._rows.cells(self.table, ids, fields), self._file_rows(places)
                edits = self._known.of_rows(ids)
                yield [
                    ComparedRow(row_id, place, self._with_new(before[row_id]), after[place], edits.get(row_id, {}))
                    for row_id, place in found
                ]

    def added(self) -> Iterator[list[ComparedRow]]:
        """In the order of the file; `edits` has the set that deleted a row with the same key, under 0."""
        free = "NOT EXISTS (SELECT 1 FROM pairs p WHERE p.n = f.rowid)"
        found = f"SELECT f.rowid FROM file f WHERE {free} AND f.rowid NOT IN (SELECT n FROM refused) ORDER BY 1"
        for places in self._batches(found):
            cells = self._file_rows(places)
            yield [ComparedRow(0, place, (), cells[place], self._known.deletion(cells[place])) for place in places]

    def missing(self) -> Iterator[list[tuple[StoredRow, dict[int, RowEdit]]]]:
        for ids in self._batches("SELECT id FROM pairs WHERE n IS NULL ORDER BY id"):
            cells, edits = self._rows.cells(self.table, ids, self.table.stored), self._known.of_rows(ids)
            yield [(StoredRow(row_id, cells[row_id]), edits.get(row_id, {})) for row_id in ids]

    def same_ids(self) -> Iterator[list[int]]:
        return self._batches("SELECT id FROM pairs WHERE n IS NOT NULL AND NOT differs ORDER BY id")

    def cells(self, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        return self._rows.cells(self.table, ids, fields)

    def fits(self, field: Field, text: str) -> bool:
        return self._rows.fits(field, text)

    # -- statements ------------------------------------------------------------------------------------------------

    def _begin(self) -> int:
        """From here on the table is read on one snapshot. Raises `RowsGone`."""
        self._run("BEGIN")
        found = self._connection.execute("SELECT seq FROM tables WHERE id = ?", (self.table.id,)).fetchone()
        if found is None:
            raise RowsGone
        return int(found[0])

    def _run(self, statement: str, *values: object) -> None:
        with readable_errors():
            self._connection.execute(statement, values)

    def _number(self, statement: str) -> int:
        with readable_errors():
            return int(self._connection.execute(statement).fetchone()[0])

    def _select(self, statement: str) -> "closing[sqlite3.Cursor]":
        with readable_errors():
            return closing(self._connection.execute(statement))

    def _batches(self, statement: str) -> Iterator[list[int]]:
        with self._select(statement) as cursor:
            while found := cursor.fetchmany(BATCH):
                yield [number for (number,) in found]

    def _refuse_keys(self) -> None:
        """Of a key that several rows of the file have, one stays, so that the table's row is not taken for missing."""
        names = ", ".join(f"x{place}" for place in self._keys)
        empty = self._all_empty(f"x{place}" for place in self._keys)
        self._run(f"INSERT INTO refused SELECT rowid, 'empty' FROM file WHERE {empty}")
        self._run(f"CREATE INDEX file_key ON file ({names})")
        groups = f"SELECT {names} FROM file WHERE NOT {empty} GROUP BY {names} HAVING count(*) > 1"
        same = all_of([Sql(f"f.x{place} = g.x{place}") for place in self._keys]).text
        self._run(
            f"INSERT OR IGNORE INTO refused SELECT f.rowid, 'repeated' FROM ({groups}) g CROSS JOIN file f ON {same}"
        )
        firsts = f"SELECT min(rowid) FROM file WHERE NOT {empty} GROUP BY {names} HAVING count(*) > 1"
        samples = " EXCEPT ".join(f"SELECT n FROM ({_refused(kind)} LIMIT {SAMPLES})" for kind in _BEFORE)
        self._run(f"DELETE FROM file WHERE rowid IN (SELECT n FROM refused EXCEPT {firsts} EXCEPT {samples})")

    def _all_empty(self, texts: Iterable[str]) -> str:
        empty = [literal(self.columns[place].empty_text) for place in self._keys]
        return all_of([Sql(f"{text} IN ('', {word})") for text, word in zip(texts, empty, strict=True)]).text

    def _differ(self) -> str:
        """SQL for whether any cell of the file's row has another text than the table's; keys are equal."""
        terms = [
            Sql(f"f.x{place} <> {DIALECT.print_exact(field) if field.number > 0 else literal(field.empty_text)}")
            for place, field in enumerate(self.columns)
            if place not in self._keys
        ]
        return f"({any_of(terms).text})"

    def _ranges(self, progress: Progress) -> Iterator[tuple[int, int]]:
        """The ids of the table's rows in steps: (behind this one, up to this one)."""
        name, after, done = table_name(self.table.id), 0, 0
        total = self._number(f"SELECT count(*) FROM {name}")
        some = f"SELECT {ROW_ID} AS id FROM {name} WHERE {ROW_ID} > ? ORDER BY 1 LIMIT {SCAN}"
        while True:
            with readable_errors():
                last, count = self._connection.execute(f"SELECT max(id), count(*) FROM ({some})", (after,)).fetchone()
            if last is None:
                return
            yield after, last
            after, done = last, done + count
            progress(done, total)

    def _matched(self) -> Matched:
        file = self._number("SELECT count(*) FROM file WHERE rowid NOT IN (SELECT n FROM refused)")
        matched = self._number("SELECT count(*) FROM pairs WHERE n IS NOT NULL")
        changed = self._number("SELECT count(*) FROM pairs WHERE differs")
        missing = self._number("SELECT count(*) FROM pairs WHERE n IS NULL")
        return Matched(file - matched, changed, matched - changed, missing)

    def _file_rows(self, places: Sequence[int]) -> dict[int, tuple[str, ...]]:
        found: dict[int, tuple[str, ...]] = {}
        marks = ", ".join("?" * len(places))
        for start in range(0, len(self.columns), MAX_SELECTED):
            end = min(start + MAX_SELECTED, len(self.columns))
            names = ", ".join(["rowid", *(f"x{place}" for place in range(start, end))])
            rows = self._rows.connection.execute(
                Sql(f"SELECT {names} FROM file WHERE rowid IN ({marks})", tuple(places))
            )
            for place, *cells in rows:
                found[place] = found.get(place, ()) + tuple(map(decode, cells))
        return found

    def _sample(self, statement: str) -> list[tuple[int, tuple[str, ...]]]:
        """The first rows of the file with a problem: where they are among its rows, from 1, and their cells."""
        places = [n for (n,) in self._rows.connection.execute(Sql(f"{statement} LIMIT {SAMPLES}"))]
        cells = self._file_rows(places)
        return [(place, cells[place]) for place in places]

    def _with_new(self, cells: Sequence[str]) -> tuple[str, ...]:
        """The table's cells in the order of the file's columns; what a new column has is empty."""
        stored = iter(cells)
        return tuple(next(stored) if field.number > 0 else field.empty_text for field in self.columns)

    def _hashes_of_file(self) -> Iterator[tuple[bytes, int]]:
        """Only of the columns that the table has: what a new one would hold says nothing about the others."""
        chosen = [place for place, field in enumerate(self.columns) if field.number > 0]
        for places in self._batches("SELECT rowid FROM file ORDER BY 1"):
            rows = self._file_rows(places)
            yield from ((digest(rows[place][number] for number in chosen), place) for place in places)

    def _hashes_of_table(self, progress: Progress) -> Iterator[tuple[bytes, int]]:
        fields = [field for field in self.columns if field.number > 0]
        for after, last in self._ranges(progress):
            ids = f"SELECT {ROW_ID} FROM {table_name(self.table.id)} WHERE {ROW_ID} > {after} AND {ROW_ID} <= {last}"
            for some in self._batches(ids):
                cells = self._rows.cells(self.table, some, fields)
                yield from ((digest(cells[row_id]), row_id) for row_id in some)


def _refused(kind: str) -> str:
    return f"SELECT n FROM refused WHERE reason = '{kind}' ORDER BY n"


def _open(draft: Path, address: str) -> sqlite3.Connection:
    """The database of the file's rows, which nobody needs after a crash, with the application's beside it."""
    connection = sqlite3.connect(draft, timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", f"cache_size=-{CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("ATTACH DATABASE ? AS app", (f"{Path(address).absolute()}",))
    except BaseException:
        connection.close()
        raise
    return connection
