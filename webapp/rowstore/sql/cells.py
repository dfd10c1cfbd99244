"""Cells of given rows: printed, cut for a page, or one of them in whole."""

from collections.abc import Iterable, Sequence
from itertools import chain

from webapp.rowstore.nul_escape import ESCAPE, SYMBOL, decode, decode_beginning, decode_pieces, needs_encoding
from webapp.rowstore.reader import Blocks
from webapp.rowstore.sql.conditions import scope_sql
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.schema import table_name, text_column_name
from webapp.rowstore.sql.statement import Sql, add_up, all_of, marks
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Row

MAX_SELECTED = 1_000  # columns per statement; SQLite allows 2,000, including those of the order
MAX_IDS = 1_000  # rows per statement
VALUE_SIZE = 10  # characters that a cell counts for besides its text, about
BLOCK = 256 * 1024  # bytes of a long cell that are read at once, about
ELLIPSIS = "…"
_ALL = Sql("TRUE")


def print_cells(
    connection: Connection, table_id: int, ids: Sequence[int], printed: Sequence[str], scope: Sql = _ALL
) -> dict[int, tuple[str, ...]]:
    """The SQL expressions `printed` of these rows, however many; as stored, not decoded. Only of those for which
    `scope` is true.
    """
    cells: dict[int, tuple[str, ...]] = {}
    row = connection.dialect.row_id
    for first in range(0, len(ids), MAX_IDS):
        some_ids = tuple(ids[first : first + MAX_IDS])
        for start in range(0, max(len(printed), 1), MAX_SELECTED):
            names = ", ".join([row, *printed[start : start + MAX_SELECTED]])
            where = all_of([Sql(f"{row} IN ({marks(some_ids)})", some_ids), scope])
            found = Sql(f"SELECT {names} FROM {table_name(table_id)} WHERE {where.text}", where.values)
            for result in connection.execute(found):
                cells[result[0]] = cells.get(result[0], ()) + tuple(result[1:])
    return cells


def print_scoped(
    connection: Connection, table: TableRef, ids: Sequence[int], printed: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """The same for those of the rows that are in the table's scope."""
    return print_cells(connection, table.id, ids, printed, scope_sql(connection.dialect, table))


def decode_cells(cells: Iterable[str], limit: int) -> tuple[str, ...]:
    """Cells printed by `print_beginning`, decoded; those that were cut end in an ellipsis."""
    return tuple(decode(cell) if len(cell) <= limit else decode_beginning(cell[:limit]) + ELLIPSIS for cell in cells)


def decode_rows(rows: Sequence[Row], limit: int) -> list[Row]:
    """The same for rows. Most need no decoding, which is found out for all of them at once."""
    if not needs_encoding("".join(chain.from_iterable(cells for _, cells in rows))):
        return list(rows)
    return [(row_id, decode_cells(cells, limit)) for row_id, cells in rows]


def read_sizes(connection: Connection, table_id: int, row_id: int, fields: Sequence[Field]) -> dict[int, int]:
    """The bytes of these columns' texts in a row, decoded, by the number of the column."""
    dialect = connection.dialect
    in_bytes = [_decoded_bytes(dialect, text_column_name(field) or dialect.print_exact(field)) for field in fields]
    sizes = print_cells(connection, table_id, [row_id], in_bytes)
    return {field.number: int(size) for field, size in zip(fields, sizes[row_id], strict=True)}


def text_size(connection: Connection, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> int:
    """The characters of these cells, about: those of texts as they are stored, and the same number for any cell."""
    dialect = connection.dialect
    where = all_of([dialect.is_one_of(dialect.row_id, ids), scope_sql(dialect, table)])
    size = len(ids) * len(fields) * VALUE_SIZE
    names = list(filter(None, map(text_column_name, fields)))
    for start in range(0, len(names), MAX_SELECTED):
        lengths = add_up([f"coalesce(length({name}), 0)" for name in names[start : start + MAX_SELECTED]])
        total = f"SELECT {dialect.total(lengths)} FROM {table_name(table.id)} WHERE {where.text}"
        ((some,),) = connection.execute(Sql(total, where.values))
        size += int(some)
    return size


def _decoded_bytes(dialect: Dialect, name: str) -> str:
    """SQL for the size of a stored text without its escapes: of each pair the first character goes, and a NUL, stored
    as a symbol of three bytes, has one. Pairs are taken out in an order that leaves no half of one beside another.
    """
    pair, symbol_pair = f"'{ESCAPE}{ESCAPE}'", f"'{ESCAPE}{SYMBOL}'"
    unescaped = f"replace(replace({name}, {pair}, ''), {symbol_pair}, '')"
    without_nul = f"replace({unescaped}, '{SYMBOL}', '')"
    half, third = len(ESCAPE.encode()), len(SYMBOL.encode())
    has_escapes = dialect.has_one_of(name, (ESCAPE, SYMBOL))
    stored, short, shortest = map(dialect.size_in_bytes, (name, unescaped, without_nul))
    saved = f"({stored} - {short}) / {2 * half} * {half} + ({short} - {shortest}) / {third} * {third - 1}"
    return f"{stored} - CASE WHEN {has_escapes} THEN {saved} ELSE 0 END"


def has_row(connection: Connection, table: TableRef, row_id: int) -> bool:
    is_stored = -(2**63) <= row_id < 2**63
    return is_stored and row_id in print_scoped(connection, table, [row_id], ())


def read_cell(connection: Connection, table: TableRef, row_id: int, field: Field) -> Blocks:
    """Only texts can be long, and they are printed as they are stored: they are read piece by piece."""
    table.ensure_shown([field])
    name = text_column_name(field)
    found = print_scoped(connection, table, [row_id], [f"{name} IS NOT NULL" if name else "FALSE"])
    if name and found and found[row_id][0]:
        yield from decode_pieces(connection.read_text(table.id, row_id, name, BLOCK))
    elif found:
        printed = print_cells(connection, table.id, [row_id], [connection.dialect.print_exact(field)])
        yield decode(printed[row_id][0]).encode()
