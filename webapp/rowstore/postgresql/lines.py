"""The lines of an export in blocks, which PostgreSQL joins in file order.

In file order each block is a separate query that starts after the last row: a slow reader holds nothing open, and
sees later changes to rows not sent yet. A sorted export is one snapshot, so it is written to a file first: an open
snapshot keeps the database from clearing away what was changed, and some readers take hours.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from tempfile import TemporaryFile
from typing import Any

from psycopg import errors

from webapp.rowstore.sql.compile import Cursor, Part, Plan, make_parts
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.export import BLOCK
from webapp.rowstore.sql.statement import Sql

FIRST_JOINED, MAX_JOINED = 64, 512  # rows
FETCHED = 64  # rows of a sorted export


def read_lines(connection: Connection, ask: Callable[[Sql], list[Any]], plan: Plan, line: Sql) -> Iterator[bytes]:
    """`ask` gives all rows of a statement as the database has them, without texts of numbers."""
    if plan.query.sorts or plan.match:  # beginning anew in the middle of a search is slow
        return _buffered(_one_by_one(connection, plan, line))
    return _joined(ask, plan, line)


def _joined(ask: Callable[[Sql], list[Any]], plan: Plan, line: Sql) -> Iterator[bytes]:
    """As many rows at once as make a block, going by those before them."""
    last, rows = 0, FIRST_JOINED
    while True:
        statement = _statement(plan, line, next(make_parts(plan, Cursor(last, ()))))
        block_sql = plan.dialect.as_bytes("string_agg(line, '' ORDER BY id)")
        joined = f"SELECT max(id), count(*), {block_sql}"
        found = Sql(f"{joined} FROM ({statement.text} LIMIT ?) AS lines", (*statement.values, rows))
        try:
            last_joined, count, block = ask(found)[0]
        except (errors.ProgramLimitExceeded, errors.OutOfMemory):
            if rows == 1:
                raise
            rows = 1  # those that come are longer than those before
            continue
        if block:
            yield block
        if count < rows:
            return
        last, rows = last_joined, max(1, min(MAX_JOINED, rows * 4, BLOCK * rows // len(block)))


def _one_by_one(connection: Connection, plan: Plan, line: Sql) -> Iterator[bytes]:
    for part in make_parts(plan, None):
        with closing(connection.iterate(_statement(plan, line, part), FETCHED)) as batches:
            for batch in batches:
                yield "".join(text for _, text in batch).encode()


def _buffered(blocks: Iterator[bytes]) -> Iterator[bytes]:
    with TemporaryFile(prefix="rowcast-") as file:
        sizes = [file.write(block) for block in blocks]
        file.seek(0)
        yield from map(file.read, sizes)


def _statement(plan: Plan, line: Sql, part: Part) -> Sql:
    statement = plan.select(f"{plan.row_id} AS id, {line.text} AS line", part.where, part.order)
    return Sql(statement.text, (*line.values, *statement.values))
