"""The lines of an export in blocks, which PostgreSQL joins.

First come the ids of rows and the sizes of their texts, which PostgreSQL knows without reading them; then the lines of
as many rows as make a block. In file order nothing is open between two blocks: a slow reader holds nothing, and sees
later changes to rows not sent yet. A sorted export is one snapshot, so it is written to a file first: an open snapshot
keeps the database from clearing away what was changed, and some readers take hours.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from tempfile import TemporaryFile
from typing import Any

from webapp.rowstore.sql.compile import Cursor, Part, Plan, make_parts
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.export import BLOCK
from webapp.rowstore.sql.schema import table_name, text_column_name
from webapp.rowstore.sql.statement import Sql, add_up

MAX_JOINED = 512  # rows
_CELL_SIZE = 16  # bytes that a cell counts for besides its text

Row = tuple[int, int]  # its id and about its size in bytes
Ask = Callable[[Sql], list[Any]]


def read_lines(connection: Connection, ask: Ask, plan: Plan, line: Sql) -> Iterator[bytes]:
    """`ask` gives all rows of a statement with bytes as they are."""
    if plan.query.sorts or plan.match:  # beginning anew in the middle of a search is slow
        return _buffered(_join(ask, plan, line, _ordered(connection, plan)))
    return _join(ask, plan, line, _in_file_order(connection, plan))


def _join(ask: Ask, plan: Plan, line: Sql, rows: Iterator[Row]) -> Iterator[bytes]:
    table, row_id = table_name(plan.table_id), plan.dialect.row_id
    joined = plan.dialect.as_bytes("string_agg(line, '' ORDER BY place)")
    chosen = "unnest(CAST(? AS bigint[])) WITH ORDINALITY AS chosen(chosen_id, place)"
    lines = f"SELECT {line.text} AS line, place FROM {chosen} JOIN {table} ON {table}.{row_id} = chosen_id"
    with closing(_batches(rows)) as batches:
        for ids in batches:
            ((block,),) = ask(Sql(f"SELECT {joined} FROM ({lines}) AS lines", (*line.values, ids)))
            if block:  # they may all have gone
                yield block


def _batches(rows: Iterator[Row]) -> Generator[list[int], None, None]:
    """Of rows that make a block together."""
    ids, size = list[int](), 0
    for row_id, row_size in rows:
        if ids and (size + row_size > BLOCK or len(ids) >= MAX_JOINED):
            yield ids
            ids, size = [], 0
        ids.append(row_id)
        size += row_size
    if ids:
        yield ids


def _in_file_order(connection: Connection, plan: Plan) -> Iterator[Row]:
    last = 0
    while found := connection.execute(_statement(plan, next(make_parts(plan, Cursor(last, ()))), MAX_JOINED)):
        yield from found
        last = found[-1][0]


def _ordered(connection: Connection, plan: Plan) -> Iterator[Row]:
    for part in make_parts(plan, None):
        with closing(connection.iterate(_statement(plan, part), MAX_JOINED)) as batches:
            yield from chain.from_iterable(batches)


def _statement(plan: Plan, part: Part, limit: int | None = None) -> Sql:
    visible = plan.query.visible
    texts = [f"coalesce(octet_length({name}), 0)" for name in filter(None, map(text_column_name, visible))]
    size = add_up([str(_CELL_SIZE * len(visible)), *texts])
    return plan.select(f"{plan.row_id}, {size}", part.where, part.order, limit)


def _buffered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    with TemporaryFile(prefix="rowcast-") as file:
        sizes = [file.write(block) for block in blocks]
        file.seek(0)
        yield from map(file.read, sizes)
