"""Deleting tables: their rows, their metadata, and the files they came from."""

from operator import methodcaller

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import NotFound
from webapp.models.tables.importing import Import, discard_files
from webapp.models.tables.table import Table
from webapp.rowstore import within


class ImportRunning(UserError):
    def __init__(self) -> None:
        super().__init__("Its rows are still coming in. Cancel the import instead: that removes the table too.")


async def delete_table(work: UnitOfWork, table_id: int) -> None:
    """Raises `NotFound`, and `ImportRunning` while its rows are being loaded."""
    table = await work.session.get(Table, table_id)
    if table is None:
        raise NotFound("table")
    if table.state != "ready":
        raise ImportRunning
    for import_ in await work.session.scalars(select(Import).where(Import.table_id == table_id)):
        await work.session.delete(import_)
        discard_files(work, import_.id)
    await work.session.delete(table)
    await within(work, lambda rows: rows.drop(table_id))


async def delete_tables_of(work: UnitOfWork, user_id: int) -> None:
    """All tables of a person who is being removed. The caller deletes the person, and their imports with them; this
    stops those that run and removes their files.
    """
    for import_id in await work.session.scalars(select(Import.id).where(Import.user_id == user_id)):
        discard_files(work, import_id)
    tables = list(await work.session.scalars(select(Table).where(Table.owner_id == user_id)))
    for table in tables:
        await work.session.delete(table)
    await work.session.flush()  # before the person is deleted, and their tables with them
    for table in tables:
        await within(work, methodcaller("drop", table.id))
