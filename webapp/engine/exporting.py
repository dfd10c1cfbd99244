"""What a query shows, as a file: CSV or NDJSON, in blocks of bytes, at the speed of the database and flat memory.

The database itself writes the lines, and in file order joins them as well; Python only passes them on. That is faster
than `csv.writer` over a cursor, and a thread that waits for SQLite leaves the interpreter to others: the next block is
made while one is sent.

CSV is RFC 4180: commas, `\\r\\n`, quotes only where needed, the titles as first row; every cell byte for byte as it was
imported. `safe` puts an apostrophe before texts a spreadsheet would take for a formula, titles too; numbers stay.
NDJSON has an object a row: null for empty cells, true and false, numbers as numbers with the digits they had, but
integers beyond 2^53 as strings, since most readers would round them silently. Dates and texts are as they were written.

In file order each block is a query of its own that starts behind the last row: a slow reader holds nothing open, and
sees what others change meanwhile in rows not sent yet. Sorted, everything is one snapshot; for the web it goes into a
file first, since as long as a snapshot is open the database's log cannot be cleared, and some readers take hours.
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
MOST_JOINED = 64  # rows the database joins: each may be large, and all of them are in memory
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a formula may begin with
_SPECIAL = (",", '"', "\n", "\r")  # what a reader takes for more than a part of a cell, unless it is quoted
_EXACT = 2**53 - 1  # integers beyond are rounded by readers that know doubles only


async def stream(
    path: Path, table: StoredTable, query: TableQuery, format: Format = "csv", *, safe: bool = False
) -> AsyncGenerator[bytes, None]:
    """`export` for the web: on a connection of its own, a block at a time in a thread, one ahead of what is asked for.

    When the consumer goes away the connection stops whatever it is doing and is closed.
    """
    connection = await asyncio.to_thread(connect, path, query_only=True)
    gone, opened = stoppable(connection), ExitStack()
    opened.callback(connection.close)
    blocks = opened.enter_context(closing(export(connection, table, query, format, safe=safe)))
    if query.sorts:
        blocks = opened.enter_context(closing(_whole(blocks, path.parent)))
    making = _start(blocks)
    try:
        # Cancelling what waits for a thread does not stop the thread, and would hide when it ends.
        while (block := await asyncio.shield(making)) is not None:
            making = _start(blocks)
            yield block
    finally:
        gone.set()
        _when_done(making, opened)


def _whole(blocks: Blocks, folder: Path) -> Blocks:
    """The same from a nameless file that has all of them: the database's own folder has room for what it holds."""
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
            ended.exception()  # which nobody is left to hear of
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
    # All rows are wanted: to sort them takes a quarter of the time of fetching each through an index.
    rows = replace(rows_of(read, table, query, whole=True), query=query, in_order=False)
    yield from (_sorted if query.sorts else _in_file_order)(connection, rows, line)


def _in_file_order(connection: sqlite3.Connection, rows: Rows, line: Sql) -> Iterator[bytes]:
    last: int | None = 0
    while last is not None:
        # To begin anew in the middle of the full-text index takes long: there it is one query a block.
        last, block = (_listed if rows.match else _joined)(connection, rows, line, last)
        if block:
            yield block


def _listed(connection: sqlite3.Connection, rows: Rows, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The lines of a block behind the row `last`, and the last row of theirs; None when there are no more."""
    with closing(connection.execute(*_statement(rows, line, next(parts(rows, Cursor(last, ())))))) as cursor:
        return _block(cursor)


def _joined(connection: sqlite3.Connection, rows: Rows, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The same, by a query for some lines after another."""
    block, count = bytearray(), MOST_JOINED
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
    connection.execute("PRAGMA temp_store = FILE")  # what is sorted may be larger than the memory
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
    """Lines of about a block, with the id of the last row; None when there are no more."""
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
    if len(cells) == 1:  # a lone empty cell would be an empty line, which is no row
        cells = [f"CASE WHEN {cells[0]} = '' THEN '\"\"' ELSE {cells[0]} END"]
    return Sql(concatenated([*_between(cells, "','"), "char(13, 10)"]))


def _csv_cell(field: Field, safe: bool) -> str:
    """The printed cell, in quotes where a reader would else see more than one cell."""
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
    """SQL that is true where a cell needs quotes; None where none can: all but texts have signs of their format only.

    GLOB is the quickest to find a character, but stops at NUL, which no text has as it is stored.
    """
    if any(character in str(value) for value in field.format.values() for character in _SPECIAL):
        return " OR ".join(f"instr({field.exported}, {literal(character)})" for character in _SPECIAL)
    if field.type != "text":
        return None
    return " OR ".join(f"{field.name} GLOB {literal(f'*{character}*')}" for character in _SPECIAL)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _map_texts(format: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The words of a format (for yes, no and empty) changed, the rest as it is."""
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
