"""Migrated databases on the PostgreSQL server of the tests, used by one test after the other: emptying one takes a
tenth of the time of copying another.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.postgresql import PostgresServer

USES = 100  # of one database: what was deleted stays in its files
# Whose numbers are above those of all that the template has.
_MADE = """
    SELECT format('DROP TABLE IF EXISTS %I CASCADE', relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND oid > $1
    UNION ALL SELECT format('DROP INDEX IF EXISTS %I', relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'i' AND oid > $1
    UNION ALL SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', CAST(oid AS regprocedure)) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND oid > $1
"""
_LAST = "SELECT max(oid) FROM (SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_proc) AS known"
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
_FIRST_IDS = "SELECT setval(oid, 1, false) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# A number for all that a test may change besides rows.
_SCHEMA = """
    SELECT sum(hashtextextended(part, 0)) FROM (
        SELECT concat_ws(' ', 'relation', relname, relkind, reloptions, attname, atttypid, attnotnull, attisdropped)
        FROM pg_class LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'index', indexrelid, indisvalid) FROM pg_index
        UNION ALL SELECT concat_ws(' ', 'constraint', conname, convalidated) FROM pg_constraint
        UNION ALL SELECT concat_ws(' ', 'trigger', tgrelid, tgname, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', 'function', oid, prosrc) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'extension', extname) FROM pg_extension
        UNION ALL SELECT concat_ws(' ', 'setting', setconfig) FROM pg_db_role_setting
        JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
        UNION ALL SELECT concat_ws(' ', 'revision', version_num) FROM alembic_version
    ) AS parts(part)
"""
_REVISION = "alembic_version"  # the only table of a new installation that has a row


class _Empty:
    """What all copies of a template are like, as one of them shows before it is used."""

    def __init__(self, connection: Any) -> None:
        self._last, self._schema = _one(connection, _LAST), _one(connection, _SCHEMA)
        tables = [name for (name,) in connection.execute(_TABLES) if name != _REVISION]
        deletions = "; ".join(f'DELETE FROM "{name}"' for name in tables)
        self._empty = f"SET session_replication_role = replica; {deletions}; RESET session_replication_role"

    def restore(self, connection: Any) -> bool:
        """False if the database cannot be made what it was."""
        connection.execute(_END_OTHERS)
        if made := [statement for (statement,) in connection.execute(_MADE, (self._last,))]:
            connection.execute("; ".join(made))
        if _one(connection, _SCHEMA) != self._schema:
            return False
        connection.execute(self._empty)
        connection.execute(_FIRST_IDS)
        return True


@dataclass
class _Database:
    name: str
    url: str
    uses: int = 0

    def connect(self) -> Any:
        """Not kept: a test of many examples may have a hundred databases."""
        return closing(psycopg.connect(self.url, autocommit=True, cursor_factory=psycopg.RawCursor))


@dataclass
class DatabasePool:
    server: PostgresServer
    template: str
    _free: list[_Database] = field(default_factory=list)
    _empty: _Empty | None = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of one that is as the template is."""
        used = self._free.pop() if self._free else self._make()
        yield used.url
        used.uses += 1
        if used.uses < USES and self._restore(used):
            self._free.append(used)
        else:
            self.server.drop_database(used.name)

    def close(self) -> None:
        while self._free:
            self.server.drop_database(self._free.pop().name)

    def _make(self) -> _Database:
        name = self.server.create_database(self.template)
        made = _Database(name, self.server.url(name))
        if self._empty is None:
            with made.connect() as connection:
                self._empty = _Empty(connection)
        return made

    def _restore(self, used: _Database) -> bool:
        assert self._empty is not None
        with used.connect() as connection:
            return self._empty.restore(connection)


def _one(connection: Any, statement: str) -> Any:
    return connection.execute(statement).fetchone()[0]
