"""Deleting a table: its rows, its metadata, and the file it came from."""

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.models import Import, Table
from webapp.rowstore import within


class StillComing(UserError):
    def __init__(self) -> None:
        super().__init__("Its rows are still coming in. Cancel the import instead: that removes the table too.")


async def delete_table(table_id: int) -> None:
    """Raises `StillComing` while it is being imported."""
    for import_id in await db().write(_delete, table_id):
        await jobs().remove_files(import_id)


async def _delete(work: UnitOfWork, table_id: int) -> list[str]:
    """Return the imports whose files are no longer needed."""
    table = await work.session.get_one(Table, table_id)
    if table.state != "ready":
        raise StillComing
    imports = list(await work.session.scalars(select(Import).where(Import.table_id == table_id)))
    for found in imports:
        await work.session.delete(found)
    await work.session.delete(table)
    await work.session.flush()
    await within(work, lambda rows: rows.drop(table_id))
    return [found.id for found in imports]
