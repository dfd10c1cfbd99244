"""PostgreSQL, as one of the database systems."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from webapp.db import postgresql, postgresql_json
from webapp.db.errors import UserError
from webapp.db.postgresql_driver import connect, whole
from webapp.db.system import CannotCompact, Changes, Compacted, Fitness, Reads, Writer

MIN_VERSION = 15
_BUILTIN_LOCALES = 17  # the version from which PostgreSQL has locales of its own


class UnsuitableDatabase(UserError):
    """Why this database cannot be used, and what to do."""


class PostgresqlSystem:
    single_statement: Mapping[str, Any] = postgresql.SINGLE_STATEMENT

    def __init__(self, url: str) -> None:
        self._url = url
        self._version = ""

    @property
    def product(self) -> tuple[str, str]:
        return "PostgreSQL", self._version

    @property
    def address(self) -> str:
        return whole(self._url)

    @property
    def file(self) -> Path | None:
        return None

    def fitness(self) -> Fitness:
        """What a migration would find, without changing anything."""
        name, version = self.product
        try:
            with closing(connect(self._url)) as driver:
                version = _readable(driver)
                with driver.transaction(force_rollback=True):
                    ensure_suitable(driver)
        except (UserError, psycopg.Error) as error:
            return Fitness(name, version or "no connection", str(error))
        return Fitness(name, version)

    async def open_writers(self) -> Sequence[Writer]:
        """The last one is open, which shows that the database can be reached; others are when they are needed. Raises
        `UnsuitableDatabase`: one that was migrated elsewhere may have been put into a server with another locale.
        """
        writers = [postgresql.PostgresqlWriter(self._url) for _ in range(postgresql.WRITERS)]
        await writers[-1].ready()
        try:
            self._version = await writers[-1].start(_version_of_suitable, commits=True)
        except BaseException:
            await writers[-1].close()
            raise
        return writers

    def create_reader(self, size: int) -> AsyncEngine:
        return postgresql.create_reader(self._url, size)

    def create_blocking_reader(self, size: int) -> Engine:
        return postgresql.create_blocking_reader(self._url, size)

    async def shrink(self, read: Reads, change: Changes) -> bool:
        """Autovacuum does so, and a deleted table gives all of its space back at once."""
        return False

    def revision(self) -> str | None:
        with closing(connect(self._url, read_only=True)) as connection:
            row = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
            if row is None or not row[0]:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        with postgresql.migrating(self._url) as connection:
            driver: Any = connection.connection.driver_connection
            ensure_suitable(driver)
            yield connection

    def compact(self) -> Compacted:
        """Writes every table anew, which needs the room of the largest, and takes statistics."""
        if self.revision() is None:
            raise CannotCompact("There is no database yet.")
        began = time.monotonic()
        with closing(connect(self._url)) as connection:
            connection.execute("SET lock_timeout = 0")
            before = _size(connection)
            connection.execute("VACUUM (FULL, ANALYZE)")
            return Compacted(before, _size(connection), time.monotonic() - began)

    def compact_once(self) -> None:
        pass  # it gives space back anyway


def ensure_suitable(driver: "psycopg.Connection[Any]") -> None:
    """Create what is needed, and raise `UnsuitableDatabase` if that is not all."""
    if driver.info.server_version < MIN_VERSION * 10_000:
        raise UnsuitableDatabase(f"PostgreSQL {MIN_VERSION} or newer is needed; this is {_readable(driver)}.")
    if driver.info.parameter_status("server_encoding") != "UTF8":
        raise UnsuitableDatabase(f"The database must have the encoding UTF8. Create another: {_create(driver)}.")
    try:
        driver.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except psycopg.Error as error:
        raise UnsuitableDatabase(
            "The extension pg_trgm is missing and cannot be created here: install PostgreSQL's contrib modules, or have"
            " an administrator of the database run CREATE EXTENSION pg_trgm. PostgreSQL says:"
            f" {error.diag.message_primary}"
        ) from error
    row = driver.execute("SELECT cardinality(show_trgm('Я')) > 0").fetchone()
    if row is None or not row[0]:
        raise UnsuitableDatabase(
            "The locale of this database knows letters of English only, so that nothing else would be found. Create"
            f" another: {_create(driver)}."
        )
    if postgresql_json.is_needed(driver.info.server_version):
        postgresql_json.ensure_function(driver)


def _create(driver: "psycopg.Connection[Any]") -> str:
    """The statement that makes a suitable database on this server."""
    if driver.info.server_version < _BUILTIN_LOCALES * 10_000:
        locale = "LOCALE_PROVIDER libc LOCALE 'C.UTF-8'"
    else:
        locale = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
    return f"CREATE DATABASE rowcast ENCODING 'UTF8' {locale} TEMPLATE template0"


def _version_of_suitable(connection: Connection) -> str:
    driver: Any = connection.connection.driver_connection
    ensure_suitable(driver)
    return _readable(driver)


def _readable(driver: "psycopg.Connection[Any]") -> str:
    major, minor = divmod(driver.info.server_version, 10_000)
    return f"{major}.{minor}"


def _size(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0
