"""How many cells of a column do not keep the rules that edits of it have to keep."""

import json
from collections.abc import Sequence

from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sqlite.printing import is_empty, is_filled, print_exact
from webapp.rowstore.sqlite.schema import table_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.table_ref import Field


def unmet_sql(table_id: int, field: Field, choices: Sequence[str]) -> Sql:
    """Rows that are empty, share their text with another row, and have a text that is none of the choices."""
    rows, text = table_name(table_id), print_exact(field)
    empty = f"SELECT count(*) FROM {rows} WHERE {is_empty(field)}"
    groups = f"SELECT count(*) AS cells FROM {rows} WHERE {is_filled(field)} GROUP BY {text} HAVING count(*) > 1"
    repeated = f"SELECT ifnull(sum(cells), 0) FROM ({groups})"
    is_other = f"{text} NOT IN (SELECT value FROM json_each(?))"
    others = f"SELECT count(*) FROM {rows} WHERE {is_filled(field)} AND {is_other}" if choices else "SELECT 0"
    values = (json.dumps(list(map(encode, choices))),) if choices else ()
    return Sql(f"SELECT ({empty}), ({repeated}), ({others})", values)
