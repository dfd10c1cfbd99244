"""Cells of given rows: printed, cut for a page, or one of them in whole."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain

from webapp.rowstore.nul_escape import ESCAPE, SYMBOL, decode, decode_beginning, decode_pieces, needs_encoding
from webapp.rowstore.reader import Blocks
from webapp.rowstore.sqlite.conditions import scope_sql
from webapp.rowstore.sqlite.planning import Execute
from webapp.rowstore.sqlite.printing import print_exact
from webapp.rowstore.sqlite.schema import ROW_ID, table_name, text_column_name
from webapp.rowstore.sqlite.statement import Sql, add_up, all_of
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Row

MAX_SELECTED = 1_000  # columns per statement; SQLite allows 2,000, including those of the order
MAX_IDS = 1_000  # rows per statement
VALUE_SIZE = 10  # characters that a cell counts for besides its text, about
BLOCK = 256 * 1024  # bytes of a long cell that are read at once
ELLIPSIS = "…"
_ALL = Sql("1")


def print_cells(
    execute: Execute, table_id: int, ids: Sequence[int], printed: Sequence[str], scope: Sql = _ALL
) -> dict[int, tuple[str, ...]]:
    """The SQL expressions `printed` of these rows, however many; as stored, not decoded. Only of those for which
    `scope` is true.
    """
    cells: dict[int, tuple[str, ...]] = {}
    for first in range(0, len(ids), MAX_IDS):
        some_ids = tuple(ids[first : first + MAX_IDS])
        for start in range(0, max(len(printed), 1), MAX_SELECTED):
            names = ", ".join([ROW_ID, *printed[start : start + MAX_SELECTED]])
            where = all_of([Sql(f"{ROW_ID} IN ({', '.join('?' * len(some_ids))})", some_ids), scope])
            for result in execute(Sql(f"SELECT {names} FROM {table_name(table_id)} WHERE {where.text}", where.values)):
                cells[result[0]] = cells.get(result[0], ()) + tuple(result[1:])
    return cells


def print_scoped(
    execute: Execute, table: TableRef, ids: Sequence[int], printed: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """The same for those of the rows that are in the table's scope."""
    return print_cells(execute, table.id, ids, printed, scope_sql(table))


def decode_cells(cells: Iterable[str], limit: int) -> tuple[str, ...]:
    """Cells printed by `print_beginning`, decoded; those that were cut end in an ellipsis."""
    return tuple(decode(cell) if len(cell) <= limit else decode_beginning(cell[:limit]) + ELLIPSIS for cell in cells)


def decode_rows(rows: Sequence[Row], limit: int) -> list[Row]:
    """The same for rows. Most need no decoding, which is found out for all of them at once."""
    if not needs_encoding("".join(chain.from_iterable(cells for _, cells in rows))):
        return list(rows)
    return [(row_id, decode_cells(cells, limit)) for row_id, cells in rows]


def read_sizes(execute: Execute, table_id: int, row_id: int, fields: Sequence[Field]) -> dict[int, int]:
    """The bytes of these columns' texts in a row, decoded, by the number of the column."""
    in_bytes = [_decoded_bytes(text_column_name(field) or print_exact(field)) for field in fields]
    sizes = print_cells(execute, table_id, [row_id], in_bytes)
    return {field.number: int(size) for field, size in zip(fields, sizes[row_id], strict=True)}


def text_size(execute: Execute, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> int:
    """The characters of these cells, about: those of texts as they are stored, and the same number for any cell."""
    where = all_of([Sql(f"{ROW_ID} IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)), scope_sql(table)])
    size = len(ids) * len(fields) * VALUE_SIZE
    names = list(filter(None, map(text_column_name, fields)))
    for start in range(0, len(names), MAX_SELECTED):
        lengths = add_up([f"ifnull(length({name}), 0)" for name in names[start : start + MAX_SELECTED]])
        total = f"SELECT total({lengths}) FROM {table_name(table.id)} WHERE {where.text}"
        ((some,),) = execute(Sql(total, where.values))
        size += int(some)
    return size


def _decoded_bytes(name: str) -> str:
    """SQL for the size of a stored text without its escapes: of each pair the first character goes, and a NUL, stored
    as a symbol of three bytes, has one. Pairs are taken out in an order that leaves no half of one beside another.
    """
    pair, symbol_pair = f"'{ESCAPE}{ESCAPE}'", f"'{ESCAPE}{SYMBOL}'"
    unescaped = f"replace(replace({name}, {pair}, ''), {symbol_pair}, '')"
    without_nul = f"replace({unescaped}, '{SYMBOL}', '')"
    half, third = len(ESCAPE.encode()), len(SYMBOL.encode())
    has_escapes = f"instr({name}, '{ESCAPE}') OR instr({name}, '{SYMBOL}')"
    return (
        f"{_bytes(name)} - iif({has_escapes}, ({_bytes(name)} - {_bytes(unescaped)}) / {2 * half} * {half}"
        f" + ({_bytes(unescaped)} - {_bytes(without_nul)}) / {third} * {third - 1}, 0)"
    )


def _bytes(text: str) -> str:
    return f"length(CAST({text} AS BLOB))"


def has_row(execute: Execute, table: TableRef, row_id: int) -> bool:
    is_stored = -(2**63) <= row_id < 2**63
    return is_stored and row_id in print_scoped(execute, table, [row_id], ())


def read_cell(connection: sqlite3.Connection, execute: Execute, table: TableRef, row_id: int, field: Field) -> Blocks:
    """Only texts can be long, and they are printed as they are stored: they are read piece by piece."""
    table.ensure_shown([field])
    name = text_column_name(field)
    found = print_scoped(execute, table, [row_id], [f"typeof({name or 'NULL'})"])
    if name and found == {row_id: ("text",)}:
        yield from decode_pieces(_read_pieces(connection, table.id, row_id, name))
    elif found:
        yield decode(print_cells(execute, table.id, [row_id], [print_exact(field)])[row_id][0]).encode()


def _read_pieces(connection: sqlite3.Connection, table_id: int, row_id: int, column: str) -> Iterator[bytes]:
    with (
        readable_errors(),
        closing(connection.blobopen(table_name(table_id), column, row_id, readonly=True)) as blob,
    ):
        while piece := blob.read(BLOCK):
            yield piece
