"""Writing rows, inside a unit of work and in the writer's thread: one thread switch a call."""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from webapp.rowstore.sqlite.schema import StoredColumn, create_sql, drop_sql, search_name

if TYPE_CHECKING:
    from webapp.db.unit_of_work import UnitOfWork


class SqliteRowWriter:
    def __init__(self, work: "UnitOfWork") -> None:
        self._work = work

    async def create(self, table_id: int, columns: Sequence[StoredColumn]) -> None:
        """Create the table's rows, of which there are none yet."""
        await self._work.run(lambda driver: _execute(driver, create_sql(table_id, columns)))

    async def drop(self, table_id: int) -> None:
        """Drop the rows and every index of them. Does nothing if there are none."""
        await self._work.run(lambda driver: _execute(driver, *drop_sql(table_id)))

    async def drop_unfinished_search_index(self, table_id: int) -> None:
        """Drop what a killed process has left of it."""
        name = search_name(table_id, building=True)
        await self._work.run(lambda driver: _execute(driver, f"DROP TABLE IF EXISTS {name}"))


def _execute(driver: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        driver.execute(statement)
