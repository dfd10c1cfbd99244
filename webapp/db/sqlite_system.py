"""SQLite, as one of the database systems."""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from webapp.db import sqlite
from webapp.db.sqlite_build import fitness, sqlite_build
from webapp.db.sqlite_driver import connect
from webapp.db.sqlite_space import cut_off, empty_log, free_pages, is_shrinkable, make_shrinkable
from webapp.db.system import CannotCompact, Changes, Compacted, Fitness, Reads, Writer

logger = logging.getLogger(__name__)


class SqliteSystem:
    single_statement: Mapping[str, Any] = sqlite.SINGLE_STATEMENT

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def file(self) -> Path:
        return sqlite.database_file(self._url)

    @property
    def product(self) -> tuple[str, str]:
        return sqlite.PRODUCT

    @property
    def address(self) -> str:
        return str(self.file)

    def fitness(self) -> Fitness:
        return fitness(sqlite_build())

    async def open_writers(self) -> Sequence[Writer]:
        sqlite.make_file(self._url)
        return [await sqlite.SqliteWriter.of(sqlite.create_writer(self._url))]

    def create_reader(self, size: int) -> AsyncEngine:
        return sqlite.create_reader(self._url, size)

    def create_blocking_reader(self, size: int) -> Engine:
        return sqlite.create_blocking_reader(self._url, size)

    async def shrink(self, read: Reads, change: Changes) -> bool:
        if await read(free_pages) == 0:
            await asyncio.to_thread(empty_log, self.file)
            return False
        await change(cut_off)
        return True

    def revision(self) -> str | None:
        if not self.file.exists():
            return None
        with closing(connect(self.file)) as connection:
            try:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return None
                raise
        return str(row[0]) if row else None

    def migrating(self) -> AbstractContextManager[Connection]:
        return sqlite.migrating(self._url)

    def compact(self) -> Compacted:
        path = self.file
        if not path.exists():
            raise CannotCompact("There is no database yet.")
        before = path.stat().st_size
        seconds = make_shrinkable(path)
        return Compacted(before, path.stat().st_size, seconds)

    def compact_once(self) -> None:
        """A file from before it could give disk space back, if there is room for that; else its owner is told."""
        if is_shrinkable(self.file):
            return
        try:
            done = self.compact()
        except CannotCompact as error:
            logger.warning("The database does not shrink when tables are deleted. %s Try: rowcast db compact", error)
        else:
            logger.info("The database was written anew in %.1f s: from now on it shrinks", done.seconds)
