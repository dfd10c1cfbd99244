"""Many cells of one column, changed by one statement."""

from collections.abc import Sequence
from typing import Any

from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.schema import companion_name, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.storing import set_cell
from webapp.rowstore.table_ref import Field

_VALUE, _TEXT, _ROW, _SEEN = "given_value", "given_text", "given_row", "given_seen"


def update_all(
    dialect: Dialect, table_id: int, field: Field, cells: Sequence[Sequence[Any]], *, with_text: bool
) -> Sql:
    """What `update_sql` does with each of these values, which are of different rows."""
    stored = dialect.stored_as
    types = {_VALUE: stored[field.kind.stored]}
    if companion_name(field):
        types[_TEXT] = stored[str]
    types[_ROW] = stored[int]
    if with_text:
        types[_SEEN] = stored[str]
    arrays = ", ".join(f"CAST(? AS {type_}[])" for type_ in types.values())
    where = f"{dialect.row_id} = {_ROW}"
    if with_text:
        where += f" AND {dialect.print_exact(field)} = {_SEEN}"
    given = f"unnest({arrays}) AS given({', '.join(types)})"
    update = f"UPDATE {table_name(table_id)} SET {set_cell(dialect, field, _VALUE, _TEXT)} FROM {given} WHERE {where}"
    return Sql(update, tuple(list(column) for column in zip(*cells, strict=True)))
