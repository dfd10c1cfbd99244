"""Deleting tables: one is moved to the trash (`trash.py`), those of a person who is removed go at once, with their rows
and the files they came from.
"""

from operator import methodcaller

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.change_log import publish_access
from webapp.models.tables.import_model import Import
from webapp.models.tables.importing import discard_files
from webapp.models.tables.members import require_owner
from webapp.models.tables.table import Member, Table
from webapp.models.tables.type_changing import give_up_type_changes
from webapp.rowstore import within


class ImportRunning(UserError):
    def __init__(self) -> None:
        super().__init__("Its rows are still coming in. Cancel the import instead: that removes the table too.")


async def delete_table(work: UnitOfWork, actor: Actor, table_id: int) -> None:
    """Move it to the trash: nobody finds it any more but its owner, and only there; what runs in it stops, and all that
    belongs to it stays as it is. Raises `NotFound`, `NotAllowed` for whoever is not, or no longer, its owner, and
    `ImportRunning` while its rows are being loaded.
    """
    await require_owner(work, actor, table_id)
    table = await work.session.get(Table, table_id)
    if table is None:
        raise NotFound("table")
    if table.state != "ready":
        raise ImportRunning
    table.deleted_at = utc_now()
    await give_up_type_changes(work, table_id)
    publish_access(work, table_id)


async def delete_tables_of(work: UnitOfWork, user_id: int) -> None:
    """All tables of a person who is being removed. The caller deletes the person, and their imports with them; this
    stops those that run and removes their files.
    """
    tables = list(await work.session.scalars(select(Table).where(Table.owner_id == user_id)))
    for table in tables:
        publish_access(work, table.id)
    for table_id in await work.session.scalars(select(Member.table_id).where(Member.user_id == user_id)):
        publish_access(work, table_id)  # their membership is deleted with them
    for import_id in await work.session.scalars(select(Import.id).where(Import.user_id == user_id)):
        await discard_files(work, import_id)
    for table in tables:
        await work.session.delete(table)
    await work.session.flush()  # before the person is deleted, and their tables with them
    for table in tables:
        await within(work, methodcaller("drop", table.id))
