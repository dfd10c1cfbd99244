"""How many cells of a column do not keep the rules that edits of it have to keep."""

from collections.abc import Sequence

from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sql.dialect import Dialect, is_empty, is_filled
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field


def unmet_sql(dialect: Dialect, table_id: int, field: Field, choices: Sequence[str]) -> Sql:
    """Rows that are empty, share their text with another row, and have a text that is none of the choices."""
    rows, text = table_name(table_id), dialect.print_exact(field)
    empty = f"SELECT count(*) FROM {rows} WHERE {is_empty(field)}"
    groups = f"SELECT count(*) AS cells FROM {rows} WHERE {is_filled(field)} GROUP BY {text} HAVING count(*) > 1"
    repeated = f"SELECT coalesce(sum(cells), 0) FROM ({groups}) AS repeated"
    accepted = dialect.is_text_of([text], [[encode(choice)] for choice in choices])
    others = f"SELECT count(*) FROM {rows} WHERE {is_filled(field)} AND NOT {accepted.text}" if choices else "SELECT 0"
    return Sql(f"SELECT ({empty}), ({repeated}), ({others})", accepted.values if choices else ())
