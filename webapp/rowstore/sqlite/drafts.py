"""Drafts of tables: rows of imports that nobody has decided about, under a name that nothing else reads."""

from secrets import token_hex

from webapp.rowstore.sqlite.planning import Execute, existing_names
from webapp.rowstore.sqlite.schema import DRAFT_PREFIX, ROW_ID, draft_name, table_name
from webapp.rowstore.sqlite.statement import Sql

_DISCARDED = "discarded_"


def find_drafts(execute: Execute) -> list[str]:
    return [name.removeprefix(DRAFT_PREFIX) for name in _find(execute, DRAFT_PREFIX)]


def adopt(execute: Execute, table_id: int, draft: str) -> int | None:
    """Make the draft the rows of the table, which takes no time; return how many they are, None if there is none."""
    name = draft_name(draft)
    if not existing_names(execute, [name]):
        return None
    execute(Sql(f"ALTER TABLE {name} RENAME TO {table_name(table_id)}"))
    return int(execute(Sql(f"SELECT max({ROW_ID}) FROM {table_name(table_id)}"))[0][0] or 0)


def discard(execute: Execute, draft: str) -> None:
    """Rename it, before any row goes: a process that adds to it fails, and nobody ever takes what is left of it."""
    name = draft_name(draft)
    if existing_names(execute, [name]):
        execute(Sql(f"ALTER TABLE {name} RENAME TO {_DISCARDED}{token_hex(8)}"))


def has_discarded(execute: Execute) -> bool:
    return bool(_find(execute, _DISCARDED))


def clear_discarded(execute: Execute, limit: int) -> bool:
    """Delete the next `limit` rows of one of them; return whether there is more."""
    for name in _find(execute, _DISCARDED)[:1]:
        next_ids = f"SELECT {ROW_ID} FROM {name} ORDER BY 1 LIMIT ?"
        execute(Sql(f"DELETE FROM {name} WHERE {ROW_ID} <= (SELECT max({ROW_ID}) FROM ({next_ids}))", (limit,)))
        if not execute(Sql(f"SELECT 1 FROM {name} LIMIT 1")):
            execute(Sql(f"DROP TABLE {name}"))
    return has_discarded(execute)


def _find(execute: Execute, prefix: str) -> list[str]:
    names = execute(Sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?", (f"{prefix}*",)))
    return [name for (name,) in names]
