"""Prints a row as the XML of a sheet in an Excel workbook, in SQL, as `row_serializers` prints lines.

Numbers, days, times and booleans are written as such, and everything else as text, never as a formula:

* A number has at most 15 digits, as many as Excel keeps; a longer one, such as an identifier, is a text.
* Days are numbers of days since 1900, from 1 March 1900 on: Excel takes 1900 for a leap year. Earlier ones are texts,
  as are durations below zero and fractions of seconds that Excel would round.
* A cell without a value (NA in a column of numbers) is the text that it has in the file.
* A value that is written otherwise than its column's format (1e3 among plain numbers) is shown in Excel's own format,
  with all its digits: it is added up like the others, which a text would not be.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from webapp.formats.workbook_writer import (
    EMPTY_CELL,
    MAX_CHARACTERS,
    ROW,
    ROW_END,
    TEXT,
    TEXT_END,
    Styles,
    escape_text,
    is_too_long,
    text_cell,
)
from webapp.rowstore.errors import UnfitForExcel
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.number_formats import EXACT, duration_code, moment_code, number_code
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import Dialect, layout_of
from webapp.rowstore.sql.schema import column_name, companion_name, text_column_name
from webapp.rowstore.sql.statement import Sql, any_of, concatenate, literal
from webapp.rowstore.table_ref import Field, TableRef
from webapp.types.base import null_of
from webapp.types.number_format import MAX_DIGITS

_MAX_INTEGER = 10**MAX_DIGITS - 1
_FIRST_DAY = "1900-03-01"
_SERIAL_OF_FIRST = 61  # Excel's number of it
_LAST_DAY = 2_958_465  # the end of 9999
_SECONDS_OF_A_DAY = 86_400
# What makes a text one that `escape_text` has to look at.
_SPECIAL = "[&<>\x01-\x08\x0b-\x1f\ufffe\uffff]", "_x[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]"
_MOMENT_WIDTH = 2  # characters more than a layout has


class WorkbookRows:
    """The rows of a query on a connection, which gets a function for the texts that need more than SQL."""

    def __init__(self, connection: Connection, query: TableQuery) -> None:
        self._dialect, self.query = connection.dialect, query
        self.styles = Styles()
        self.too_long = set[int]()  # numbers of columns
        self._special = connection.text_function("workbook_text", self._escape)

    def _escape(self, stored: str, number: int) -> str:
        """Notes a text that is too long: SQLite would put an error of its own in the place of one raised here."""
        if len(stored) > MAX_CHARACTERS // 2 and is_too_long(decode(stored)):
            self.too_long.add(number)
            return ""
        return escape_text(stored)

    def check(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks. Raises `UnfitForExcel` instead of the first that lacks a text."""
        for block in blocks:
            if self.too_long:
                raise UnfitForExcel(self.query.field(min(self.too_long)).title)
            yield block

    def finish(self, block: bytes) -> bytes:
        """Lines as they are stored, with the texts that need more than SQL."""
        return self._special.finish(block)

    @property
    def titles(self) -> Sequence[str]:
        return [column.title for column in self.query.visible]

    @property
    def widths(self) -> Sequence[int]:
        """Days do not show if their column is too narrow for them."""
        kinds = ("date", "datetime", "time")
        return [
            max(len(layout_of(column)), 10) + _MOMENT_WIDTH if column.type in kinds else 0
            for column in self.query.visible
        ]

    @property
    def line(self) -> Sql:
        cells = [self._cell(column) for column in self.query.visible]
        return Sql(concatenate([literal(ROW), *cells, literal(ROW_END)]))

    def _cell(self, column: Field) -> str:
        name, companion, null = column_name(column), companion_name(column), null_of(column.format)
        empty = literal(text_cell(null))
        if column.type == "text":
            return f"CASE WHEN {name} IS NULL THEN {empty} ELSE {self._text(name, column)} END"
        cell = f"CASE WHEN {name} IS NULL THEN {empty} ELSE {self._value(column, is_exact=True)} END"
        if companion is None:
            return cell
        return (
            f"CASE WHEN {companion} IS NULL THEN {cell} WHEN {companion} = '' THEN {literal(EMPTY_CELL)}"
            f" WHEN {name} IS NULL THEN {self._text(companion, column)} ELSE {self._value(column, is_exact=False)} END"
        )

    def _text(self, name: str, column: Field) -> str:
        special = " OR ".join(self._dialect.finds(name, classes) for classes in _SPECIAL)
        escaped = self._special.call(name, column.number)
        text = f"CASE WHEN {special} OR length({name}) > {MAX_CHARACTERS // 2} THEN {escaped} ELSE {name} END"
        return f"{literal(TEXT)} || {text} || {literal(TEXT_END)}"

    def _value(self, column: Field, *, is_exact: bool) -> str:
        """`is_exact`: whether the cell is written in the column's format."""
        name = column_name(column)
        # What a format prints has no special characters.
        printed = f"{literal(TEXT)} || {self._dialect.print_exact(column)} || {literal(TEXT_END)}"
        text = printed if is_exact else self._text(str(companion_name(column)), column)
        match column.type:
            case "boolean":
                return _number(name, attributes=' t="b"')
            case "integer":
                code = number_code(column) if is_exact else ""
                is_kept = f"{name} BETWEEN -{_MAX_INTEGER} AND {_MAX_INTEGER}"
                return f"CASE WHEN {is_kept} THEN {self._styled(name, code)} ELSE {text} END"
            case "decimal" if not column.keeps_texts:  # no value has more digits
                plain = {key: column.format[key] for key in ("style", "scale")}
                return self._styled(self._dialect.print_value(column, name, plain), number_code(column))
            case "decimal":
                digits = self._dialect.digits(name, MAX_DIGITS)
                number = self._styled(digits, number_code(column) if is_exact else "")
                return f"CASE WHEN {self._dialect.as_float(digits)} = {name} THEN {number} ELSE {text} END"
            case _:
                return self._moment(column, text, is_exact=is_exact)

    def _moment(self, column: Field, text: str, *, is_exact: bool) -> str:
        """A day, a time or a duration, which without a format would be shown as a number."""
        code = duration_code(layout_of(column)) if column.type == "duration" else moment_code(layout_of(column))
        if code is None or not self.styles.use(code := code if is_exact else EXACT[column.type]):
            return text
        fits, serial = _serial(self._dialect, column)
        return f"CASE WHEN {fits} THEN {self._styled(serial, code)} ELSE {text} END"

    def _styled(self, number: str, code: str) -> str:
        index = self.styles.use(code)
        return _number(number, f' s="{index}"' if index else "")


def _number(number: str, attributes: str = "") -> str:
    return f"{literal(f'<c{attributes}><v>')} || {number} || '</v></c>'"


def _serial(dialect: Dialect, column: Field) -> tuple[str, str]:
    """SQL that is true of values that Excel knows, and SQL for its number: days, with fractions."""
    name = column_name(column)
    if column.type == "duration":
        return (
            f"{name} BETWEEN 0 AND {_LAST_DAY * _SECONDS_OF_A_DAY}",
            dialect.digits(f"({name} / {_SECONDS_OF_A_DAY}.0)", MAX_DIGITS),
        )
    is_known, day = f"{name} >= '{_FIRST_DAY}'", f"({dialect.days_since(name, _FIRST_DAY)} + {_SERIAL_OF_FIRST})"
    if column.type == "date":
        return is_known, day
    start = 12 if column.type == "datetime" else 1
    # Not from julian days: they are too large for the fraction to be exact.
    places = f"{start}, 2", f"{start + 3}, 2", start + 6  # seconds may be missing
    parts = [dialect.as_float(f"coalesce(nullif(substr({name}, {place}), ''), '0')") for place in places]
    fraction = f"({parts[0]} * 3600 + {parts[1]} * 60 + {parts[2]}) / {_SECONDS_OF_A_DAY}.0"
    if column.type == "time":
        return "TRUE", dialect.digits(f"({fraction})", MAX_DIGITS)
    return is_known, dialect.digits(f"({day} + {fraction})", MAX_DIGITS)


def ensure_fits(connection: Connection, table: TableRef, query: TableQuery) -> None:
    """Raises `UnfitForExcel` with the place of a cell that is too long, if there is one."""
    named = [(column, name) for column in query.visible if (name := text_column_name(column)) is not None]
    if not named:
        return
    is_long = [f"length({name}) > {MAX_CHARACTERS // 2}" for _, name in named]
    plan = connection.make_plan(table, query, whole=True)
    texts = (f"CASE WHEN {term} THEN {name} END" for term, (_, name) in zip(is_long, named, strict=True))
    found = plan.select(", ".join([plan.row_id, *texts]), any_of(list(map(Sql, is_long))))
    with closing(connection.iterate(found, 1)) as batches:
        for ((row_id, *long_texts),) in batches:
            for (column, _), text in zip(named, long_texts, strict=True):
                if text is not None and is_too_long(decode(text)):
                    raise UnfitForExcel(column.title, row_id)
