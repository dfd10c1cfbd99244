"""Exports from the command line: the same bytes that the server would send."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from settings import Settings
from webapp.db.database import Database
from webapp.db.drivers import DRIVER_ERRORS
from webapp.db.errors import UserError
from webapp.imports.requests import ImportFolder
from webapp.models import Import, Table
from webapp.models.errors import NotFound
from webapp.rowstore import create_store, open_reader
from webapp.rowstore.errors import RowsGone
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import ExportFormat

BLOCK = 1024 * 1024
# What reading raises, for one if the table is deleted meanwhile.
READ_ERRORS: tuple[type[Exception], ...] = (RowsGone, *DRIVER_ERRORS)

Blocks = Iterator[tuple[bytes, int]]
Kind = Literal["csv", "json", "ndjson", "xlsx", "original"]


class TableDeleted(UserError):
    def __init__(self) -> None:
        super().__init__("The table was deleted while it was exported. What has been written is not all of it.")


def export_table(settings: Settings, table_id: int, kind: Kind) -> tuple[Blocks, int]:
    """Yield blocks, each with the amount so far and the expected total: rows, or bytes of the original.

    Raises `NotFound`, and while it yields `TableDeleted`.
    """
    table, upload = asyncio.run(_find(settings, table_id))
    if kind == "original":
        try:
            size = upload.stat().st_size if upload else None
        except FileNotFoundError:
            size = None
        if upload is None or size is None:
            raise NotFound("file")
        return _original(upload), size
    return _rows(settings, table, kind), table.row_count


def _rows(settings: Settings, table: Table, kind: ExportFormat) -> Blocks:
    done, query = 0, TableQuery.of(table.ref.fields)

    def count(rows: int) -> None:
        nonlocal done
        done = min(done + rows, table.row_count)

    try:
        with open_reader(create_store(Database(settings)).address) as rows:
            rows.ensure_exportable(table.ref, query, kind)
            for block in rows.export(table.ref, query, kind, on_rows=count):
                yield block, done
    except READ_ERRORS:
        try:
            asyncio.run(_find(settings, table.id))
        except NotFound as gone:  # the server or another command was faster
            raise TableDeleted from gone
        raise


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
            statement = select(Table).where(Table.id == table_id, Table.deleted_at.is_(None))
            table = await session.scalar(statement.options(selectinload(Table.columns)))
            upload = (await session.execute(Import.upload_of(table_id))).first()
    finally:
        await database.close()
    if table is None:
        raise NotFound("table")
    return table, ImportFolder(settings.imports_dir / upload.id).original if upload else None
