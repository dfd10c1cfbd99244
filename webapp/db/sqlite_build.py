"""Which SQLite this Python was given, for `rowcast doctor`."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from webapp.db.system import Fitness

MIN_VERSION = (3, 37, 0)  # STRICT tables
MIN_COLUMNS = 2_000


@dataclass(frozen=True, slots=True)
class SqliteBuild:
    version: tuple[int, ...]
    options: frozenset[str]  # of its compilation, such as ENABLE_FTS5
    max_columns: int  # of a table


def sqlite_build() -> SqliteBuild:
    with closing(sqlite3.connect(":memory:")) as connection:
        options = frozenset(str(row[0]) for row in connection.execute("PRAGMA compile_options"))
        return SqliteBuild(sqlite3.sqlite_version_info, options, connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN))


def fitness(build: SqliteBuild) -> Fitness:
    wrong = []
    if build.version < MIN_VERSION:
        wrong.append("it is older than 3.37")
    if "ENABLE_FTS5" not in build.options:
        wrong.append("it has no full-text search (FTS5)")
    if "THREADSAFE=0" in build.options:
        wrong.append("it cannot be used by threads")
    if build.max_columns < MIN_COLUMNS:
        wrong.append(f"it allows {build.max_columns:,} columns")
    advice = f"Use a Python with another SQLite: {', and '.join(wrong)}." if wrong else ""
    return Fitness("SQLite", ".".join(map(str, build.version)), advice)
