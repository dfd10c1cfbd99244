"""The fields of a preview, parsed into the user's corrections of what was detected: its form has them
(tables/imports/_preview.html), and programs send some of them.
"""

import re
from collections.abc import Mapping
from typing import Any

from webapp.db.errors import UserError
from webapp.imports.questions import KEEP_TEXT, ORDER, answer_word, find_questions
from webapp.imports.report import DATE_ORDERS, READ_OPTIONS, ColumnGuess, ImportOverrides, InspectionReport
from webapp.types import NULL, TYPES

MAX_TITLE = 200  # characters
MAX_DELIMITER = 5  # characters, as are the names of layouts
MAX_SKIPPED = 100_000  # records above the header
RESHAPING = ("delimiter", "quote", "sheet")  # changing one of these changes the columns: corrections of them are void

UNSAFE_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7")

_TYPING = ("type", "format", "order", NULL)  # what may be known of a column's type

_ROW_NUMBER = re.compile(r"[0-9]{1,9}")  # Python refuses to parse numbers of thousands of digits

Fields = Mapping[str, str]


class InvalidOverride(UserError):
    """A field has an invalid value; the message says what is valid, `field` is its name in the form."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def parse_overrides(fields: Fields, inspection: InspectionReport, before: ImportOverrides) -> ImportOverrides:
    """How to read the file, and what to make the table of. Raises `InvalidOverride`.

    `inspection` is what the form shows, `before` the corrections it was made with.
    """
    overrides = parse_read_options(fields, inspection)
    overrides.order = _parse_order(fields, before)
    if not any(inspection.differs(overrides, option) for option in RESHAPING):
        overrides.columns = _parse_columns(fields, inspection, before)
    if inspection.differs(overrides, "header") or inspection.differs(overrides, "header_row"):
        for column in overrides.columns.values():
            column.pop("title", None)  # it came from another header row
    _check_titles(inspection, overrides)
    for option in READ_OPTIONS:
        # The form sends every field. One that equals what was detected is no correction: detection may find something
        # else next time.
        if getattr(before, option) is None and not inspection.differs(overrides, option):
            setattr(overrides, option, None)
    return overrides


def ensure_a_column(overrides: ImportOverrides, inspection: InspectionReport) -> None:
    """Raises `InvalidOverride` if every column is skipped."""
    if all(overrides.columns.get(index, {}).get("skip") for index in range(len(inspection.columns))):
        raise InvalidOverride("A table needs at least one column. Clear Skip for one of them.", "columns-0-skip")


def fields_of(inspection: InspectionReport) -> dict[str, str]:
    """How the file was read, as the fields of the preview have it."""
    return {
        "sheet": inspection.sheet or "",
        "encoding": inspection.encoding,
        "delimiter": inspection.delimiter_choice,
        "quote": inspection.quote or "none",
        "header": "yes" if inspection.header else "no",
        "header_row": str(inspection.header_row or 0),
    }


def parse_upload_options(fields: Fields) -> ImportOverrides:
    """How to read a file that nobody has looked at yet. Raises `InvalidOverride`."""
    overrides = parse_read_options(fields)
    overrides.order = _parse_order(fields, overrides)
    return overrides


def parse_read_options(fields: Fields, inspection: InspectionReport | None = None) -> ImportOverrides:
    """Raises `InvalidOverride`. Before there is an `inspection`, any sheet may be one of the file."""
    overrides = ImportOverrides(encoding=fields.get("encoding") or None)
    if "delimiter" in fields:
        is_as_detected = inspection is not None and fields["delimiter"] == inspection.delimiter
        overrides.delimiter = fields["delimiter"] if is_as_detected else _parse_delimiter(fields["delimiter"])
    if "quote" in fields:
        overrides.quote = _parse_quote(fields["quote"])
    if header := fields.get("header"):
        overrides.header = header == "yes"
    if header_row := fields.get("header_row"):
        overrides.header_row = _parse_header_row(header_row)
    if (sheet := fields.get("sheet")) and (inspection is None or inspection.sheets):
        if inspection is not None and sheet not in inspection.sheets:
            raise InvalidOverride(f"The file has no sheet “{sheet}”.", "sheet")
        overrides.sheet = sheet
    if overrides.encoding and not _is_encoding(overrides.encoding):
        raise InvalidOverride(f"“{overrides.encoding}” is not an encoding this server knows.", "encoding")
    if inspection is not None:
        for option, value in corrections_that_undo(inspection, fields.get("undo", "")).items():
            setattr(overrides, option, value)
    return overrides


def _parse_delimiter(text: str) -> str | None:
    is_repeated = len(text) > 1 and set(text) <= set(",;\t ")  # an empty cell, rather
    if is_repeated or len(text) > MAX_DELIMITER or set(text) & set('"\r\n\0'):
        raise InvalidOverride(
            f"The delimiter must be a single character, or up to {MAX_DELIMITER}, such as ||.",
            "delimiter",
        )
    return text or None


def _parse_quote(text: str) -> str | None:
    if text in ("", "none"):
        return text or None
    if len(text) > 1 or text in ("\r", "\n", "\0"):
        raise InvalidOverride("Quotes must be a single character.", "quote")
    return text


def _parse_header_row(text: str) -> int:
    if not _ROW_NUMBER.fullmatch(text) or int(text) > MAX_SKIPPED:
        raise InvalidOverride(f"The number of rows to skip must be between 0 and {MAX_SKIPPED:,}.", "header_row")
    return int(text)


def _is_encoding(name: str) -> bool:
    """Whether it decodes bytes to text: Python's codecs include others, some of which run code or expand data."""
    if name.lower().replace("-", "_") in UNSAFE_ENCODINGS:
        return False
    try:
        b"ab".decode(name)
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


def _parse_order(fields: Fields, before: ImportOverrides) -> str | None:
    """The order of day and month of all columns that may have several."""
    order = fields.get(ORDER, before.order) or None
    if order not in (None, KEEP_TEXT, *DATE_ORDERS):
        raise InvalidOverride("A date has its day, its month or its year first.", ORDER)
    return order


def _parse_columns(fields: Fields, inspection: InspectionReport, before: ImportOverrides) -> dict[int, dict[str, Any]]:
    answers = _parse_answers(fields, inspection, before)
    columns = {
        index: _parse_column(fields, f"columns-{index}-", column, before.columns.get(index, {}), answers.get(index))
        for index, column in enumerate(inspection.columns)
    }
    return {index: column for index, column in columns.items() if column}


def _parse_answers(fields: Fields, inspection: InspectionReport, before: ImportOverrides) -> dict[int, dict[str, Any]]:
    """What is decided for several columns at once, as corrections of each of them."""
    answers: dict[int, dict[str, Any]] = {}
    for question in find_questions(inspection, before):
        answer = fields.get(question.field, question.selected)
        if question.field != ORDER and answer in question.options and answer != question.selected:
            answers |= {index: answer_word(question, answer, inspection.columns[index]) for index in question.columns}
    return answers


def _parse_column(
    fields: Fields,
    prefix: str,
    guess: ColumnGuess,
    before: Mapping[str, Any],
    answer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Only what differs from the guess: the rest is detected again if the file is read again.

    The column's own field counts for more than the `answer` for several columns.
    """
    decided = answer if answer is not None else {name: before[name] for name in _TYPING if name in before}
    column = {name: before[name] for name in ("title",) if name in before} | dict(decided)
    if (title := fields.get(prefix + "title")) is not None and title.strip() != guess.title:
        column["title"] = title.strip()
    if (value := fields.get(prefix + "type")) and value != present_type(guess):
        column = {name: column[name] for name in ("title",) if name in column} | _parse_type(value, guess, prefix)
    # Browsers do not send an unchecked checkbox, so its absence counts only if the column's other fields are there.
    is_skipped = prefix + "skip" in fields or (prefix + "title" not in fields and before.get("skip"))
    return column | ({"skip": True} if is_skipped else {})


def _parse_type(value: str, guess: ColumnGuess, prefix: str) -> dict[str, Any]:
    type_, _, name = value.partition(":")
    if type_ not in TYPES:
        raise InvalidOverride(f"There is no type “{type_}”.", prefix + "type")
    offered = {TYPES[choice.type].format_name(choice.format) for choice in guess.choices if choice.type == type_}
    if name and name not in offered | DATE_ORDERS:
        raise InvalidOverride("A date has its day, its month or its year first.", prefix + "type")
    return {"type": type_} | ({"order": name} if name else {})


def corrections_that_undo(inspection: InspectionReport, button: str) -> dict[str, Any]:
    """The options of reading that take back the note whose button was pressed; none if it is no such button."""
    for index, note in enumerate(inspection.notes):
        if str(index) == button:
            return {option: value for option, value in note.undo.items() if option in READ_OPTIONS}
    return {}


def encode_type(guess: ColumnGuess, type_: str, format: Mapping[str, Any]) -> str:
    """A value of the type field: a type, with the name of the format if several are offered, as in `date:dmy`."""
    is_one_of_several = [choice.type for choice in guess.choices].count(type_) > 1
    name = TYPES[type_].format_name(format) if is_one_of_several else ""
    return f"{type_}:{name}" if name else type_


def present_type(guess: ColumnGuess) -> str:
    """The value of the type field that changes nothing."""
    return encode_type(guess, guess.type, guess.format)


def _check_titles(inspection: InspectionReport, overrides: ImportOverrides) -> None:
    seen: set[str] = set()
    for index, column in enumerate(inspection.columns):
        override, field = overrides.columns.get(index, {}), f"columns-{index}-title"
        title = override.get("title", column.title)
        if override.get("skip"):
            continue
        is_invalid = not title or len(title) > MAX_TITLE or not title.isprintable()
        if is_invalid and title != column.title:  # detected titles may contain the joiners some scripts need
            raise InvalidOverride(f"Column {index + 1:,} needs a title of 1 to {MAX_TITLE} characters.", field)
        if title in seen:
            raise InvalidOverride(f"Two columns are called “{title}”. Give one of them another title.", field)
        seen.add(title)
