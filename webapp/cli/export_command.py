"""Exports from the command line: the same bytes that the server would send."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from settings import Settings
from webapp.db.database import Database
from webapp.imports.requests import ImportFolder
from webapp.models import Import, Table
from webapp.models.errors import NotFound
from webapp.rowstore import create_store, open_reader
from webapp.rowstore.query import TableQuery

BLOCK = 1024 * 1024

Blocks = Iterator[tuple[bytes, int]]
Kind = Literal["csv", "ndjson", "original"]


def export_table(settings: Settings, table_id: int, kind: Kind) -> tuple[Blocks, int]:
    """Yield blocks, each with the amount so far and the expected total: rows, or bytes of the original.

    Raises `NotFound`.
    """
    table, upload = asyncio.run(_find(settings, table_id))
    if kind == "original":
        if upload is None or not upload.is_file():
            raise NotFound("file")
        return _original(upload), upload.stat().st_size
    return _rows(settings, table, kind), table.row_count


def _rows(settings: Settings, table: Table, kind: Literal["csv", "ndjson"]) -> Blocks:
    done = 0
    with open_reader(create_store(Database(settings)).address) as rows:
        for block in rows.export(table.ref, TableQuery.of(table.ref.fields), kind):
            done += block.count(b"\n")
            yield block, min(done, table.row_count)


def _original(path: Path) -> Blocks:
    done = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            done += len(block)
            yield block, done


async def _find(settings: Settings, table_id: int) -> tuple[Table, Path | None]:
    database = Database(settings)
    await database.open()
    try:
        async with database.reading() as session:
            statement = select(Table).where(Table.id == table_id).options(selectinload(Table.columns))
            table = await session.scalar(statement)
            upload = (await session.execute(Import.upload_of(table_id))).first()
    finally:
        await database.close()
    if table is None:
        raise NotFound("table")
    return table, ImportFolder(settings.imports_dir / upload.id).original if upload else None
