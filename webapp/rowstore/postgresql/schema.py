"""The SQL tables that hold rows: how they are created and dropped.

A row must fit 8,160 bytes, and only values above some 24 bytes move out of it: 300 columns are safe. Texts have the
collation "C": they sort by code point, whatever the database does, and no update of a library changes their order.
"""

from webapp.rowstore.sql.schema import column_name, stored_columns, table_name
from webapp.rowstore.table_ref import TableRef
from webapp.rowstore.values import Limits

ROW_ID = "id"
MAX_COLUMNS = 300  # of a table, companions included
LIMITS = Limits(columns=MAX_COLUMNS, sorted_rows=1_000_000_000)  # nobody waits for the building of an index
TEXT = 'text COLLATE "C"'
# As the catalogue writes them. A text's collation is given where a column is made: see `column_sql`.
STORED_AS: dict[type, str] = {str: "text", int: "bigint", float: "double precision"}


def column_sql(name: str, type_: str) -> str:
    """A column in the definition of a table."""
    return f"{name} {TEXT if type_ == 'text' else type_}"


def create_sql(table: TableRef, name: str = "") -> str:
    """With a `name` it is that of a draft, which may exist."""
    types = {column_name(field): STORED_AS[field.kind.stored] for field in table.fields}
    columns = [column_sql(name, types.get(name, "text")) for name in stored_columns(table.fields)]
    new = f"IF NOT EXISTS {name}" if name else table_name(table.id)
    return f"CREATE TABLE {new} ({', '.join([f'{ROW_ID} bigint PRIMARY KEY', *columns])})"
