"""Drafts of tables: rows of imports that nobody has decided about, under a name that nothing else reads."""

from secrets import token_hex

from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import DISCARDED_PREFIX, DRAFT_PREFIX, draft_name, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.tables import highest_id


def find_drafts(connection: Connection) -> list[str]:
    return [name.removeprefix(DRAFT_PREFIX) for name in connection.tables(DRAFT_PREFIX)]


def adopt(connection: Connection, table_id: int, draft: str) -> int | None:
    """Make the draft the rows of the table, which takes no time; return how many they are, None if there is none."""
    name = draft_name(draft)
    if not connection.existing_names([name]):
        return None
    connection.execute(Sql(f"ALTER TABLE {name} RENAME TO {table_name(table_id)}"))
    return highest_id(connection, table_id)


def discard(connection: Connection, draft: str) -> None:
    """Rename it, before any row goes: a process that adds to it fails, and nobody ever takes what is left of it."""
    name = draft_name(draft)
    if connection.existing_names([name]):
        connection.execute(Sql(f"ALTER TABLE {name} RENAME TO {DISCARDED_PREFIX}{token_hex(8)}"))


def has_discarded(connection: Connection) -> bool:
    return bool(connection.tables(DISCARDED_PREFIX))


def clear_discarded(connection: Connection, limit: int) -> bool:
    """Delete the next `limit` rows of one of them; return whether there is more."""
    for name in connection.tables(DISCARDED_PREFIX)[:1]:
        row = connection.dialect.row_id
        last = f"SELECT max({row}) FROM (SELECT {row} FROM {name} ORDER BY 1 LIMIT ?) AS next_rows"
        connection.execute(Sql(f"DELETE FROM {name} WHERE {row} <= ({last})", (limit,)))
        if not connection.execute(Sql(f"SELECT 1 FROM {name} LIMIT 1")):
            connection.execute(Sql(f"DROP TABLE {name}"))
    return has_discarded(connection)
