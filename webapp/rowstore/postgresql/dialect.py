"""What PostgreSQL writes in its own way."""

from collections.abc import Sequence

from webapp.db import postgresql_json
from webapp.rowstore.postgresql import matching, printing
from webapp.rowstore.postgresql.schema import LIMITS, ROW_ID, STORED_AS, column_sql, create_sql
from webapp.rowstore.sql.dialect import Dialect, Format
from webapp.rowstore.sql.schema import column_name
from webapp.rowstore.sql.statement import Sql, quoted
from webapp.rowstore.table_ref import Field, TableRef

# Characters of a text that an index sorts by: an entry has room for 2,704 bytes.
SORTED_CHARACTERS = 500
_NUMBER = "^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?$"  # of JSON


class PostgresqlDialect(Dialect):
    row_id = ROW_ID
    limits = LIMITS
    stored_as = STORED_AS

    # -- tables ----------------------------------------------------------------------------------------------------

    def create_sql(self, table: TableRef, name: str = "") -> str:
        return create_sql(table, name)

    def column_sql(self, name: str, stored: type) -> str:
        return column_sql(name, self.stored_as[stored])

    # -- cells -----------------------------------------------------------------------------------------------------

    def print_value(self, field: Field, name: str, format: Format) -> str:
        return printing.print_value(field, name, format)

    def bind(self, field: Field) -> str | None:
        """PostgreSQL gives no value where it converts: rows are copied into a table."""
        return None

    def typed(self, mark: str, stored: type) -> str:
        return f"CAST({mark} AS {self.stored_as[stored]})"

    # -- order and comparisons -------------------------------------------------------------------------------------

    def sort_keys(self, field: Field) -> tuple[str, ...]:
        """Under the collation "C", `lower` changes A to Z only. An index is used only if it begins with the first."""
        name = column_name(field)
        if field.type != "text":
            return (name,)
        return f"left(lower({name}), {SORTED_CHARACTERS})", f"lower({name})"

    def ignoring_case(self, text: str) -> str:
        return f'lower({text} COLLATE "C")'

    def key_of(self, field: Field, value: str) -> tuple[str, ...]:
        if field.type != "text":
            return (value,)
        exact = self.ignoring_case(f"CAST({value} AS text)")
        return f"left({exact}, {SORTED_CHARACTERS})", exact

    def unindexed_key(self, field: Field) -> str:
        """Of a text no index has the exact key."""
        name = column_name(field)
        if field.type == "text":
            return self.sort_keys(field)[-1]
        return f"({name} || '')" if field.kind.stored is str else f"({name} + 0)"

    def smallest_key(self, field: Field) -> str:
        smallest = {int: "'-9223372036854775808'::bigint", float: "'-Infinity'::double precision"}
        return smallest.get(field.kind.stored, "''")

    def differs(self, left: str, right: str) -> str:
        return f"{left} IS DISTINCT FROM {right}"

    def text_contains(self, cell: str, text: str) -> Sql:
        return matching.text_contains(cell, text)

    def text_starts_with(self, cell: str, text: str) -> Sql:
        return matching.text_starts_with(cell, text)

    def is_one_of(self, name: str, values: Sequence[int]) -> Sql:
        return Sql(f"{name} = ANY(CAST(? AS bigint[]))", (list(values),))

    def is_text_of(self, texts: Sequence[str], keys: Sequence[Sequence[str]]) -> Sql:
        columns = [list(column) for column in zip(*keys, strict=True)]
        if len(texts) == 1:
            return Sql(f"{texts[0]} = ANY(CAST(? AS text[]))", tuple(columns))
        arrays = ", ".join(["CAST(? AS text[])"] * len(texts))
        return Sql(f"({', '.join(texts)}) IN (SELECT * FROM unnest({arrays}))", tuple(columns))

    # -- expressions -----------------------------------------------------------------------------------------------

    def total(self, name: str) -> str:
        return f"coalesce(sum({self.as_float(name)}), 0)"

    def average(self, name: str) -> str:
        return f"avg({self.as_float(name)})"

    def last_characters(self, text: str, count: int) -> str:
        return f"right({text}, {count})"

    def size_in_bytes(self, text: str) -> str:
        return f"octet_length({text})"

    def has_one_of(self, text: str, characters: Sequence[str]) -> str:
        return " OR ".join(f"strpos({text}, {quoted(character)}) > 0" for character in characters)

    def finds(self, text: str, classes: str) -> str:
        return f"{text} ~ {quoted(classes)}"

    def as_float(self, value: str) -> str:
        return f"CAST({value} AS double precision)"

    def all_digits(self, number: str) -> str:
        short = self.digits(number, 15)
        return f"CASE WHEN {self.as_float(short)} = {number} THEN {short} ELSE {self._shortest(number)} END"

    def _shortest(self, number: str) -> str:
        """With an exponent where Python writes one: PostgreSQL begins at 1e15."""
        text = f"CAST({number} AS text)"
        plain = f"CAST(CAST({text} AS numeric) AS text)"
        return f"CASE WHEN abs({number}) >= 1e-4 AND abs({number}) < 1e16 THEN {plain} ELSE {text} END"

    def digits(self, number: str, count: int) -> str:
        """Converting a float to `numeric` keeps 15 digits."""
        exact = f"CAST({number} AS numeric)"
        mantissa = "9" * (count - 1)
        short = f"regexp_replace(ltrim(to_char({exact}, '9.{mantissa}EEEE')), '[.]?0*e', 'e')"
        is_plain = f"{number} = 0 OR abs({number}) >= 1e-4 AND abs({number}) < 1e{count}"
        return f"CASE WHEN {is_plain} THEN CAST(trim_scale({exact}) AS text) ELSE {short} END"

    def days_since(self, date: str, first: str) -> str:
        return f"({printing.DAY.format(date)} - DATE '{first}')"

    # -- JSON and lines --------------------------------------------------------------------------------------------

    def json_text(self, text: str) -> str:
        return f"CAST(to_json(CAST({text} AS text)) AS text)"

    def is_json(self, text: str) -> str:
        return f"({text}) IS JSON"

    def is_json_number(self, text: str, most: int) -> str:
        """CASE: nothing else says in which order terms are evaluated."""
        is_small = f"abs(CAST({text} AS numeric)) <= {most}"
        return f"CASE WHEN {text} !~ '{_NUMBER}' THEN FALSE WHEN {text} ~ '[.eE]' THEN TRUE ELSE {is_small} END"

    def as_bytes(self, text: str) -> str:
        return f"convert_to({text}, 'UTF8')"

    def sample(self, table: str, what: str, where: Sql, size: int, rows: int) -> Sql:
        """The same rows as in SQLite."""
        step = max(size // rows, 1)
        source = f"generate_series(1, {size}, {step}) AS sampled(number) JOIN {table} ON {table}.{ROW_ID} = number"
        return Sql(f"SELECT {what} FROM {source} WHERE {where.text}", where.values)


class _DialectBefore16(PostgresqlDialect):
    def is_json(self, text: str) -> str:
        return f"{postgresql_json.NAME}({text})"


DIALECT = PostgresqlDialect()
_BEFORE_16 = _DialectBefore16()


def dialect_of(version: int) -> PostgresqlDialect:
    """What a server of this version understands, given as PostgreSQL's `server_version_num`."""
    return _BEFORE_16 if postgresql_json.is_needed(version) else DIALECT
