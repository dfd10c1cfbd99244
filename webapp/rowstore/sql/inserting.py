"""How the texts of cells become the values of a statement that stores them.

A column that keeps texts takes two: the value, and the text. The database itself compares the text with what it would
print, in the statement that stores both, so that the two cannot disagree.
"""

from collections.abc import Callable, Iterable, Sequence
from math import copysign
from typing import Any

from webapp.rowstore.errors import CellValueError
from webapp.rowstore.nul_escape import decode, encode
from webapp.rowstore.sql.schema import companion_name
from webapp.rowstore.table_ref import Field
from webapp.types import Value
from webapp.types.base import null_of
from webapp.types.number_format import MAX_DIGITS, MAX_INTEGER, MIN_INTEGER


def parse_value(field: Field, text: str) -> Value:
    """The value of a text in a column that keeps none. Raises ValueError if it would not be printed back: beyond
    `MAX_DIGITS` SQLite rounds otherwise than Python does, and it stores no minus zero.
    """
    value = field.kind.parse(text, field.format)
    if value == 0 and isinstance(value, float) and copysign(1, value) < 0:
        raise ValueError(f"“{text}” is zero with a sign")
    if isinstance(value, float) and len("".join(filter(str.isdecimal, text)).lstrip("0")) > MAX_DIGITS:
        raise ValueError(f"“{text}” has more than {MAX_DIGITS} digits")
    return value


def parser(field: Field) -> Callable[[str], Value]:
    """`parse_value` of one field, for many texts as they are stored. Raises `CellValueError`."""

    def parse(text: str) -> Value:
        try:
            return parse_value(field, decode(text))
        except ValueError as error:
            raise CellValueError(field.title, str(error)) from error

    shortcut = field.kind.shortcut(field.format)
    if shortcut is None:
        return parse
    pattern, convert, null = shortcut[0].fullmatch, shortcut[1], null_of(field.format)
    return lambda text: convert(text) if pattern(text) and text != null else parse(text)


def stored_values(field: Field, text: str) -> tuple[Any, ...]:
    """What to store: the value, and where texts are kept the text. Raises `CellValueError`, but not there."""
    if companion_name(field):
        return read_value(field, encode(text)), encode(text)
    try:
        value = parse_value(field, text)
    except ValueError as error:
        raise CellValueError(field.title, str(error)) from error
    return (encode(value) if isinstance(value, str) else value,)


def fits(field: Field, text: str) -> bool:
    """Whether the column can hold this text."""
    try:
        stored_values(field, text)
    except CellValueError:
        return False
    return True


def read_value(field: Field, text: str) -> Value:
    """What a text, as stored, means in a column that keeps texts; None if it is empty or means nothing there."""
    return reader(field)(text)


def reader(field: Field) -> Callable[[str], Value]:
    """`read_value` of one field, for many texts."""
    read, format, ensure_storable = field.kind.read, field.format, _STORABLE[field.kind.stored]
    return lambda text: ensure_storable(read(decode(text), format))


def _storable_integer(value: Value) -> int | None:
    return value if isinstance(value, int) and MIN_INTEGER <= value <= MAX_INTEGER else None


def _storable_number(value: Value) -> float | None:
    is_number = isinstance(value, float | int) and -_INFINITE < value < _INFINITE
    return float(value) if is_number and value is not None else None


def _storable_text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


_INFINITE = float("inf")
_STORABLE: dict[type, Callable[[Value], Value]] = {
    int: _storable_integer,
    float: _storable_number,
    str: _storable_text,
}


class ColumnReader:
    """Reads the cells of a column batch by batch; a text that recurs is read once, also in a later batch."""

    def __init__(self, read: Callable[[str], Value]) -> None:
        self._read = read
        self._known: dict[str, Value] = {}
        self._size = 0

    def __call__(self, cells: Sequence[str]) -> Iterable[Value]:
        read, new = self._read, set(cells).difference(self._known)
        self._known.update((cell, read(cell)) for cell in new)
        values = list(map(self._known.__getitem__, cells))
        self._size += sum(map(len, new))
        if self._size > _MAX_KNOWN:
            self._known, self._size = {}, 0
        return values


_MAX_KNOWN = 200_000  # characters of the texts that are remembered
