"""The statements that store rows and cells, with the parameters that `inserting` makes of texts.

The value of a column that keeps texts is used more than once, while each parameter has one question mark: such values
have a subquery, which gives them names. There they are cast to what their columns store, since PostgreSQL takes what it
is not told for texts.
"""

from collections.abc import Callable

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
    into = f"INSERT INTO {name or table_name(table.id)} ({columns_sql(dialect, table)})"
    if not any(map(companion_name, table.stored)):
        return f"{into} VALUES ({', '.join(['?', *(placeholder(field) or '?' for field in table.stored)])})"
    given = ["? AS g"]
    for place, field in enumerate(table.stored):
        if companion_name(field):
            given += [f"{cast_value(dialect, field)} AS g{place}", f"{_cast(dialect, str)} AS g{place}t"]
        else:
            given.append(f"{placeholder(field) or _cast(dialect, field.kind.stored)} AS g{place}")
    return f"{into} SELECT {given_cells(dialect, table)} FROM (SELECT {', '.join(given)}) AS given"


def columns_sql(dialect: Dialect, table: TableRef) -> str:
    """All columns of a table, that of its ids first."""
    return ", ".join([dialect.row_id, *stored_columns(table.stored)])


def given_cells(dialect: Dialect, table: TableRef) -> str:
    """What `columns_sql` store, of rows that have the id as `g`, and the value of the first field as `g0`, with its
    text as `g0t` if it keeps texts, and so on.
    """
    cells = ["g"]
    for place, field in enumerate(table.stored):
        cells += [f"g{place}", stored_text(dialect, field, f"g{place}", f"g{place}t")] if companion_name(field) else []
        cells += [] if companion_name(field) else [f"g{place}"]
    return ", ".join(cells)


def update_sql(dialect: Dialect, table_id: int, field: Field, *, with_text: bool = False) -> str:
    """UPDATE of one cell by its value, where texts are kept its text, the row's id and, `with_text`, the text that it
    must have. The value is set together with its text, since a text that stayed behind would hide the value.
    """
    name, companion = column_name(field), companion_name(field)
    new = f"{name} = ?"
    if companion:
        given = f"SELECT {cast_value(dialect, field)} AS g, {_cast(dialect, str)} AS gt"
        new = f"({name}, {companion}) = (SELECT g, {stored_text(dialect, field, 'g', 'gt')} FROM ({given}) AS given)"
    seen = f" AND {dialect.print_exact(field)} = ?" if with_text else ""
    return f"UPDATE {table_name(table_id)} SET {new} WHERE {dialect.row_id} = ?{seen}"


def stored_text(dialect: Dialect, field: Field, value: str, text: str) -> str:
    """SQL for what the companion of a column that keeps texts stores beside this value: the text, unless the value
    prints it. So the two cannot disagree.
    """
    return f"NULLIF({text}, {dialect.print_value(field, value, field.format)})"


def cast_value(dialect: Dialect, field: Field, value: str = "?") -> str:
    """The value that a column that keeps texts stores. Adding 0.0 makes a zero of minus zero."""
    stored = f"CAST({value} AS {dialect.stored_as[field.kind.stored]})"
    return f"({stored} + 0.0)" if field.kind.stored is float else stored


def _cast(dialect: Dialect, type_: type) -> str:
    return f"CAST(? AS {dialect.stored_as[type_]})"
