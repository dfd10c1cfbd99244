"""The preview's form (tables/imports/_preview.html), parsed into the user's corrections of what was detected."""

import re
from collections.abc import Mapping
from typing import Any

from webapp.db.errors import UserError
from webapp.imports.report import READ_OPTIONS, ColumnGuess, ImportOverrides, InspectionReport
from webapp.types import NULL, TYPES

MAX_TITLE = 200  # characters
MAX_SKIPPED = 1000  # records above the header
RESHAPING = ("delimiter", "quote", "sheet")  # changing one of these changes the columns: corrections of them are void
DATE_ORDERS = ("dmy", "mdy")

UNSAFE_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7")

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
    overrides = _parse_read_options(fields, inspection)
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
    """Raises `InvalidOverride` if every column is left out."""
    if all(overrides.columns.get(index, {}).get("skip") for index in range(len(inspection.columns))):
        raise InvalidOverride("A table needs at least one column: keep one of them.", "columns-0-skip")


def _parse_read_options(fields: Fields, inspection: InspectionReport) -> ImportOverrides:
    overrides = ImportOverrides(encoding=fields.get("encoding") or None)
    if "delimiter" in fields:
        overrides.delimiter = _parse_delimiter(fields["delimiter"])
    if "quote" in fields:
        overrides.quote = _parse_quote(fields["quote"])
    if header := fields.get("header"):
        overrides.header = header == "yes"
    if header_row := fields.get("header_row"):
        overrides.header_row = _parse_header_row(header_row)
    if inspection.sheets and (sheet := fields.get("sheet")):
        if sheet not in inspection.sheets:
            raise InvalidOverride(f"The file has no sheet “{sheet}”.", "sheet")
        overrides.sheet = sheet
    if overrides.encoding and not _is_encoding(overrides.encoding):
        raise InvalidOverride(f"“{overrides.encoding}” is no encoding this server knows.", "encoding")
    return overrides


def _parse_delimiter(text: str) -> str | None:
    if len(text) > 1 or text in ('"', "\r", "\n", "\0"):
        raise InvalidOverride("What stands between the cells must be a single character.", "delimiter")
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


def _parse_columns(fields: Fields, inspection: InspectionReport, before: ImportOverrides) -> dict[int, dict[str, Any]]:
    columns = {
        index: _parse_column(fields, f"columns-{index}-", column, before.columns.get(index, {}))
        for index, column in enumerate(inspection.columns)
    }
    return {index: column for index, column in columns.items() if column}


def _parse_column(fields: Fields, prefix: str, guess: ColumnGuess, before: Mapping[str, Any]) -> dict[str, Any]:
    """Only what differs from the guess: the rest is detected again if the file is read again."""
    column = {name: before[name] for name in ("type", "format", "order", NULL, "title") if name in before}
    if (title := fields.get(prefix + "title")) is not None and title.strip() != guess.title:
        column["title"] = title.strip()
    type_, _, order = (fields.get(prefix + "type") or guess.type).partition(":")
    if type_ not in TYPES:
        raise InvalidOverride(f"There is no type “{type_}”.", prefix + "type")
    if type_ != guess.type:
        column = {**({"title": column["title"]} if "title" in column else {}), "type": type_}
    if order := order or fields.get(prefix + "order", ""):
        if order not in DATE_ORDERS:
            raise InvalidOverride("A date has its day first or its month first.", prefix + "type")
        column["order"] = order
    column |= _parse_null(fields, prefix, guess, column)
    # Browsers do not send an unchecked checkbox, so its absence counts only if the column's other fields are there.
    is_left_out = prefix + "skip" in fields or (prefix + "title" not in fields and before.get("skip"))
    return column | ({"skip": True} if is_left_out else {})


def encode_type(type_: str, format: Mapping[str, Any]) -> str:
    """A value of the type field: a type, and for a date the order of its parts, as in `date:dmy`."""
    order = TYPES[type_].format_name(format)
    return f"{type_}:{order}" if order in DATE_ORDERS else type_


def _parse_null(fields: Fields, prefix: str, guess: ColumnGuess, column: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the offered word counts as empty."""
    if guess.null_token is None or prefix + "type" not in fields:
        return {}
    if prefix + "null" in fields:
        return {NULL: guess.null_token}
    is_withdrawn = guess.null_token_accepted and "type" not in column
    return {"type": "text", NULL: None} if is_withdrawn else {NULL: None}


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
