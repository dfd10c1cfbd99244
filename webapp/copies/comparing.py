"""Whether two databases hold the same: by numbers of rows, and by hashes of what is stored and of what is exported."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.orm import Session

from webapp.copies.own_tables import columns_of, dump_line, line_of, read_rows
from webapp.models import Column
from webapp.rowstore import raw_rows, row_reader
from webapp.rowstore.query import TableQuery
from webapp.rowstore.raw import RawTable
from webapp.rowstore.table_ref import TableRef

_NUL, _SYMBOL = b"\\u0000", "\u2400".encode()  # U+0000 of texts of our own, which PostgreSQL has as its symbol


@dataclass(frozen=True, slots=True)
class Fingerprint:
    rows: int
    sha256: str


def own_fingerprint(connection: Connection, table: Table) -> Fingerprint:
    kinds = [kind for _, kind in columns_of(table)]
    rows = (row for batch in read_rows(connection, table) for row in batch)
    return _fingerprint(line_of(row, kinds).replace(_NUL, _SYMBOL) for row in rows)


def stored_fingerprint(connection: Connection, table: RawTable, on_rows: Callable[[int], None]) -> Fingerprint:
    """Of all stored columns, also of those that no column has at present."""

    def lines() -> Iterable[bytes]:
        for batch in raw_rows(connection).read(table):
            yield from (dump_line(row).encode() + b"\n" for row in batch)
            on_rows(len(batch))

    return _fingerprint(lines())


def export_hash(connection: Connection, table_id: int) -> str:
    """The SHA-256 of the table's export as CSV: what people get out, by this database's own printing."""
    digest = hashlib.sha256()
    if (ref := table_ref(connection, table_id)) is not None:
        for block in row_reader(connection).export(ref, TableQuery.of(ref.fields)):
            digest.update(block)
    return digest.hexdigest()


def table_ref(connection: Connection, table_id: int) -> TableRef | None:
    """None if it has no columns: its rows belong to no table any more."""
    with Session(connection) as session:
        shown = select(Column).where(Column.table_id == table_id, Column.deleted_at.is_(None))
        columns: list[Any] = list(session.scalars(shown.order_by(Column.position)))
        return TableRef.of(table_id, columns) if columns else None


def _fingerprint(lines: Iterable[bytes]) -> Fingerprint:
    digest, rows = hashlib.sha256(), 0
    for line in lines:
        digest.update(line)
        rows += 1
    return Fingerprint(rows, digest.hexdigest())
