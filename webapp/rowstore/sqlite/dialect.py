"""What SQLite writes in its own way."""

import json
from collections.abc import Sequence

from webapp.db.sqlite_driver import ALL_DIGITS
from webapp.rowstore.sql.dialect import Dialect, Format
from webapp.rowstore.sql.schema import column_name
from webapp.rowstore.sql.statement import Sql, quoted
from webapp.rowstore.sqlite import matching, printing
from webapp.rowstore.sqlite.schema import LIMITS, ROW_ID, STORED_AS, create_sql
from webapp.rowstore.table_ref import Field, TableRef


class SqliteDialect(Dialect):
    row_id = ROW_ID
    limits = LIMITS
    stored_as = STORED_AS

    # -- tables ----------------------------------------------------------------------------------------------------

    def create_sql(self, table: TableRef, name: str = "") -> str:
        return create_sql(table, name)

    # -- cells -----------------------------------------------------------------------------------------------------

    def print_value(self, field: Field, name: str, format: Format) -> str:
        return printing.print_value(field, name, format)

    def bind(self, field: Field) -> str | None:
        return printing.bind(field)

    def typed(self, mark: str, stored: type) -> str:
        """Values have their types."""
        return mark

    # -- order and comparisons -------------------------------------------------------------------------------------

    def sort_keys(self, field: Field) -> tuple[str, ...]:
        """An index is used only if it was created on exactly this expression."""
        name = column_name(field)
        return (self.ignoring_case(name) if field.type == "text" else name,)

    def ignoring_case(self, text: str) -> str:
        """This covers A to Z only: SQLite has no collation for other letters, which sort by code point."""
        return f"{text} COLLATE NOCASE"

    def key_of(self, field: Field, value: str) -> tuple[str, ...]:
        """The key's collation is that of the comparison."""
        return (value,)

    def unindexed_key(self, field: Field) -> str:
        return f"+{self.sort_keys(field)[0]}"

    def smallest_key(self, field: Field) -> str:
        """Of numbers an infinity, which is compared by value, also with integers."""
        return "''" if field.kind.stored is str else "-9e999"

    def differs(self, left: str, right: str) -> str:
        return f"{left} IS NOT {right}"

    def text_contains(self, cell: str, text: str) -> Sql:
        return matching.text_contains(cell, text)

    def text_starts_with(self, cell: str, text: str) -> Sql:
        return matching.text_starts_with(cell, text)

    def is_one_of(self, name: str, values: Sequence[int]) -> Sql:
        return Sql(f"{name} IN (SELECT value FROM json_each(?))", (json.dumps(list(values)),))

    def is_text_of(self, texts: Sequence[str], keys: Sequence[Sequence[str]]) -> Sql:
        first = json.dumps([key[0] for key in keys], ensure_ascii=False)
        is_first = f"{texts[0]} IN (SELECT value FROM json_each(?))"
        if len(texts) == 1:
            return Sql(is_first, (first,))
        # By the first column alone most rows are told apart, without making one text of several.
        parts = ", ".join(f"value ->> {place}" for place in range(len(texts)))
        is_all = f"json_array({', '.join(texts)}) IN (SELECT json_array({parts}) FROM json_each(?))"
        return Sql(f"({is_first} AND {is_all})", (first, json.dumps(list(map(list, keys)), ensure_ascii=False)))

    # -- expressions -----------------------------------------------------------------------------------------------

    def total(self, name: str) -> str:
        return f"total({name})"

    def average(self, name: str) -> str:
        return f"avg({name})"

    def last_characters(self, text: str, count: int) -> str:
        return f"substr({text}, -{count})"

    def size_in_bytes(self, text: str) -> str:
        return f"length(CAST({text} AS BLOB))"

    def has_one_of(self, text: str, characters: Sequence[str]) -> str:
        """GLOB is the fastest way to find one."""
        return " OR ".join(f"{text} GLOB {quoted(f'*{character}*')}" for character in characters)

    def finds(self, text: str, classes: str) -> str:
        return f"{text} GLOB {quoted(f'*{classes}*')}"

    def as_float(self, value: str) -> str:
        return f"CAST({value} AS REAL)"

    def all_digits(self, number: str) -> str:
        """SQLite's own digits beyond the 15th are not always right."""
        short = self.digits(number, 15)
        return f"iif(CAST({short} AS REAL) = {number}, {short}, {ALL_DIGITS}({number}))"

    def digits(self, number: str, count: int) -> str:
        return f"printf('%.{count}g', {number})"

    def days_since(self, date: str, first: str) -> str:
        return f"CAST(julianday(substr({date}, 1, 10)) - julianday('{first}') AS INTEGER)"

    # -- JSON and lines --------------------------------------------------------------------------------------------

    def json_text(self, text: str) -> str:
        return f"json_quote({text})"

    def is_json(self, text: str) -> str:
        return f"json_valid({text})"

    def is_json_number(self, text: str, most: int) -> str:
        """The characters are looked at first, since `json_valid` allows spaces and takes more time."""
        is_number = f"{text} NOT GLOB '*[^-+.0-9eE]*' AND json_valid({text})"
        return f"{is_number} AND ({text} GLOB '*[.eE]*' OR abs(CAST({text} AS REAL)) <= {most})"

    def as_bytes(self, text: str) -> str:
        return f"CAST({text} AS BLOB)"

    def sample(self, table: str, what: str, where: Sql, size: int, rows: int) -> Sql:
        step = max(size // rows, 1)
        ids = f"WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + {step} FROM ids WHERE id + {step} <= {size})"
        source = f"ids CROSS JOIN {table} ON {table}.{ROW_ID} = ids.id"
        return Sql(f"{ids} SELECT {what} FROM {source} WHERE {where.text}", where.values)


DIALECT = SqliteDialect()
