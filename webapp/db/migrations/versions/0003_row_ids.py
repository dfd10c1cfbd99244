"""Row ids that are never used twice, and one way to store U+0000.

Tables of rows get their id as a declared primary key, which VACUUM keeps; only those with as many columns as SQLite
allows have no room for it. In texts, U+0000 was stored as a character of the column's own choice; now it is ␀ in every
column, and a real ␀ or ␛ follows a ␛ (webapp/rowstore/nul_escape.py).

Every table of rows is written anew: some seconds per million rows, and as much space as the largest of them.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SYMBOL, ESCAPE = "\u2400", "\u241b"
MAX_COLUMNS = 2_000
logger = logging.getLogger("webapp.db.migrations")


def upgrade() -> None:
    op.add_column("tables", sa.Column("next_row_id", sa.Integer, nullable=False, server_default="1"))
    for table_id in _tables():
        started = time.monotonic()
        _encode_texts(table_id)
        _add_key(table_id)
        next_id = f"SELECT coalesce(max(rowid), 0) + 1 FROM t{table_id}"
        _run(f"UPDATE tables SET next_row_id = ({next_id}) WHERE id = {table_id}")
        logger.info("Table %d has been written anew in %.1f s", table_id, time.monotonic() - started)
    _set_formats("columns", "format", _without_nul)
    _set_formats("imports", "inspection", _without_nul_columns)


def downgrade() -> None:
    """Older versions can use the tables as they are, but store these characters in another way."""
    for table_id in _tables():
        for number, _ in _text_columns(table_id):
            if _rows(f"SELECT 1 FROM t{table_id} WHERE c{number} GLOB '*[{SYMBOL}{ESCAPE}]*' LIMIT 1"):
                raise RuntimeError(
                    f"Table {table_id} has cells with U+0000, {SYMBOL} or {ESCAPE}, which older versions would read"
                    " wrongly. Delete it first, or keep this version."
                )
    op.drop_column("tables", "next_row_id")


# -- tables of rows ----------------------------------------------------------------------------------------------------


def _tables() -> list[int]:
    """The tables that have rows; only SQLite has any at this revision."""
    if op.get_bind().dialect.name != "sqlite":
        return []
    names = {name for (name,) in _rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [table_id for (table_id,) in _rows("SELECT id FROM tables ORDER BY id") if f"t{table_id}" in names]


def _text_columns(table_id: int) -> list[tuple[int, dict[str, Any]]]:
    """Their numbers and formats."""
    columns = _rows(f"SELECT number, format FROM columns WHERE table_id = {table_id} AND type = 'text'")
    return [(number, json.loads(format or "{}")) for number, format in columns]


def _encode_texts(table_id: int) -> None:
    """Change the texts that hold a special character; then the full-text index is out of date."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.create_function("encode", 2, _encode, deterministic=True)
    changed = 0
    for number, format in _text_columns(table_id):
        substitute = format.get("nul", "")
        special = "".join(dict.fromkeys([SYMBOL, ESCAPE, *substitute]))
        changed += _run(
            f"UPDATE t{table_id} SET c{number} = encode(c{number}, '{substitute}')"
            f" WHERE c{number} GLOB '*[{special}]*' AND c{number} <> encode(c{number}, '{substitute}')"
        )
    if changed:
        _run(f"DROP TABLE IF EXISTS s{table_id}")
        _run(f"UPDATE tables SET search_index = 'building' WHERE id = {table_id} AND search_index = 'ready'")


def _encode(stored: str, substitute: str) -> str:
    """From the column's own substitute, if any, to the escape."""
    codes = {SYMBOL: ESCAPE + SYMBOL, ESCAPE: ESCAPE + ESCAPE} | ({substitute: SYMBOL} if substitute else {})
    return "".join(codes.get(character, character) for character in stored)


def _add_key(table_id: int) -> None:
    """Copy the rows into a table whose id is a column of its own."""
    columns = [(name, kind) for _, name, kind, *_ in _rows(f"PRAGMA table_info(t{table_id})") if name != "id"]
    if len(columns) >= MAX_COLUMNS:
        return
    indexes = _rows(f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 't{table_id}'")
    definitions = ", ".join(f"{name} {kind}" for name, kind in columns)
    names = ", ".join(name for name, _ in columns)
    _run(f"CREATE TABLE t{table_id}_new (id INTEGER PRIMARY KEY, {definitions}) STRICT")
    _run(f"INSERT INTO t{table_id}_new (rowid, {names}) SELECT rowid, {names} FROM t{table_id} ORDER BY rowid")
    _run(f"DROP TABLE t{table_id}")
    _run(f"ALTER TABLE t{table_id}_new RENAME TO t{table_id}")
    _run("PRAGMA analysis_limit = 1000")
    for name, sql in indexes:
        _run(sql)
        _run(f"ANALYZE {name}")


# -- formats of columns ------------------------------------------------------------------------------------------------


def _without_nul(format: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in format.items() if name != "nul"}


def _without_nul_columns(inspection: dict[str, Any]) -> dict[str, Any]:
    for column in inspection["columns"]:
        for holder in (column, *column.get("choices", ())):
            holder["format"] = _without_nul(holder["format"])
    return inspection


def _set_formats(table: str, column: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    texts = f"SELECT id, document FROM (SELECT id, CAST({column} AS TEXT) AS document FROM {table}) found"
    for row_id, text in op.get_bind().execute(sa.text(f"{texts} WHERE document LIKE :named"), {"named": '%"nul"%'}):
        changed = sa.text(f"UPDATE {table} SET {column} = :changed WHERE id = :id")
        op.get_bind().execute(changed, {"changed": json.dumps(change(json.loads(text))), "id": row_id})


# -- statements --------------------------------------------------------------------------------------------------------


def _rows(statement: str) -> list[Any]:
    return list(op.get_bind().exec_driver_sql(statement))


def _run(statement: str) -> int:
    """Return how many rows were changed."""
    return int(op.get_bind().exec_driver_sql(statement).rowcount)
