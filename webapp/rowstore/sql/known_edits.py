"""What people did to the rows of a table that a file is laid over, in the database of the comparison."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import chain

from webapp.rowstore.nul_escape import decode, encode
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.values import RowEdit

_TABLES = {
    "edits": "id BIGINT, number BIGINT, before TEXT, after TEXT, seq BIGINT, PRIMARY KEY (id, number)",
    "gone": "key TEXT, id BIGINT, seq BIGINT",
    "settled": "id BIGINT, number BIGINT, text TEXT, PRIMARY KEY (id, number)",
}
_NOTE_EDIT = (
    "INSERT INTO edits VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id, number) DO UPDATE SET after = excluded.after, seq = excluded.seq"
)
_NOTE_SETTLED = "INSERT INTO settled VALUES (?, ?, ?) ON CONFLICT (id, number) DO UPDATE SET text = excluded.text"
_DELETION = "SELECT id, seq FROM gone WHERE key = ? ORDER BY seq DESC LIMIT 1"
_SETTLED = "SELECT text FROM settled s WHERE s.id = e.id AND s.number = e.number"


class KnownEdits:
    """`keys` are the key columns: their places among the compared columns, and their numbers. `create(name, columns)`
    makes a table that goes with the comparison.
    """

    def __init__(
        self, connection: Connection, keys: Sequence[tuple[int, int]], create: Callable[[str, str], None]
    ) -> None:
        self._connection, self._keys = connection, keys
        for name, columns in _TABLES.items():
            create(name, columns)
        self._run("CREATE INDEX gone_key ON gone (key)")

    def take(self, edits: Iterable[RowEdit]) -> None:
        for edit in edits:
            if edit.column is not None:
                self._take_cell(edit, edit.column)
            else:
                self._take_row(edit)

    def take_settled(self, cells: Iterable[tuple[int, int, str]]) -> None:
        for row_id, number, text in cells:
            self._run(_NOTE_SETTLED, row_id, number, encode(text))

    def of_rows(self, ids: Sequence[int]) -> dict[int, dict[int, RowEdit]]:
        """By row and column, 0 for the row as a whole. `before` is what the first of several edits found."""
        chosen = self._connection.dialect.is_one_of("id", ids)
        statement = f"SELECT id, number, before, after, seq, ({_SETTLED}) FROM edits e WHERE {chosen.text}"
        found: dict[int, dict[int, RowEdit]] = {}
        for row_id, number, before, after, seq, text in self._connection.execute(Sql(statement, chosen.values)):
            edit = RowEdit(seq, row_id, number or None, decode(before), decode(after), settled=text and decode(text))
            found.setdefault(row_id, {})[number] = edit
        return found

    def deletion(self, cells: Sequence[str]) -> dict[int, RowEdit]:
        """That of a row with the key of these cells, under 0."""
        if not self._keys:
            return {}
        key = digest(encode(cells[place]) for place, _ in self._keys)
        found = self._connection.execute(Sql(_DELETION, (key,)))
        return dict(enumerate(RowEdit(seq, row_id, None, None, None) for row_id, seq in found))

    def _take_cell(self, edit: RowEdit, column: int) -> None:
        if edit.is_from_file:
            self._run("DELETE FROM edits WHERE id = ? AND number = ?", edit.row_id, column)
            return
        self._run(_NOTE_EDIT, edit.row_id, column, encode(edit.before or ""), encode(edit.after or ""), edit.seq)

    def _take_row(self, edit: RowEdit) -> None:
        """A row that is gone is known by the key that it had."""
        cells = edit.cells or {}
        key = digest(encode(cells.get(number, "")) for _, number in self._keys)
        if edit.after is None:
            self._run("DELETE FROM edits WHERE id = ?", edit.row_id)
        if edit.after is not None or edit.is_from_file:
            self._run("DELETE FROM gone WHERE key = ?", key)
        else:
            self._run("INSERT INTO gone VALUES (?, ?, ?)", key, edit.row_id, edit.seq)
        if edit.after is not None and not edit.is_from_file:
            self._run(_NOTE_EDIT, edit.row_id, 0, "", "", edit.seq)

    def _run(self, statement: str, *values: object) -> None:
        self._connection.execute(Sql(statement, values))


def digest(texts: Iterable[str]) -> str:
    """The same for the same texts, as they are stored: none of them has a NUL, which is behind each here."""
    return blake2b("".join(chain.from_iterable((text, "\0") for text in texts)).encode(), digest_size=16).hexdigest()
