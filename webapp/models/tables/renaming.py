"""Renaming a table: a change like any other, which its history shows and undo takes back."""

from sqlalchemy import Connection, bindparam, update

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Entry, Kind, Via
from webapp.models.tables.table import Table


async def rename_table(work: UnitOfWork, actor: Actor, table_id: int, title: str, via: Via = Via.PAGE) -> int | None:
    """Return the `seq` of the change set, None if it has this title already. Raises `NotFound` and `NotAllowed`."""
    seq = await work.run(lambda connection: _rename(connection, actor, table_id, title, via))
    if seq is not None:
        publish_change(work, table_id, seq)
    return seq


def set_title(connection: Connection, table_id: int, seen: str, title: str) -> bool:
    """Whether the table still had the title that was seen, and has the new one now."""
    return connection.execute(_SET_TITLE, {"key": table_id, "seen": seen, "new": title}).rowcount == 1


def _rename(connection: Connection, actor: Actor, table_id: int, title: str, via: Via) -> int | None:
    before = TableAccess.require(connection, actor, table_id, Action.CHANGE_TABLE).table.title
    if before == title:
        return None
    set_title(connection, table_id, before, title)
    return record(connection, actor, via, table_id, Kind.TITLE, [Entry(None, None, before, title)])


_SET_TITLE = (
    update(Table).where(Table.id == bindparam("key"), Table.title == bindparam("seen")).values(title=bindparam("new"))
)
