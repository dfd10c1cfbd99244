"""Whole installations in tests: one that has something of everything, and all that one has, for comparing."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, insert, select
from sqlalchemy.orm import Session

from settings import Settings
from tests.saved_views import add_view
from webapp.cli.import_command import import_file
from webapp.copies.own_tables import columns_of, own_tables, read_rows
from webapp.db import copying
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Actor, Member, User
from webapp.models import Column as TableColumn
from webapp.models.tables import editing
from webapp.models.tables.editing import CellEdit
from webapp.rowstore import raw_rows, row_reader
from webapp.rowstore.entries import Entry, pack_part
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import TableRef

ADA = Actor(1, "ada@example.org", "Ada", "owner")
EVE = Actor(2, "eve@example.org", "Eve", "member")
# Tables whose ids are never used again, on every database.
NEVER_AGAIN = ("users", "tables", "audit_events", "forms", "large_changes", "links", "type_changes", "webhooks")
DATABASES = ("sqlite", "postgresql")
ALL_PAIRS = [(one, other) for one in DATABASES for other in DATABASES]
# What a kind alone does not say.
REAL: dict[str, dict[str, Any]] = {
    "links": {"scope": [["q", "x"]], "shown": [1], "origins": []},
    "forms": {"fields": [], "origins": []},
    "change_set_parts": {"blob": pack_part([Entry(1, 1, "Zoë", "Zoé")])},
}
# Numbers with tokens among them, which have companions; every character that is hard somewhere; long and empty cells.
ODD = (
    "Name,Amount,Share,Seen,Note\r\n"
    'Zoë,"1,000",0.10,2026-01-02,"two\nlines, ""quoted"""\r\n'
    "Ünï,NA,1e-7,2026-02-03,\u2400 and \u241b and \U0001f600\r\n"
    "-,<5,-0.30,,\r\n"
    f"long,7,12.5,2026-12-31,{'x' * 20_000}\r\n"
    " space ,-3,,2026-03-04,=1+1\r\n"
)


def ignore(done: int, rows: int) -> None:
    pass


def begin_nothing(what: str, total: int) -> Callable[[int, int], None]:
    return ignore


class Told:
    """How far each step has come in the end, and how far it had to."""

    def __init__(self) -> None:
        self.steps: dict[str, list[int]] = {}

    def begin(self, what: str, total: int) -> Callable[[int, int], None]:
        self.steps[what] = [0, total]

        def advance(done: int, rows: int) -> None:
            assert self.steps[what][0] <= done
            self.steps[what][0] = done

        return advance


def furnish(settings: Settings, folder: Path, rows: int = 300) -> None:
    """Fill a migrated installation: people, two imported tables with their files, edits, members, a view; and in every
    table of our own that has nothing yet a row or two.
    """
    asyncio.run(_people(settings))
    (folder / "odd.csv").write_text(ODD, encoding="utf-8", newline="")
    lines = (f"{number},{number * 1.5},row {number % 97}\n" for number in range(1, rows + 1))
    (folder / "many.csv").write_text("Number,Half,Text\n" + "".join(lines))
    for name in ("odd.csv", "many.csv"):
        import_file(settings, folder / name, title=None, owner_email=ADA.email, progress=ignore)
    asyncio.run(_edits(settings))
    add_view(settings.data_dir, 1, owner=EVE.id, name="Eve's")
    with copying.filling(settings) as connection, connection.begin():
        _fill_the_rest(connection)
        copying.ensure_whole(connection)


async def _people(settings: Settings) -> None:
    async def add(work: UnitOfWork) -> None:
        for person in (ADA, EVE):
            work.session.add(
                User(id=person.id, email=person.email, name=person.name, password_hash="x", role=person.role)
            )
        gone = User(id=9, email="gone@example.org", name="Gone", password_hash="x", role="member")
        work.session.add(gone)
        await work.session.flush()
        await work.session.delete(gone)  # nobody else ever gets this id

    await _write(settings, add)


async def _edits(settings: Settings) -> None:
    async def share(work: UnitOfWork) -> None:
        work.session.add(Member(table_id=1, user_id=EVE.id, role="editor"))

    async def edit(work: UnitOfWork) -> None:
        await editing.change_cells(work, EVE, 1, [CellEdit(1, 1, "Zoë", "Zoé"), CellEdit(2, 2, "NA", "n/a")])

    async def delete(work: UnitOfWork) -> None:
        await editing.delete_rows(work, ADA, 2, [150, 300])

    await _write(settings, share)
    await _write(settings, edit)
    await _write(settings, delete)


async def _write(settings: Settings, verb: Any) -> None:
    database = Database(settings)
    await database.open()
    try:
        await database.write(verb)
    finally:
        await database.close()


def _fill_the_rest(connection: Connection) -> None:
    for table in own_tables():
        if connection.execute(select(table).limit(1)).first() is None:
            connection.execute(insert(table).values(_values(connection, table) | REAL.get(table.name, {})))


def _values(connection: Connection, table: Table) -> dict[str, Any]:
    kinds = dict(columns_of(table))
    return {column.name: _value(connection, column, kinds[column.name]) for column in table.columns}


def _value(connection: Connection, column: Column[Any], kind: str) -> Any:
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).order_by(key.column).limit(1))
    values = {
        "integer": 1,
        "boolean": True,
        "text": "Zoë, “quoted”, \u2028",
        "bytes": bytes(range(256)),
        "instant": datetime(2026, 11, 29, 1, 2, 3, 456_789, tzinfo=UTC),
        "json": {"ä": [1, 1.5, None, True, "x\u2028"]},
    }
    return values[kind]


def everything(settings: Settings) -> dict[str, Any]:
    """Each table's rows, each export, the highest ids, and every file but the databases."""
    with copying.snapshot(settings) as connection:
        found: dict[str, Any] = {}
        for table in own_tables():
            found[table.name] = [row for rows in read_rows(connection, table) for row in rows]
        rows = raw_rows(connection)
        for stored in rows.tables():
            found[f"rows of {stored.id}"] = stored.columns, [row for batch in rows.read(stored) for row in batch]
            found[f"export of {stored.id}"] = _export(connection, stored.id)
        found["last ids"] = {name: copying.last_ids(connection).get(name) for name in NEVER_AGAIN}
    return found | {"files": dict(_files(settings.data_dir))}


def _export(connection: Connection, table_id: int) -> bytes:
    with Session(connection) as session:
        shown = select(TableColumn).where(TableColumn.table_id == table_id, TableColumn.deleted_at.is_(None))
        ref = TableRef.of(table_id, session.scalars(shown.order_by(TableColumn.position)))
        return b"".join(row_reader(connection).export(ref, TableQuery.of(ref.fields)))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and path.suffix not in (".db", ".db-wal", ".db-shm") and "lock" not in name:
            yield name, hashlib.sha256(path.read_bytes()).hexdigest()
