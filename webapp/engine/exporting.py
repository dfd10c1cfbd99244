"""Exports what a query shows as CSV or NDJSON, in blocks of bytes, at the database's speed and in constant memory.

The database formats the lines, and in file order joins them as well; Python only passes them on. That is faster
than `csv.writer` over a cursor, and a thread waiting for SQLite releases the interpreter lock: the next block is
prepared while one is sent.

CSV is RFC 4180: commas, `\\r\\n`, quotes only where needed, titles in the first row; every cell byte for byte as it was
imported. `safe` puts an apostrophe before texts a spreadsheet would read as a formula, titles too; numbers stay.
NDJSON has one object per row: null for empty cells, true and false, numbers with their original digits, but
integers beyond 2^53 as strings, since most readers would round them silently. Dates and texts stay as written.

In file order each block is a separate query that starts after the last row: a slow reader holds nothing open, and
sees later changes to rows not sent yet. A sorted export is one snapshot; for the web it is written to a
file first, because an open snapshot keeps the database's log from being truncated, and some readers take hours.
"""

import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

from webapp.data.sqlite_plain import connect
from webapp.engine.query.args import TableQuery
from webapp.engine.query.cursor import Cursor
from webapp.engine.query.planning import rows_of
from webapp.engine.query.sql import Part, Rows, parts
from webapp.engine.sqlite import reader, stoppable
from webapp.engine.statement import Sql, concatenated
from webapp.engine.storage import Field, StoredTable
from webapp.engine.types import NULL
from webapp.engine.types.base import literal

Format = Literal["csv", "ndjson"]
Blocks = Generator[bytes, None, None]

BLOCK = 128 * 1024  # bytes
# Rows the database joins: each may be large, and all of them are in memory. More where the first ones were small.
FIRST_JOINED, MOST_JOINED = 64, 256
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # characters a formula may start with
_SPECIAL = (",", '"', "\n", "\r")  # characters that require quotes
_EXACT = 2**53 - 1  # readers that only know doubles round larger integers


async def stream(
    path: Path, table: StoredTable, query: TableQuery, format: Format = "csv", *, safe: bool = False
) -> AsyncGenerator[bytes, None]:
    """`export` for the web: on a separate connection, block by block in a thread, one block ahead of the client.

    If the consumer goes away, the connection is interrupted and closed.
    """
    connection = await asyncio.to_thread(connect, path, query_only=True)
    gone, opened = stoppable(connection), ExitStack()
    opened.callback(connection.close)
    blocks = opened.enter_context(closing(export(connection, table, query, format, safe=safe)))
    if query.sorts:
        blocks = opened.enter_context(closing(_whole(blocks, path.parent)))
    making = _start(blocks)
    try:
        # Cancelling the await does not stop the thread, and would hide when it ends.
        while (block := await asyncio.shield(making)) is not None:
            making = _start(blocks)
            yield block
    finally:
        gone.set()
        _when_done(making, opened)


def _whole(blocks: Blocks, folder: Path) -> Blocks:
    """The same from an unnamed file with all blocks: the database's own folder has room for its contents."""
    with TemporaryFile(prefix="rowcast-", dir=folder) as file:
        for block in blocks:
            file.write(block)
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def _start(blocks: Blocks) -> "asyncio.Future[bytes | None]":
    return asyncio.ensure_future(asyncio.to_thread(next, blocks, None))


def _when_done(making: "asyncio.Future[bytes | None]", opened: ExitStack) -> None:
    def interrupted(ended: "asyncio.Future[bytes | None]") -> None:
        if not ended.cancelled():
            ended.exception()  # retrieved, since nobody else will
        opened.close()

    if making.done():
        interrupted(making)
    else:
        making.add_done_callback(interrupted)


def export(
    connection: sqlite3.Connection, table: StoredTable, query: TableQuery, format: Format = "csv", *, safe: bool = False
) -> Blocks:
    """The rows of the query in its order, its visible columns in theirs."""
    head, line = (_csv_head(query, safe), _csv_line(query, safe)) if format == "csv" else (b"", _json_line(query))
    if head:
        yield head
    read = reader(connection)
    # All rows are wanted: sorting them takes a quarter of the time of fetching each through an index.
    rows = replace(rows_of(read, table, query, whole=True), query=query, in_order=False)
    yield from (_sorted if query.sorts else _in_file_order)(connection, rows, line)


def _in_file_order(connection: sqlite3.Connection, rows: Rows, line: Sql) -> Iterator[bytes]:
    last: int | None = 0
    while last is not None:
        # Restarting in the middle of the full-text index is slow, so there each block is a single query.
        last, block = (_listed if rows.match else _joined)(connection, rows, line, last)
        if block:
            yield block


def _listed(connection: sqlite3.Connection, rows: Rows, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The lines of a block after the row `last`, and their last row; None if there are no more."""
    with closing(connection.execute(*_statement(rows, line, next(parts(rows, Cursor(last, ())))))) as cursor:
        return _block(cursor)


def _joined(connection: sqlite3.Connection, rows: Rows, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The same, by queries for a few lines each."""
    block, count = bytearray(), FIRST_JOINED
    while len(block) < BLOCK:
        statement, values = _statement(rows, line, next(parts(rows, Cursor(last, ()))))
        together = f"SELECT max(id), count(*), CAST(group_concat(line, '') AS BLOB) FROM ({statement} LIMIT ?)"
        found, found_rows, lines = connection.execute(together, (*values, count)).fetchone()
        block += lines or b""
        if found_rows < count:
            return None, bytes(block)
        last, count = found, max(1, min(MOST_JOINED, BLOCK * count // len(lines)))
    return last, bytes(block)


def _sorted(connection: sqlite3.Connection, rows: Rows, line: Sql) -> Iterator[bytes]:
    connection.execute("PRAGMA temp_store = FILE")  # the sorted data may exceed memory
    connection.execute("BEGIN")
    try:
        for part in parts(rows, None):
            with closing(connection.execute(*_statement(rows, line, part))) as cursor:
                more: int | None = 0
                while more is not None:
                    more, block = _block(cursor)
                    if block:
                        yield block
    finally:
        connection.execute("ROLLBACK")


def _statement(rows: Rows, line: Sql, part: Part) -> tuple[str, tuple[Any, ...]]:
    statement = rows.select(f"{rows.row_id} AS id, CAST({line.text} AS BLOB) AS line", part.where, part.order)
    return statement.text, (*line.values, *statement.values)


def _block(cursor: sqlite3.Cursor) -> tuple[int | None, bytes]:
    """Lines of about one block, with the id of the last row; None if there are no more."""
    lines, size = [], 0
    for row_id, line in cursor:
        lines.append(line)
        size += len(line)
        if size >= BLOCK:
            return row_id, b"".join(lines)
    return None, b"".join(lines)


# -- CSV -------------------------------------------------------------------------------------------------------------


def _csv_head(query: TableQuery, safe: bool) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([_harmless(field.title) if safe else field.title for field in query.visible])
    return text.getvalue().encode()


def _csv_line(query: TableQuery, safe: bool) -> Sql:
    cells = [_csv_cell(field, safe) for field in query.visible]
    if len(cells) == 1:  # a lone empty cell would be an empty line, which readers skip
        cells = [f"CASE WHEN {cells[0]} = '' THEN '\"\"' ELSE {cells[0]} END"]
    return Sql(concatenated([*_between(cells, "','"), "char(13, 10)"]))


def _csv_cell(field: Field, safe: bool) -> str:
    """The printed cell, quoted where a reader would otherwise see more than one cell."""
    if safe:
        field = replace(field, format=_map_texts(field.format, _harmless))
    printed = shown = field.exported
    special = _special(field)
    if safe and field.type == "text":
        first = ", ".join(f"char({ord(character)})" for character in FORMULA)
        shown = f"CASE WHEN substr({printed}, 1, 1) IN ({first}) THEN '''' || {printed} ELSE {printed} END"
    if special is None:
        return shown
    return f"CASE WHEN {special} THEN '\"' || replace({shown}, '\"', '\"\"') || '\"' ELSE {shown} END"


def _special(field: Field) -> str | None:
    """SQL that is true where a cell needs quotes; None if no cell can: only text contains arbitrary characters.

    GLOB is the fastest way to find a character; it stops at NUL, which no stored text contains.
    """
    if any(character in str(value) for value in field.format.values() for character in _SPECIAL):
        return " OR ".join(f"instr({field.exported}, {literal(character)})" for character in _SPECIAL)
    if field.type != "text":
        return None
    return " OR ".join(f"{field.name} GLOB {literal(f'*{character}*')}" for character in _SPECIAL)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _map_texts(format: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Map the words of a format (for yes, no and empty), and leave the rest unchanged."""
    words = ("true", "false", NULL)
    return {name: change(value) if name in words else value for name, value in format.items()}


# -- NDJSON ----------------------------------------------------------------------------------------------------------


def _json_line(query: TableQuery) -> Sql:
    names = [json.dumps(field.title, ensure_ascii=False) for field in query.visible]
    before = [f"{',' if index else '{'}{name}:" for index, name in enumerate(names)]
    pieces = [part for field in query.visible for part in ("?", _json_cell(field))]
    return Sql(concatenated([*pieces, "'}'", "char(10)"]), tuple(before))


def _json_cell(field: Field) -> str:
    name = field.name
    format = {key: value for key, value in field.format.items() if key not in (NULL, "mark")}
    printed = field.kind.sql_print(name, format)
    if field.type == "boolean":
        return f"CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
    if field.type == "integer":
        number = f"CASE WHEN {name} BETWEEN -{_EXACT} AND {_EXACT} THEN {name} ELSE '\"' || {name} || '\"' END"
        return f"CASE WHEN {name} IS NULL THEN 'null' ELSE {number} END"
    if field.type != "decimal":
        printed = f"json_quote({printed})"
    return f"CASE WHEN {name} IS NULL THEN 'null' ELSE {printed} END"


def _between(items: list[str], separator: str) -> list[str]:
    return [part for item in items for part in (separator, item)][1:]
