"""Row ids that are never used twice, and one way to store U+0000.

Tables of rows get their id as a declared primary key, which VACUUM keeps; only those with as many columns as SQLite
allows have no room for it. In texts, U+0000 was stored as a character of the column's own choice; now it is ␀ in every
column, and a real ␀ or ␛ follows a ␛ (webapp/rowstore/nul_escape.py).

Every table of rows is written anew: some seconds per million rows, and as much space as the largest of them.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUL, SYMBOL, ESCAPE = "\0", "\u2400", "\u241b"
SUBSTITUTES = (SYMBOL, *map(chr, range(0xE000, 0xE040)))  # what older versions store for U+0000
MAX_COLUMNS = 2_000
logger = logging.getLogger("webapp.db.migrations")

Change = Callable[[str, str], str]  # (stored text, the column's substitute or "") -> stored text


def upgrade() -> None:
    op.add_column("tables", sa.Column("next_row_id", sa.Integer, nullable=False, server_default="1"))
    for table_id in _tables():
        started = time.monotonic()
        substitutes = _substitutes(table_id)
        _convert(table_id, {number: substitutes.get(number, "") for number in _text_columns(table_id)}, _encode)
        _rebuild(table_id, has_key=True)
        next_id = f"SELECT ifnull(max(rowid), 0) + 1 FROM t{table_id}"
        _run(f"UPDATE tables SET next_row_id = ({next_id}) WHERE id = {table_id}")
        logger.info("Table %d has been written anew in %.1f s", table_id, time.monotonic() - started)
    _set_formats("columns", "format", _without_nul)
    _set_formats("imports", "inspection", _without_nul_columns)


def downgrade() -> None:
    for table_id in _tables():
        substitutes = {number: _free_substitute(table_id, number) for number in _text_columns(table_id)}
        _convert(table_id, substitutes, _decode)
        _rebuild(table_id, has_key=False)
        for number, found in substitutes.items():
            if found:
                _add_nul(table_id, number, found)
    op.drop_column("tables", "next_row_id")


# -- tables of rows ----------------------------------------------------------------------------------------------------


def _tables() -> list[int]:
    """The tables that have rows; only SQLite has any at this revision."""
    if op.get_bind().dialect.name != "sqlite":
        return []
    names = set(_all("SELECT name FROM sqlite_master WHERE type = 'table'"))
    return [table_id for (table_id,) in _rows("SELECT id FROM tables ORDER BY id") if f"t{table_id}" in names]


def _convert(table_id: int, substitutes: dict[int, str], change: Change) -> None:
    """Change the texts of these columns that hold a special character; then the full-text index is out of date."""
    _driver().create_function("convert", 2, change, deterministic=True)
    changed = 0
    for number, substitute in substitutes.items():
        special = "".join(dict.fromkeys([SYMBOL, ESCAPE, *substitute]))
        changed += _run(
            f"UPDATE t{table_id} SET c{number} = convert(c{number}, '{substitute}')"
            f" WHERE c{number} GLOB '*[{special}]*' AND c{number} <> convert(c{number}, '{substitute}')"
        )
    if changed:
        _run(f"DROP TABLE IF EXISTS s{table_id}")
        _run(f"UPDATE tables SET search_index = 'building' WHERE id = {table_id} AND search_index = 'ready'")


def _rebuild(table_id: int, *, has_key: bool) -> None:
    """Copy the rows into a table whose id is, or is not, a column of its own."""
    columns = [(name, kind) for _, name, kind, *_ in _rows(f"PRAGMA table_info(t{table_id})") if name != "id"]
    if len(columns) >= MAX_COLUMNS:
        return
    indexes = _rows(f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 't{table_id}'")
    definitions = [*(["id INTEGER PRIMARY KEY"] if has_key else []), *(f"{name} {kind}" for name, kind in columns)]
    names = ", ".join(name for name, _ in columns)
    _run(f"CREATE TABLE t{table_id}_new ({', '.join(definitions)}) STRICT")
    _run(f"INSERT INTO t{table_id}_new (rowid, {names}) SELECT rowid, {names} FROM t{table_id} ORDER BY rowid")
    _run(f"DROP TABLE t{table_id}")
    _run(f"ALTER TABLE t{table_id}_new RENAME TO t{table_id}")
    _run("PRAGMA analysis_limit = 1000")
    for name, sql in indexes:
        _run(sql)
        _run(f"ANALYZE {name}")


def _encode(stored: str, substitute: str) -> str:
    """From the column's own substitute to the escape."""
    codes = {SYMBOL: ESCAPE + SYMBOL, ESCAPE: ESCAPE + ESCAPE} | ({substitute: SYMBOL} if substitute else {})
    return "".join(codes.get(character, character) for character in stored)


def _decode(stored: str, substitute: str) -> str:
    """Back: a text without U+0000 needs no substitute."""
    return re.sub(f"{ESCAPE}(.)|{SYMBOL}", lambda match: match[1] or substitute, stored)


def _free_substitute(table_id: int, number: int) -> str:
    """A character the column does not use, if any cell of it has a U+0000; otherwise an empty text."""
    special = f"c{number} GLOB '*[{SYMBOL}{ESCAPE}]*'"
    texts = "".join(_decode(text, NUL) for text in _all(f"SELECT c{number} FROM t{table_id} WHERE {special}"))
    if NUL not in texts:
        return ""
    others = f"SELECT count(*) FROM t{table_id} WHERE NOT {special} AND instr(c{number}, '%s')"
    return next(one for one in SUBSTITUTES if one not in texts and not _all(others % one)[0])


# -- formats of columns ------------------------------------------------------------------------------------------------


def _substitutes(table_id: int) -> dict[int, str]:
    """The substitutes of columns that have one, by their numbers."""
    found = _rows(f"SELECT number, format FROM columns WHERE table_id = {table_id}")
    return {number: nul for number, format in found if (nul := json.loads(format or "{}").get("nul"))}


def _text_columns(table_id: int) -> list[int]:
    return [number for (number,) in _rows(f"SELECT number FROM columns WHERE table_id = {table_id} AND type = 'text'")]


def _without_nul(format: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in format.items() if name != "nul"}


def _without_nul_columns(inspection: dict[str, Any]) -> dict[str, Any]:
    for column in inspection["columns"]:
        for one in (column, *column.get("choices", ())):
            one["format"] = _without_nul(one["format"])
    return inspection


def _set_formats(table: str, column: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    for row_id, text in _rows(f"SELECT id, {column} FROM {table} WHERE {column} LIKE '%\"nul\"%'"):
        changed = json.dumps(change(json.loads(text)))
        _run(f"UPDATE {table} SET {column} = :changed WHERE id = :id", changed=changed, id=row_id)


def _add_nul(table_id: int, number: int, substitute: str) -> None:
    ((row_id, text),) = _rows(f"SELECT id, format FROM columns WHERE table_id = {table_id} AND number = {number}")
    format = json.dumps({**json.loads(text), "nul": substitute})
    _run("UPDATE columns SET format = :format WHERE id = :id", format=format, id=row_id)


# -- statements --------------------------------------------------------------------------------------------------------


def _driver() -> Any:
    return op.get_bind().connection.driver_connection


def _rows(statement: str) -> list[Any]:
    return list(op.get_bind().exec_driver_sql(statement))


def _all(statement: str) -> list[Any]:
    return [row[0] for row in _rows(statement)]


def _run(statement: str, **values: Any) -> int:
    """Return how many rows were changed."""
    return int(op.get_bind().exec_driver_sql(statement, values or None).rowcount)
