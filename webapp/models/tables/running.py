"""What runs in the background for a person: imports, changes of a column's type, and large changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import Connection, and_, select

from webapp.db.database import Database
from webapp.models.policy import Action, Actor, is_allowed
from webapp.models.tables.access import TableAccess
from webapp.models.tables.import_model import RUNNING_STATES, Import, ImportState, ImportSummary
from webapp.models.tables.large_change import UNFINISHED, LargeChange
from webapp.models.tables.table import Column, Table
from webapp.models.tables.type_change import TypeChange, TypeChangeState

MAX_LISTED = 200  # of each


@dataclass(frozen=True, slots=True)
class Running:
    """The newest first; large changes with the title of their table, changes of type with those of column and table.

    `editable`: the tables among them that this person may edit, so opens pages of what runs. What is taken back runs on
    when its table is in the trash, or no longer shared with them.
    """

    imports: list[ImportSummary]
    large: list[tuple[LargeChange, str]]
    types: list[tuple[TypeChange, str, str]]
    editable: frozenset[int]


async def find_running_work(database: Database, actor: Actor) -> Running:
    imports = Import.visible_to(actor.id).with_only_columns(*ImportSummary.columns())
    is_running = Import.state.in_(set(RUNNING_STATES) - {ImportState.UPDATING})  # by a large change, which is listed
    imports = imports.where(is_running).order_by(Import.created_at.desc())
    large = select(LargeChange, Table.title).join(Table, Table.id == LargeChange.table_id)
    large = large.where(LargeChange.user_id == actor.id, LargeChange.state.in_(UNFINISHED))
    of_column = and_(Column.table_id == TypeChange.table_id, Column.number == TypeChange.number)
    types = select(TypeChange, Column.title, Table.title).join(Column, of_column)
    types = types.join(Table, Table.id == TypeChange.table_id)
    types = types.where(TypeChange.user_id == actor.id, TypeChange.state == TypeChangeState.RUNNING)
    async with database.reading() as session:
        read = list(starmap(ImportSummary, await session.execute(imports.limit(MAX_LISTED))))
        changed = [(change, title) for change, title in await session.execute(large.order_by(LargeChange.id.desc()))]
        typed = [(change, column, title) for change, column, title in await session.execute(types)]
    tables = {change.table_id for change, _ in changed} | {change.table_id for change, _, _ in typed}
    editable = await database.read(lambda connection: _editable(connection, actor, tables)) if tables else frozenset()
    return Running(read, changed, typed, editable)


def _editable(connection: Connection, actor: Actor, tables: Iterable[int]) -> frozenset[int]:
    found = {table_id: TableAccess.find(connection, actor.id, table_id) for table_id in tables}
    return frozenset(
        table_id
        for table_id, access in found.items()
        if access is not None and is_allowed(actor, Action.EDIT_TABLE, access)
    )
