"""What becomes of a text that somebody types into a cell."""

from dataclasses import dataclass

from webapp.db.errors import UserError
from webapp.rowstore.nul_escape import is_storable
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field

MAX_TEXT = 1_000_000  # characters of a cell that somebody edits; files may have longer ones


class Misfit(UserError):
    """The text has no value in the column's type. It can be kept as a text, or the column turned into one of texts."""


class TextTooLong(UserError):
    def __init__(self, length: int) -> None:
        super().__init__(f"A cell can have {MAX_TEXT:,} characters. This text has {length:,}, so it was not saved.")


@dataclass(frozen=True, slots=True)
class CellInput:
    text: str  # what the cell will hold
    needs_texts: bool  # whether the column first has to keep texts


def read_input(rows: RowReader, field: Field, text: str, *, keeps_text: bool = False) -> CellInput:
    """A text that the column prints, or has a value for, stays as typed or becomes the same value as the column writes
    it: `1000` becomes `1,000` where all others have a comma. With `keeps_text` any text is kept as it is.

    Raises `Misfit`, and `TextTooLong`.
    """
    ensure_storable(text)
    if text == "":
        return CellInput(field.empty_text, needs_texts=False)
    if keeps_text or _prints_back(rows, field, text):
        return CellInput(text, needs_texts=not rows.fits(field, text))
    try:
        value = field.kind.parse_input(text, field.format)
    except ValueError as error:
        raise Misfit(str(error)) from error
    printed = field.print_value(value)
    if field.kind.read(printed, field.format) == value:
        return CellInput(printed, needs_texts=not rows.fits(field, printed))
    return CellInput(text, needs_texts=not rows.fits(field, text))


def ensure_storable(text: str) -> None:
    """Raises `TextTooLong`, and `UserError` for half of a surrogate pair, which is no text and no file can hold."""
    if len(text) > MAX_TEXT:
        raise TextTooLong(len(text))
    if not is_storable(text):
        raise UserError("This text has half of a character, which cannot be saved. Copy it again.")


def _prints_back(rows: RowReader, field: Field, text: str) -> bool:
    if field.type == "text":
        return True
    value = field.kind.read(text, field.format)
    return value is not None and field.print_value(value) == text and rows.fits(field, text)
