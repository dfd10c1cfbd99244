"""A file laid over a table: which of its rows are there already, which differ, which are new, and which are missing.

The rows of the file go into tables of their own, which the database joins with the table: memory stays the same however
many there are. The table is read on one snapshot, and nothing of it is written.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from webapp.rowstore.errors import RowsGone
from webapp.rowstore.file_comparison import FileComparison
from webapp.rowstore.loader import Progress
from webapp.rowstore.sql.comparison_tables import ComparisonTables
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.edits import edits_since
from webapp.rowstore.sql.known_edits import KnownEdits, digest
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql, all_of, any_of, literal
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import ComparedRow, KeyProblems, Matched, RowEdit, StoredRow

SCAN = 20_000  # rows of the table between two reports of progress
SAMPLES = 20  # rows that a problem names

_TABLES = {"refused": "n BIGINT PRIMARY KEY, reason TEXT", "pairs": "id BIGINT, n BIGINT, differs BOOLEAN"}
_BEFORE = ("empty", "repeated")  # problems that are known before anything is joined
_PROBLEMS = (*_BEFORE, "ambiguous")
_REFUSE = "INSERT INTO refused"
_UNLESS_REFUSED = "ON CONFLICT (n) DO NOTHING"


class SqlFileComparison(ComparisonTables, FileComparison):
    """On a connection that this object has for itself."""

    def __init__(self, connection: Connection, table: TableRef, columns: Sequence[Field], keys: Sequence[int]) -> None:
        super().__init__(connection, columns)
        self.table = table
        self._keys = [place for number in keys for place, field in enumerate(columns) if field.number == number]
        try:
            self.seq = self._begin()
            self._source = self.open_source()
            self._rows = SqlRowReader(self._source)
            self.create_file_table([f"x{place}" for place in range(len(columns))])
            for name, stored in _TABLES.items():
                self.create_table(name, stored)
            keyed = [(place, columns[place].number) for place in self._keys]
            self._known = KnownEdits(connection, keyed, self.create_table)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "SqlFileComparison":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- what is compared ------------------------------------------------------------------------------------------

    def take_edits_since(self, seq: int, from_files: Collection[str]) -> None:
        self._known.take(edits_since(self._connection, self.table.id, seq, from_files))

    def take_edits(self, edits: Iterable[RowEdit]) -> None:
        self._known.take(edits)

    def take_settled(self, cells: Iterable[tuple[int, int, str]]) -> None:
        self._known.take_settled(cells)

    def match_keys(self, progress: Progress) -> Matched:
        self.gather_statistics("file")
        self._refuse_keys()
        print_exact = self._connection.dialect.print_exact
        join = all_of([Sql(f"f.x{place} = {print_exact(self.columns[place])}") for place in self._keys]).text
        keyless = self._all_empty(print_exact(self.columns[place]) for place in self._keys)
        row = self._row
        pair = f"t.{row}, f.{row}, f.{row} IS NOT NULL AND {self._differ()}"
        where = f"t.{row} > ? AND t.{row} <= ? AND NOT {keyless}"
        for after, last in self._ranges(progress):
            rows = f"{self.rows_between(after, last)} t LEFT JOIN file f ON {join}"
            self._run(f"INSERT INTO pairs SELECT {pair} FROM {rows} WHERE {where}", after, last)
        self._index_pairs()
        self._run(
            f"{_REFUSE} SELECT n, 'ambiguous' FROM pairs WHERE n IS NOT NULL"
            f" GROUP BY n HAVING count(*) > 1 {_UNLESS_REFUSED}"
        )
        self._run("DELETE FROM pairs WHERE n IN (SELECT n FROM refused)")
        return self._matched()

    def match_rows(self, progress: Progress) -> Matched:
        """By a digest of all cells, and of equal rows the first of the table with the first of the file."""
        self.create_table("hashes", "side INTEGER, hash TEXT, id BIGINT")
        self.create_table("ranked", "id BIGINT, hash TEXT, place BIGINT")
        for some in self._hashes_of_file():
            self._connection.change_all("INSERT INTO hashes VALUES (0, ?, ?)", some)
        for some in self._hashes_of_table(progress):
            self._connection.change_all("INSERT INTO hashes VALUES (1, ?, ?)", some)
        self._run("CREATE INDEX hashes_hash ON hashes (side, hash, id)")
        self.gather_statistics("hashes")
        place = "row_number() OVER (PARTITION BY hash ORDER BY id) AS place"
        ranked = f"SELECT id, hash, {place} FROM hashes WHERE side = "
        self._run(f"INSERT INTO ranked {ranked} 0")
        self._run("CREATE INDEX ranked_hash ON ranked (hash, place)")
        self.gather_statistics("ranked")
        pairs = (
            f"SELECT t.id, f.id, FALSE FROM ({ranked} 1) t LEFT JOIN ranked f ON f.hash = t.hash AND f.place = t.place"
        )
        self._run(f"INSERT INTO pairs {pairs}")
        self._index_pairs()
        return self._matched()

    def match_nothing(self) -> Matched:
        self._index_pairs()
        return self._matched()

    # -- what was found --------------------------------------------------------------------------------------------

    def problems(self) -> KeyProblems:
        keyless = 0
        if self._keys:
            empty = self._all_empty(
                map(self._connection.dialect.print_exact, map(self.columns.__getitem__, self._keys))
            )
            keyless = self._count_rows(f"WHERE {empty}")
        counts = {kind: self._number(f"SELECT count(*) FROM ({_refused(kind)}) AS chosen") for kind in _PROBLEMS}
        samples = {kind: self._sample(_refused(kind)) for kind in _PROBLEMS}
        return KeyProblems(counts, samples, keyless)

    def changed(self) -> Iterator[list[ComparedRow]]:
        fields = [field for field in self.columns if field.number > 0]
        for found in self._batches("SELECT id, n FROM pairs WHERE differs ORDER BY id"):
            ids, places = [row_id for row_id, _ in found], [place for _, place in found]
            before, after = self._rows.cells(self.table, ids, fields), self._file_rows(places)
            edits = self._known.of_rows(ids)
            yield [
                ComparedRow(row_id, place, self._with_new(before[row_id]), after[place], edits.get(row_id, {}))
                for row_id, place in found
            ]

    def added(self) -> Iterator[list[ComparedRow]]:
        """In the order of the file; `edits` has the set that deleted a row with the same key, under 0."""
        row = self._row
        free = f"NOT EXISTS (SELECT 1 FROM pairs p WHERE p.n = f.{row}) AND {_is_accepted(f'f.{row}')}"
        found = f"SELECT f.{row} FROM file f WHERE {free} ORDER BY 1"
        for places in self._numbers(found):
            cells = self._file_rows(places)
            yield [ComparedRow(0, place, (), cells[place], self._known.deletion(cells[place])) for place in places]

    def missing(self) -> Iterator[list[tuple[StoredRow, dict[int, RowEdit]]]]:
        for ids in self._numbers("SELECT id FROM pairs WHERE n IS NULL ORDER BY id"):
            cells, edits = self._rows.cells(self.table, ids, self.table.stored), self._known.of_rows(ids)
            yield [(StoredRow(row_id, cells[row_id]), edits.get(row_id, {})) for row_id in ids]

    def same_ids(self) -> Iterator[list[int]]:
        return self._numbers("SELECT id FROM pairs WHERE n IS NOT NULL AND NOT differs ORDER BY id")

    def cells(self, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        return self._rows.cells(self.table, ids, fields)

    def fits(self, field: Field, text: str) -> bool:
        return self._rows.fits(field, text)

    # -- statements ------------------------------------------------------------------------------------------------

    def _begin(self) -> int:
        """From here on the table is read on one snapshot. Raises `RowsGone`."""
        self.begin()
        found = self._connection.execute(Sql("SELECT seq FROM tables WHERE id = ?", (self.table.id,)))
        if not found:
            raise RowsGone
        return int(found[0][0])

    def _index_pairs(self) -> None:
        self._run("CREATE INDEX pairs_n ON pairs (n)")
        self.gather_statistics("pairs")

    def _refuse_keys(self) -> None:
        """Of a key that several rows of the file have, one stays, so that the table's row is not taken for missing."""
        names, row = ", ".join(f"x{place}" for place in self._keys), self._row
        empty = self._all_empty(f"x{place}" for place in self._keys)
        self._run(f"{_REFUSE} SELECT {row}, 'empty' FROM file WHERE {empty}")
        self._run(f"CREATE INDEX file_key ON file ({names})")
        repeated = f"FROM file WHERE NOT {empty} GROUP BY {names} HAVING count(*) > 1"
        self._run(
            f"{_REFUSE} SELECT {row}, 'repeated' FROM file WHERE ({names}) IN (SELECT {names} {repeated})"
            f" {_UNLESS_REFUSED}"
        )
        samples = "".join(
            f" EXCEPT SELECT n FROM ({_refused(kind)} LIMIT {SAMPLES}) AS {kind}_rows" for kind in _BEFORE
        )
        gone = f"SELECT n FROM refused EXCEPT SELECT min({row}) {repeated}{samples}"
        self._run(f"DELETE FROM file WHERE {row} IN ({gone})")
        self.gather_statistics("refused")

    def _all_empty(self, texts: Iterable[str]) -> str:
        empty = [literal(self.columns[place].empty_text) for place in self._keys]
        return all_of([Sql(f"{text} IN ('', {word})") for text, word in zip(texts, empty, strict=True)]).text

    def _differ(self) -> str:
        """SQL for whether any cell of the file's row has another text than the table's; keys are equal."""
        dialect = self._connection.dialect
        terms = [
            Sql(f"f.x{place} <> {dialect.print_exact(field) if field.number > 0 else literal(field.empty_text)}")
            for place, field in enumerate(self.columns)
            if place not in self._keys
        ]
        return f"({any_of(terms).text})"

    def _ranges(self, progress: Progress) -> Iterator[tuple[int, int]]:
        """The ids of the table's rows in steps: (behind this one, up to this one)."""
        name, after, done = table_name(self.table.id), 0, 0
        total = self._count_rows()
        some = f"SELECT {self._row} AS id FROM {name} WHERE {self._row} > ? ORDER BY 1 LIMIT {SCAN}"
        statement = f"SELECT max(id), count(*) FROM ({some}) AS chosen"
        while True:
            ((last, count),) = self._source.execute(Sql(statement, (after,)))
            if last is None:
                return
            yield after, last
            after, done = last, done + count
            progress(done, total)

    def _count_rows(self, where: str = "") -> int:
        found = self._source.execute(Sql(f"SELECT count(*) FROM {table_name(self.table.id)} {where}"))
        return int(found[0][0])

    def _matched(self) -> Matched:
        file = self._number(f"SELECT count(*) FROM file f WHERE {_is_accepted(f'f.{self._row}')}")
        matched = self._number("SELECT count(*) FROM pairs WHERE n IS NOT NULL")
        changed = self._number("SELECT count(*) FROM pairs WHERE differs")
        missing = self._number("SELECT count(*) FROM pairs WHERE n IS NULL")
        return Matched(file - matched, changed, matched - changed, missing)

    def _sample(self, statement: str) -> list[tuple[int, tuple[str, ...]]]:
        """The first rows of the file with a problem: where they are among its rows, from 1, and their cells."""
        places = [n for (n,) in self._connection.execute(Sql(f"{statement} LIMIT {SAMPLES}"))]
        cells = self._file_rows(places)
        return [(place, cells[place]) for place in places]

    def _with_new(self, cells: Sequence[str]) -> tuple[str, ...]:
        """The table's cells in the order of the file's columns; what a new column has is empty."""
        stored = iter(cells)
        return tuple(next(stored) if field.number > 0 else field.empty_text for field in self.columns)

    def _hashes_of_file(self) -> Iterator[list[tuple[str, int]]]:
        """Only of the columns that the table has: what a new one would hold says nothing about the others."""
        chosen = [place for place, field in enumerate(self.columns) if field.number > 0]
        for places in self._numbers(f"SELECT {self._row} FROM file ORDER BY 1"):
            rows = self._file_rows(places)
            yield [(digest(rows[place][number] for number in chosen), place) for place in places]

    def _hashes_of_table(self, progress: Progress) -> Iterator[list[tuple[str, int]]]:
        fields, row = [field for field in self.columns if field.number > 0], self._row
        for after, last in self._ranges(progress):
            ids = f"SELECT {row} FROM {table_name(self.table.id)} WHERE {row} > {after} AND {row} <= {last}"
            for some in self._numbers(ids, self._source):
                cells = self._rows.cells(self.table, some, fields)
                yield [(digest(cells[row_id]), row_id) for row_id in some]


def _refused(kind: str) -> str:
    return f"SELECT n FROM refused WHERE reason = '{kind}' ORDER BY n"


def _is_accepted(place: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM refused r WHERE r.n = {place})"
