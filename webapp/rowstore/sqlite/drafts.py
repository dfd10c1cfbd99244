"""Drafts of tables: rows of imports that nobody has decided about, under a name that nothing else reads."""

from webapp.rowstore.sqlite.planning import Execute, existing_names
from webapp.rowstore.sqlite.schema import DRAFT_PREFIX, ROW_ID, draft_name, table_name
from webapp.rowstore.sqlite.statement import Sql


def find_drafts(execute: Execute) -> list[str]:
    names = execute(Sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?", (f"{DRAFT_PREFIX}*",)))
    return [name.removeprefix(DRAFT_PREFIX) for (name,) in names]


def adopt(execute: Execute, table_id: int, draft: str) -> int | None:
    """Make the draft the rows of the table, which takes no time; return how many they are, None if there is none."""
    name = draft_name(draft)
    if not existing_names(execute, [name]):
        return None
    execute(Sql(f"ALTER TABLE {name} RENAME TO {table_name(table_id)}"))
    return int(execute(Sql(f"SELECT max({ROW_ID}) FROM {table_name(table_id)}"))[0][0] or 0)


def clear(execute: Execute, draft: str, limit: int) -> bool:
    """Delete the next `limit` rows; return False when the draft is gone."""
    name = draft_name(draft)
    if not existing_names(execute, [name]):
        return False
    next_ids = f"SELECT {ROW_ID} FROM {name} ORDER BY 1 LIMIT ?"
    execute(Sql(f"DELETE FROM {name} WHERE {ROW_ID} <= (SELECT max({ROW_ID}) FROM ({next_ids}))", (limit,)))
    if execute(Sql(f"SELECT 1 FROM {name} LIMIT 1")):
        return True
    execute(Sql(f"DROP TABLE {name}"))
    return False
