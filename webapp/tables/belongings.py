"""A person's tables and imports, for their data export and for deleting their account."""

from collections.abc import AsyncIterator
from typing import Any

from quart import url_for
from sqlalchemy import func, select

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.jobs.imports import UNFINISHED
from webapp.models import Import, Table
from webapp.rowstore.sqlite.schema import drop_sql
from webapp.web.formatting import plural
from webapp.web.hosts import own_origin

AT_ONCE = 100  # tables per read


class Tables:
    name = "tables"

    async def summary(self, user_id: int) -> list[str]:
        counted = select(func.count(), func.coalesce(func.sum(Table.row_count), 0))
        counted = counted.where(Table.owner_id == user_id, Table.state == "ready")
        running = select(func.count()).where(Import.user_id == user_id, Import.state.in_(UNFINISHED))
        async with db().reading() as session:
            tables, rows = (await session.execute(counted)).one()
            imports = await session.scalar(running) or 0
        lost = {
            f"{plural(tables, 'table')} with {plural(rows, 'row')}, and the files they came from": tables,
            f"{plural(imports, 'import')} on the way, which will be cancelled": imports,
        }
        return [words for words, count in lost.items() if count]

    def export(self, user_id: int) -> AsyncIterator[dict[str, Any]]:
        here = f"{own_origin()}{url_for('tables.show', table_id=0)}"
        return _described(db(), user_id, here.removesuffix("0"))

    async def remove(self, work: UnitOfWork, user_id: int) -> None:
        """Delete rows and metadata now; files and running import processes after the commit."""
        imports = list(await work.session.scalars(select(Import.id).where(Import.user_id == user_id)))
        tables = list(await work.session.scalars(select(Table).where(Table.owner_id == user_id)))
        for table in tables:
            await work.session.delete(table)
        await work.session.flush()
        connection = await work.session.connection()
        for table in tables:
            for statement in drop_sql(table.id):
                await connection.exec_driver_sql(statement)
        running = jobs()
        for import_id in imports:
            running.dispose_after(work, import_id)


async def _described(database: Database, user_id: int, address: str) -> AsyncIterator[dict[str, Any]]:
    """Without the rows: each table's own export has them, as they were uploaded."""
    last = 0
    while True:
        statement = Table.visible_to(user_id).where(Table.id > last).order_by(Table.id).limit(AT_ONCE)
        async with database.reading() as session:
            tables = list(await session.scalars(statement))
        for table in tables:
            last = table.id
            yield _description(table, f"{address}{table.id}")
        if len(tables) < AT_ONCE:
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
