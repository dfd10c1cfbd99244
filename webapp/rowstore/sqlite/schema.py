"""The SQL tables that hold rows: their names, built from numbers only, and how they are created and dropped.

A row's id is SQLite's own `rowid`. It is also declared as INTEGER PRIMARY KEY, because VACUUM may otherwise number the
rows anew; only a table that has as many columns as SQLite allows has no room for that (docs/operations.md).
"""

from webapp.rowstore.table_ref import Field, TableRef

ROW_ID = "rowid"
MAX_COLUMNS = 2_000  # of a table (SQLITE_MAX_COLUMN)
STORED_AS: dict[type, str] = {str: "TEXT", int: "INTEGER", float: "REAL"}


def table_name(table_id: int) -> str:
    return f"t{int(table_id)}"


def column_name(field: Field) -> str:
    return f"c{int(field.number)}"


def search_name(table_id: int, *, building: bool = False) -> str:
    """The full-text index. It gets this name only once it is complete."""
    return f"s{int(table_id)}_building" if building else f"s{int(table_id)}"


def search_progress_name(table_id: int) -> str:
    """One row: the last row in the full-text index being built."""
    return f"s{int(table_id)}_progress"


def index_name(table_id: int, field: Field) -> str:
    """The index on a column's sort key."""
    return f"i{int(table_id)}_{int(field.number)}"


def create_sql(table: TableRef) -> str:
    """STRICT: a value of the wrong type is an error here, not a surprise in a later sort."""
    columns = [f"{column_name(field)} {STORED_AS[field.kind.stored]}" for field in table.fields]
    key = ["id INTEGER PRIMARY KEY"] if len(columns) < MAX_COLUMNS else []
    return f"CREATE TABLE {table_name(table.id)} ({', '.join([*key, *columns])}) STRICT"


def drop_unfinished_search_sql(table_id: int) -> tuple[str, ...]:
    names = (search_name(table_id, building=True), search_progress_name(table_id))
    return tuple(f"DROP TABLE IF EXISTS {name}" for name in names)


def drop_sql(table_id: int) -> tuple[str, ...]:
    """The statements that remove a table completely, in this order."""
    names = (search_name(table_id), table_name(table_id))
    return (*drop_unfinished_search_sql(table_id), *(f"DROP TABLE IF EXISTS {name}" for name in names))
