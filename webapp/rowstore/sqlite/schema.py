"""The SQL tables that hold rows: how they are created and dropped.

A row's id is SQLite's own `rowid`. It is also declared as INTEGER PRIMARY KEY, because VACUUM may otherwise number the
rows anew; only a table that has as many columns as SQLite allows has no room for that (docs/operations.md).
"""

from webapp.rowstore.sql.schema import column_name, stored_columns, table_name
from webapp.rowstore.table_ref import TableRef
from webapp.rowstore.values import Limits

ROW_ID = "rowid"
MAX_COLUMNS = 2_000  # of a table (SQLITE_MAX_COLUMN), companions included
# It builds an index in one transaction, 1 to 2 s for each million: more would delay other writes beyond their timeout.
LIMITS = Limits(columns=MAX_COLUMNS, sorted_rows=2_000_000)
STORED_AS: dict[type, str] = {str: "TEXT", int: "INTEGER", float: "REAL"}


def search_name(table_id: int, *, building: bool = False) -> str:
    """The full-text index. It gets this name only once it is complete."""
    return f"s{int(table_id)}_building" if building else f"s{int(table_id)}"


def search_progress_name(table_id: int) -> str:
    """One row: the last row in the full-text index being built."""
    return f"s{int(table_id)}_progress"


def create_sql(table: TableRef, name: str = "") -> str:
    """STRICT: a value of the wrong type is an error here, not a surprise in a later sort. With a `name` it is that of a
    draft, which may exist.
    """
    types = {column_name(field): STORED_AS[field.kind.stored] for field in table.fields}
    columns = [f"{name} {types.get(name, 'TEXT')}" for name in stored_columns(table.fields)]
    key = ["id INTEGER PRIMARY KEY"] if len(columns) < MAX_COLUMNS else []
    new = f"IF NOT EXISTS {name}" if name else table_name(table.id)
    return f"CREATE TABLE {new} ({', '.join([*key, *columns])}) STRICT"


def drop_unfinished_search_sql(table_id: int) -> tuple[str, ...]:
    names = (search_name(table_id, building=True), search_progress_name(table_id))
    return tuple(f"DROP TABLE IF EXISTS {name}" for name in names)


def drop_search_sql(table_id: int) -> tuple[str, ...]:
    return (*drop_unfinished_search_sql(table_id), f"DROP TABLE IF EXISTS {search_name(table_id)}")
