"""Which SQLite this Python was given, for `rowcast doctor`."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SqliteBuild:
    version: tuple[int, ...]
    options: frozenset[str]  # of its compilation, such as ENABLE_FTS5
    max_columns: int  # of a table


def sqlite_build() -> SqliteBuild:
    with closing(sqlite3.connect(":memory:")) as connection:
        options = frozenset(str(row[0]) for row in connection.execute("PRAGMA compile_options"))
        return SqliteBuild(sqlite3.sqlite_version_info, options, connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN))
