"""All rows of a query with the exact texts of their cells, in batches: for whoever works on all of them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any

from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.cells import MAX_SELECTED, print_cells
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import StoredRow

_MAX_CHARACTERS = 500_000  # of the texts of a batch, which ends with the row that has the last of them


def read_batches(
    connection: Connection,
    table: TableRef,
    query: TableQuery,
    fields: Sequence[Field],
    size: int,
) -> Iterator[list[StoredRow]]:
    """In the order of the rows' ids, whatever the query sorts by."""
    plan = connection.make_plan(table, query, whole=True)
    printed = [connection.dialect.print_exact(field) for field in fields]
    is_wide = len(printed) > MAX_SELECTED
    found = plan.select(", ".join([plan.row_id, *([] if is_wide else printed)]), order=plan.order_id)
    with closing(connection.iterate(found)) as read:
        for rows in _batches(chain.from_iterable(read), size):
            if is_wide:
                cells = print_cells(connection, table.id, [row[0] for row in rows], printed)
                rows = [(row_id, *texts) for row_id, texts in cells.items()]
            yield [StoredRow(row[0], tuple(map(decode, row[1:]))) for row in rows]


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[tuple[Any, ...]]]:
    batch, characters = list[tuple[Any, ...]](), 0
    for row in rows:
        batch.append(row)
        characters += sum(map(len, row[1:]))
        if len(batch) >= size or characters >= _MAX_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
