"""A person's tables and imports, for their data export and for deleting their account."""

from collections.abc import AsyncIterator
from typing import Any

from quart import url_for
from sqlalchemy import func, select

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Import, Table
from webapp.models.tables.deletion import delete_tables_of
from webapp.models.tables.importing import UNFINISHED_STATES
from webapp.web.formatting import plural
from webapp.web.hosts import own_origin

BATCH = 100  # tables per read


class TablesData:
    name = "tables"

    async def summary(self, user_id: int) -> list[str]:
        counted = select(func.count(), func.coalesce(func.sum(Table.row_count), 0))
        counted = counted.where(Table.owner_id == user_id, Table.state == "ready")
        running = select(func.count()).where(Import.user_id == user_id, Import.state.in_(UNFINISHED_STATES))
        async with db().reading() as session:
            tables, rows = (await session.execute(counted)).one()
            imports = await session.scalar(running) or 0
        counts = {
            f"{plural(tables, 'table')} with {plural(rows, 'row')}, and the files they came from": tables,
            f"{plural(imports, 'import')} on the way, which will be cancelled": imports,
        }
        return [text for text, count in counts.items() if count]

    def export(self, user_id: int) -> AsyncIterator[dict[str, Any]]:
        prefix = f"{own_origin()}{url_for('tables.show', table_id=0)}".removesuffix("0")
        return _descriptions(db(), user_id, prefix)

    async def remove(self, work: UnitOfWork, user_id: int) -> None:
        await delete_tables_of(work, user_id)


async def _descriptions(database: Database, user_id: int, prefix: str) -> AsyncIterator[dict[str, Any]]:
    """Without the rows: each table's own export has them, as they were uploaded."""
    last = 0
    while True:
        statement = Table.visible_to(user_id).where(Table.id > last).order_by(Table.id).limit(BATCH)
        async with database.reading() as session:
            tables = list(await session.scalars(statement))
        for table in tables:
            last = table.id
            yield _description(table, f"{prefix}{table.id}")
        if len(tables) < BATCH:
            return


def _description(table: Table, address: str) -> dict[str, Any]:
    return {
        "title": table.title,
        "made": table.created_at.isoformat(),
        "rows": table.row_count,
        "columns": [{"title": column.title, "type": column.type} for column in table.columns],
        "address": address,
        "export": f"{address}/export?format=csv",
        "original": f"{address}/original",
    }
