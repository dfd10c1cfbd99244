"""Taking in the tables of a portable archive, as tables of one person.

Each gets a number of its own. Until it is complete it is like a table that is being deleted for good: nobody finds it,
and if this is killed, the next server removes what there is. At its end it is exported again, and compared with what
the archive has.
"""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from settings import Settings
from webapp.copies.archive import Begin, Progress, opened
from webapp.copies.archived_table import ArchivedTable
from webapp.copies.belongings import add_belongings, add_history
from webapp.copies.portable import TablesManifest
from webapp.db import migrations
from webapp.db.database import Database
from webapp.db.drivers import DRIVER_ERRORS
from webapp.db.errors import UserError
from webapp.db.keys import sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.leader import FileLeader
from webapp.models import Column, Table, User, utc_now
from webapp.models.accounts.user import normalise_email
from webapp.models.policy import Role, can_own_tables
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.trash import PURGING
from webapp.rowstore import create_store, open_reader, within
from webapp.rowstore.errors import CellValueError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import TableRef
from webapp.rowstore.values import StoredRow

_WRONG_VALUES: Final[tuple[type[Exception], ...]] = (CellValueError, ValueError, OverflowError)
_REFUSALS: Final[tuple[type[Exception], ...]] = (*_WRONG_VALUES, SQLAlchemyError, *DRIVER_ERRORS)


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """`notes`: what was not taken in, in words."""

    id: int
    title: str
    rows: int
    notes: list[str]


def import_all(settings: Settings, path: Path, owner_email: str, begin: Begin) -> list[ImportedTable]:
    """`begin` is told of two steps: comparing with the hashes, and writing the rows. Raises `UserError`. Tables that
    were complete by then stay.
    """
    with opened(path) as archive:
        manifest = archive.read_manifest(TablesManifest, migrations.head())
        archive.verify(manifest.members, begin)
        tables = [ArchivedTable(archive, members) for members in manifest.tables]
        with FileLeader(settings.data_dir).leading():
            migrations.upgrade(settings)
            progress = begin("Importing", sum(table.about.rows for table in tables))
            return asyncio.run(_import_all(settings, tables, owner_email, progress))


async def _import_all(
    settings: Settings, tables: list[ArchivedTable], owner_email: str, progress: Progress
) -> list[ImportedTable]:
    database, done = Database(settings), 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done, done)

    await database.open()
    try:
        owner = await _find_owner(database, owner_email)
        return [await _Importer(settings, database, table, owner).run(count) for table in tables]
    finally:
        await database.close()


async def _find_owner(database: Database, email: str) -> User:
    try:
        address = normalise_email(email)
    except ValueError as error:
        raise UserError(f"Nobody has an account with the address {email}: {error}") from error
    async with database.reading() as session:
        owner = await session.scalar(select(User).where(User.email == address))
    if owner is None:
        raise UserError(f"Nobody has an account with the address {email}.")
    if not can_own_tables(Role(owner.role)):
        raise UserError(f"{email} is a {owner.role}, who cannot own tables.")
    return owner


class _Importer:
    def __init__(self, settings: Settings, database: Database, source: ArchivedTable, owner: User) -> None:
        self._settings, self._database, self._source, self._owner = settings, database, source, owner

    async def run(self, count: Callable[[int], None]) -> ImportedTable:
        try:
            ref = await self._database.write(self._create)
            try:
                return await self._fill(ref, count)
            except BaseException:
                await self._database.write(self._remove, ref)
                raise
        except _REFUSALS as error:
            raise self._source.bad(f"the database does not take it ({getattr(error, 'orig', error)})") from error

    async def _fill(self, ref: TableRef, count: Callable[[int], None]) -> ImportedTable:
        with closing(self._source.rows()) as batches:
            for batch in batches:
                await self._database.write(_insert, ref, batch)
                count(len(batch))
        with closing(self._source.history()) as history:
            for documents in history:
                await self._database.write(add_history, ref.id, documents)
        await asyncio.to_thread(self._ensure_same, ref)
        notes = await self._database.write(self._finish, ref)
        return ImportedTable(ref.id, self._source.about.title, self._source.about.rows, notes)

    async def _create(self, work: UnitOfWork) -> TableRef:
        about = self._source.about
        table = Table(
            owner_id=self._owner.id,
            title=about.title,
            created_at=about.created_at,
            row_count=about.rows,
            next_row_id=max([about.next_row_id, *(last + 1 for _, last in about.row_ids)]),
            next_column=max([*(column.number for column in about.columns), *about.gone]) + 1,
            state=PURGING,
            deleted_at=utc_now(),
            seq=about.seq,
            log_from=about.log_from,
            log_pruned_to=about.log_pruned_to,
        )
        table.columns = self._source.columns()
        work.session.add(table)
        await work.session.flush()
        ref = table.ref
        work.session.add_all(_gone(table.id, number) for number in about.gone)
        await within(work, lambda rows: rows.create(ref))
        return ref

    def _ensure_same(self, ref: TableRef) -> None:
        """Byte for byte what the archive has."""
        digest = hashlib.sha256()
        with open_reader(create_store(self._database).address) as rows:
            for block in rows.export(ref, TableQuery.of(ref.fields)):
                digest.update(block)
        if digest.hexdigest() != self._source.members.csv.sha256:
            raise self._source.bad("the rows are not what they were once they are stored")

    async def _finish(self, work: UnitOfWork, ref: TableRef) -> list[str]:
        table = await work.session.get_one(Table, ref.id)
        table.state, table.deleted_at, table.changed_at = "ready", None, utc_now()
        if self._source.about.rows >= self._settings.search_index_rows:
            table.search_index = SearchIndex.BUILDING
        return await add_belongings(work, table, self._owner, self._source.about, sealer(self._settings))

    async def _remove(self, work: UnitOfWork, ref: TableRef) -> None:
        await within(work, lambda rows: rows.drop(ref.id))
        await work.session.execute(delete(Table).where(Table.id == ref.id))


async def _insert(work: UnitOfWork, ref: TableRef, rows: list[StoredRow]) -> None:
    await within(work, lambda writer: writer.insert(ref, rows))


def _gone(table_id: int, number: int) -> Column:
    """A column of which nothing is left but its number."""
    about = {"title": "", "type": "text", "format": {}, "rules": {}, "facts": {}, "storage": number}
    marks = {"deleted_at": utc_now(), "is_purged": True, "is_dropped": True}
    return Column(table_id=table_id, number=number, position=number, **about, **marks)
