"""What runs in the background for a person: imports, changes of a column's type, and large changes."""

from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import and_, select

from webapp.db.database import Database
from webapp.models.policy import Actor
from webapp.models.tables.import_model import RUNNING_STATES, Import, ImportSummary
from webapp.models.tables.large_change import UNFINISHED, LargeChange
from webapp.models.tables.table import Column, Table
from webapp.models.tables.type_change import TypeChange, TypeChangeState

MAX_LISTED = 200  # of each


@dataclass(frozen=True, slots=True)
class Running:
    """The newest first; large changes with the title of their table, changes of type with those of column and table."""

    imports: list[ImportSummary]
    large: list[tuple[LargeChange, str]]
    types: list[tuple[TypeChange, str, str]]


async def find_running_work(database: Database, actor: Actor) -> Running:
    imports = Import.visible_to(actor.id).with_only_columns(*ImportSummary.columns())
    imports = imports.where(Import.state.in_(RUNNING_STATES)).order_by(Import.created_at.desc())
    large = select(LargeChange, Table.title).join(Table, Table.id == LargeChange.table_id)
    large = large.where(LargeChange.user_id == actor.id, LargeChange.state.in_(UNFINISHED))
    of_column = and_(Column.table_id == TypeChange.table_id, Column.number == TypeChange.number)
    types = select(TypeChange, Column.title, Table.title).join(Column, of_column)
    types = types.join(Table, Table.id == TypeChange.table_id)
    types = types.where(TypeChange.user_id == actor.id, TypeChange.state == TypeChangeState.RUNNING)
    async with database.reading() as session:
        return Running(
            list(starmap(ImportSummary, await session.execute(imports.limit(MAX_LISTED)))),
            [(change, title) for change, title in await session.execute(large.order_by(LargeChange.id.desc()))],
            [(change, column, title) for change, column, title in await session.execute(types)],
        )
