"""The SQL tables that hold rows: their names, built from numbers only, and how they are created and dropped.

A row's id is SQLite's own `rowid`. It is also declared as INTEGER PRIMARY KEY, because VACUUM may otherwise number the
rows anew; only a table that has as many columns as SQLite allows has no room for that (docs/operations.md).
"""

import re
from collections.abc import Iterable

from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Limits

ROW_ID = "rowid"
MAX_COLUMNS = 2_000  # of a table (SQLITE_MAX_COLUMN), companions included
LIMITS = Limits(columns=MAX_COLUMNS)
DRAFT_PREFIX = "draft_"
_DRAFT = re.compile(r"[0-9a-f]{32}_[0-9a-f]{32}")
STORED_AS: dict[type, str] = {str: "TEXT", int: "INTEGER", float: "REAL"}


def table_name(table_id: int) -> str:
    return f"t{int(table_id)}"


def column_name(field: Field) -> str:
    return f"c{int(field.storage)}"


def companion_name(field: Field) -> str | None:
    """The column that holds the texts of cells whose value does not print back; None if this one has none.

    A text is its own value.
    """
    return f"c{int(field.storage)}t" if field.keeps_texts and field.type != "text" else None


def text_column_name(field: Field) -> str | None:
    """The column in which long texts may be; None if this one has only values, which are short."""
    return column_name(field) if field.type == "text" else companion_name(field)


def stored_columns(fields: Iterable[Field]) -> list[str]:
    """The SQL columns of these fields, in their order, each companion behind its column."""
    names = [(column_name(field), companion_name(field)) for field in fields]
    return [name for pair in names for name in pair if name is not None]


def search_name(table_id: int, *, building: bool = False) -> str:
    """The full-text index. It gets this name only once it is complete."""
    return f"s{int(table_id)}_building" if building else f"s{int(table_id)}"


def search_progress_name(table_id: int) -> str:
    """One row: the last row in the full-text index being built."""
    return f"s{int(table_id)}_progress"


def index_prefix(table_id: int) -> str:
    """The beginning of the names of a table's indexes, before the stored column's number."""
    return f"i{int(table_id)}_"


def index_name(table_id: int, field: Field) -> str:
    """The index on a column's sort key."""
    return f"{index_prefix(table_id)}{int(field.storage)}"


def draft_name(draft: str) -> str:
    """The rows of an import that nobody has decided about; for `draft` see `import_of_draft`."""
    if not _DRAFT.fullmatch(draft):
        raise ValueError(f"{draft!r} names no draft")
    return f"{DRAFT_PREFIX}{draft}"


def import_of_draft(draft: str) -> str:
    """A draft is named after the id of its import, an underscore, and a hash of what it was made with."""
    return draft.partition("_")[0]


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


def drop_sql(table_id: int) -> tuple[str, ...]:
    """The statements that remove a table completely, in this order."""
    return (*drop_search_sql(table_id), f"DROP TABLE IF EXISTS {table_name(table_id)}")
