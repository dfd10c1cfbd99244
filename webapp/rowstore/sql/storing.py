"""The statements that store rows and cells, with the parameters that `inserting` makes of texts.

The value of a column that keeps texts is used more than once, so marks are numbered here. What such parameters
stand for is said, since PostgreSQL takes what it is not told for texts.
"""

from collections.abc import Callable
from itertools import count

from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.schema import column_name, companion_name, stored_columns, table_name
from webapp.rowstore.table_ref import Field, TableRef


def insert_sql(
    dialect: Dialect, table: TableRef, placeholder: Callable[[Field], str | None] = lambda field: None, name: str = ""
) -> str:
    """INSERT of a row's id and the values of its cells: two for a field that keeps texts (`stored_text`), otherwise
    one, which takes the place of the question mark in `placeholder(field)`. Into the SQL table `name`, if it is another
    than the table's own.
    """
    numbers = count(1)
    values = [f"?{next(numbers)}"]
    for field in table.stored:
        mark = f"?{next(numbers)}"
        if companion_name(field):
            value, text = cast_value(dialect, field, mark), dialect.typed(f"?{next(numbers)}", str)
            values += [value, stored_text(dialect, field, value, text)]
        else:
            values.append((placeholder(field) or "?").replace("?", mark, 1))
    return f"INSERT INTO {name or table_name(table.id)} ({columns_sql(dialect, table)}) VALUES ({', '.join(values)})"


def columns_sql(dialect: Dialect, table: TableRef) -> str:
    """All columns of a table, that of its ids first."""
    return ", ".join([dialect.row_id, *stored_columns(table.stored)])


def given_cells(dialect: Dialect, table: TableRef) -> str:
    """What `columns_sql` store, of rows that have the id as `g`, and the value of the first field as `g0`, with its
    text as `g0t` if it keeps texts, and so on.
    """
    cells = ["g"]
    for place, field in enumerate(table.stored):
        value = f"g{place}"
        if companion_name(field):
            value = _plus_zero(field, value)
            cells += [value, stored_text(dialect, field, value, f"g{place}t")]
        else:
            cells.append(value)
    return ", ".join(cells)


def update_sql(dialect: Dialect, table_id: int, field: Field, *, with_text: bool = False) -> str:
    """UPDATE of one cell by its value, where texts are kept its text, the row's id and, `with_text`, the text that it
    must have. The value is set together with its text, since a text that stayed behind would hide the value.
    """
    last = 2 if companion_name(field) else 1
    new = set_cell(dialect, field, "?1", "?2")
    seen = f" AND {dialect.print_exact(field)} = ?{last + 2}" if with_text else ""
    return f"UPDATE {table_name(table_id)} SET {new} WHERE {dialect.row_id} = ?{last + 1}{seen}"


def set_cell(dialect: Dialect, field: Field, value: str, text: str) -> str:
    """What SET is followed by to store a value; with its text, given as SQL too, where texts are kept."""
    name, companion = column_name(field), companion_name(field)
    if not companion:
        return f"{name} = {value}"
    value, text = cast_value(dialect, field, value), dialect.typed(text, str)
    return f"{name} = {value}, {companion} = {stored_text(dialect, field, value, text)}"


def stored_text(dialect: Dialect, field: Field, value: str, text: str) -> str:
    """SQL for what the companion of a column that keeps texts stores beside this value: the text, unless the value
    prints it. So the two cannot disagree.
    """
    return f"NULLIF({text}, {dialect.print_value(field, value, field.format)})"


def cast_value(dialect: Dialect, field: Field, value: str) -> str:
    """The value that a column that keeps texts stores. Adding 0.0 makes a zero of minus zero."""
    return _plus_zero(field, dialect.typed(value, field.kind.stored))


def _plus_zero(field: Field, value: str) -> str:
    return f"({value} + 0.0)" if field.kind.stored is float else value
