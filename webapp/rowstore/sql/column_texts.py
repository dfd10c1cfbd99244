"""What is asked of the texts of columns: how two of them compare, and which rows have these texts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sql.conditions import scope_sql
from webapp.rowstore.sql.dialect import Dialect, is_empty, is_exception
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql, all_of
from webapp.rowstore.table_ref import Field, TableRef

_MAX_CHARACTERS = 1_000_000  # of the texts of a batch, which ends with the cell that has the last of them


def comparison_sql(dialect: Dialect, table_id: int, source: Field, target: Field, after: int, last: int) -> Sql:
    """Of the rows behind `after` up to `last`: how many print otherwise, are empty, and have no value."""
    differing = f"count(*) FILTER (WHERE {dialect.differs(dialect.print_exact(source), dialect.print_exact(target))})"
    empty = f"count(*) FILTER (WHERE {is_empty(target)})"
    exceptions = f"count(*) FILTER (WHERE {is_exception(target)})"
    where = f"WHERE {dialect.row_id} > ? AND {dialect.row_id} <= ?"
    return Sql(f"SELECT {differing}, {empty}, {exceptions} FROM {table_name(table_id)} {where}", (after, last))


def differing_rows_sql(
    dialect: Dialect, table_id: int, source: Field, target: Field, after: int, last: int, limit: int
) -> Sql:
    """The first of the rows behind `after` up to `last` that print otherwise."""
    differs = dialect.differs(dialect.print_exact(source), dialect.print_exact(target))
    where = f"WHERE {dialect.row_id} > ? AND {dialect.row_id} <= ? AND {differs}"
    return Sql(f"SELECT {dialect.row_id} FROM {table_name(table_id)} {where} LIMIT ?", (after, last, limit))


def first_rows_sql(dialect: Dialect, table: TableRef, field: Field, texts: Sequence[str]) -> Sql:
    """Each of these texts that a cell of the column has, and the first row that has it. However many texts there are,
    the rows are read once.
    """
    text = dialect.print_exact(field)
    where = all_of([dialect.is_text_of([text], [[encode(each)] for each in texts]), scope_sql(dialect, table)])
    found = f"SELECT {text}, min({dialect.row_id}) FROM {table_name(table.id)} WHERE {where.text} GROUP BY 1"
    return Sql(found, where.values)


def key_rows_sql(dialect: Dialect, table: TableRef, fields: Sequence[Field], keys: Sequence[tuple[str, ...]]) -> Sql:
    """The same for the texts of several columns together, with how many rows have them."""
    texts = list(map(dialect.print_exact, fields))
    wanted = dialect.is_text_of(texts, [list(map(encode, key)) for key in keys])
    where = all_of([wanted, scope_sql(dialect, table)])
    names = ", ".join(str(place) for place in range(1, len(texts) + 1))
    found = f"SELECT {', '.join(texts)}, min({dialect.row_id}), count(*) FROM {table_name(table.id)} WHERE {where.text}"
    return Sql(f"{found} GROUP BY {names}", where.values)


def texts_sql(dialect: Dialect, table: TableRef, field: Field) -> Sql:
    scope = scope_sql(dialect, table)
    found = (
        f"SELECT {dialect.print_exact(field)} FROM {table_name(table.id)} WHERE {scope.text} ORDER BY {dialect.row_id}"
    )
    return Sql(found, scope.values)


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The rows whose last column is a text, `size` at a time, or fewer if their texts are long."""
    batch: list[Any] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row[-1])
        if len(batch) >= size or characters >= _MAX_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
