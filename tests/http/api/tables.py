"""A table of the owner's, and what the log has of it."""

from typing import Any

from sqlalchemy import select

from settings import Settings
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.extensions import db
from webapp.models.tables.change_set import Change, ChangeSet
from webapp.web.application import Application

CELLS = {"Planet": "Earth", "Moons": 1, "Radius": 6371.0, "Rings": False, "Seen": None}


def add_planets(settings: Settings, owner: int = 1, title: str = "Planets") -> int:
    return add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=owner, title=title)


async def log_of(app: Application, table_id: int) -> list[dict[str, Any]]:
    """Each change set with its changes, but for when and by what way it came."""
    await db.of(app).wait_for_writes()
    async with db.of(app).reading() as session:
        sets = (await session.execute(select(ChangeSet.__table__).where(ChangeSet.table_id == table_id))).mappings()
        changes = await session.execute(
            select(Change.seq, Change.row_id, Change.column, Change.before, Change.after)
            .where(Change.table_id == table_id)
            .order_by(Change.seq, Change.number)
        )
        listed = [tuple(change) for change in changes]
        return [
            {name: value for name, value in one.items() if name not in ("at", "table_id", "via")}
            | {"changes": [change[1:] for change in listed if change[0] == one["seq"]]}
            for one in sets
        ]
