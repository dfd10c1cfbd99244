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


@dataclass
class _Database:
    name: str
    url: str
    uses: int = 0
    connection: Any = None

    def prepare(self) -> None:
        self.connection = psycopg.connect(self.url, autocommit=True, cursor_factory=psycopg.RawCursor)
        self._last, self._schema = self._one(_LAST), self._one(_SCHEMA)
        tables = [name for (name,) in self.connection.execute(_TABLES) if name != _REVISION]
        deletions = "; ".join(f'DELETE FROM "{name}"' for name in tables)
        self._empty = f"SET session_replication_role = replica; {deletions}; RESET session_replication_role"

    def empty(self) -> bool:
        """False if it cannot be made what it was, or the test has ended this session too."""
        try:
            self.connection.execute(_END_OTHERS)
        except psycopg.OperationalError:
            return False
        if made := [statement for (statement,) in self.connection.execute(_MADE, (self._last,))]:
            self.connection.execute("; ".join(made))
        if self._one(_SCHEMA) != self._schema:
            return False
        self.connection.execute(self._empty)
        self.connection.execute(_FIRST_IDS)
        return True

    def _one(self, statement: str) -> Any:
        return self.connection.execute(statement).fetchone()[0]


@dataclass
class DatabasePool:
    server: PostgresServer
    template: str
    _free: list[_Database] = field(default_factory=list)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of one that is as the template is."""
        used = self._free.pop() if self._free else self._make()
        yield used.url
        used.uses += 1
        if used.uses < USES and used.empty():
            self._free.append(used)
        else:
            self._drop(used)

    def close(self) -> None:
        while self._free:
            self._drop(self._free.pop())

    def _make(self) -> _Database:
        name = self.server.create_database(self.template)
        made = _Database(name, self.server.url(name))
        made.prepare()
        return made

    def _drop(self, database: _Database) -> None:
        with closing(database.connection):
            self.server.drop_database(database.name)
