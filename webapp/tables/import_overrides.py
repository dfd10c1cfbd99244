"""The preview's form (tables/imports/_preview.html), parsed into the user's corrections of what was detected."""

import re
from collections.abc import Mapping
from typing import Any

from webapp.db.errors import UserError
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.types import NULL, TYPES

MAX_TITLE = 200
MAX_SKIPPED = 1000  # records above the header
# How the file is read. Changing one of the first three changes the columns, so corrections of the old ones are void.
RESHAPING = ("delimiter", "quote", "sheet")
READING = (*RESHAPING, "encoding", "header", "header_row")
ORDERS = ("dmy", "mdy")

UNSAFE_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7")

_ROW = re.compile(r"[0-9]{1,9}")  # Python refuses to parse numbers of thousands of digits

Fields = Mapping[str, str]


class InvalidOverride(UserError):
    """A field has an invalid value; the message says what is valid, `field` is its name in the form."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def parse_overrides(fields: Fields, found: InspectionReport, before: ImportOverrides) -> ImportOverrides:
    """How to read the file, and what to make the table of. Raises `InvalidOverride`.

    `found` is the inspection that the form shows, `before` the corrections it was made with.
    """
    overrides = _reading(fields, found)
    if not any(_differs(overrides, found, name) for name in RESHAPING):
        overrides.columns = _columns(fields, found, before)
    if _differs(overrides, found, "header") or _differs(overrides, found, "header_row"):
        for column in overrides.columns.values():
            column.pop("title", None)  # it came from another header row
    _check_titles(found, overrides)
    _drop_unchanged(overrides, found, before)
    return overrides


def ensure_a_column(overrides: ImportOverrides, found: InspectionReport) -> None:
    """Raises `InvalidOverride` if every column is left out."""
    if all(overrides.columns.get(index, {}).get("skip") for index in range(len(found.columns))):
        raise InvalidOverride("A table needs at least one column: keep one of them.", "columns-0-skip")


def _drop_unchanged(overrides: ImportOverrides, found: InspectionReport, before: ImportOverrides) -> None:
    """The form sends every field. One that equals what was detected is no correction: detection may find something else
    next time.
    """
    for name in READING:
        if getattr(before, name) is None and not _differs(overrides, found, name):
            setattr(overrides, name, None)


def _reading(fields: Fields, found: InspectionReport) -> ImportOverrides:
    overrides = ImportOverrides(encoding=fields.get("encoding") or None)
    if "delimiter" in fields:
        overrides.delimiter = _delimiter(fields["delimiter"])
    if "quote" in fields:
        overrides.quote = _quote(fields["quote"])
    if header := fields.get("header"):
        overrides.header = header == "yes"
    if header_row := fields.get("header_row"):
        overrides.header_row = _header_row(header_row)
    if found.sheets and (sheet := fields.get("sheet")):
        if sheet not in found.sheets:
            raise InvalidOverride(f"The file has no sheet “{sheet}”.", "sheet")
        overrides.sheet = sheet
    if overrides.encoding and not _is_encoding(overrides.encoding):
        raise InvalidOverride(f"“{overrides.encoding}” is no encoding this server knows.", "encoding")
    return overrides


def _delimiter(text: str) -> str | None:
    if len(text) > 1 or text in ('"', "\r", "\n", "\0"):
        raise InvalidOverride("What stands between the cells must be a single character.", "delimiter")
    return text or None


def _quote(text: str) -> str | None:
    if text in ("", "none"):
        return text or None
    if len(text) > 1 or text in ("\r", "\n", "\0"):
        raise InvalidOverride("Quotes must be a single character.", "quote")
    return text


def _header_row(text: str) -> int:
    if not _ROW.fullmatch(text) or int(text) > MAX_SKIPPED:
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


def _differs(overrides: ImportOverrides, found: InspectionReport, name: str) -> bool:
    wanted = getattr(overrides, name)
    if name == "quote" and wanted == "none":
        wanted = ""
    return wanted is not None and wanted != getattr(found, name)


def _columns(fields: Fields, found: InspectionReport, before: ImportOverrides) -> dict[int, dict[str, Any]]:
    columns = {
        index: _column(fields, f"columns-{index}-", column, before.columns.get(index, {}))
        for index, column in enumerate(found.columns)
    }
    return {index: column for index, column in columns.items() if column}


def _column(fields: Fields, prefix: str, found: ColumnGuess, before: Mapping[str, Any]) -> dict[str, Any]:
    """Only what differs from what was found: the rest is detected again if the file is read again."""
    column = {name: before[name] for name in ("type", "format", "order", NULL, "title") if name in before}
    if (title := fields.get(prefix + "title")) is not None and title.strip() != found.title:
        column["title"] = title.strip()
    kind, order = _decode_type(fields.get(prefix + "type") or found.type, prefix + "type")
    if kind != found.type:
        column = {**({"title": column["title"]} if "title" in column else {}), "type": kind}
    if order := order or fields.get(prefix + "order", ""):
        if order not in ORDERS:
            raise InvalidOverride("A date has its day first or its month first.", prefix + "type")
        column["order"] = order
    return column | _null(fields, prefix, found, column) | _skip(fields, prefix, before)


def encode_type(kind: str, format: Mapping[str, Any]) -> str:
    """A value of the type field: a type, and for a date the order of its parts, as in `date:dmy`."""
    order = TYPES[kind].short(format)
    return f"{kind}:{order}" if order in ORDERS else kind


def _decode_type(value: str, field: str) -> tuple[str, str]:
    """The type, and the order or ""."""
    kind, _, order = value.partition(":")
    if kind not in TYPES:
        raise InvalidOverride(f"There is no type “{kind}”.", field)
    return kind, order


def _null(fields: Fields, prefix: str, found: ColumnGuess, column: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the offered word counts as empty."""
    if found.null_token is None or prefix + "type" not in fields:
        return {}
    if prefix + "null" in fields:
        return {NULL: found.null_token}
    no_longer = found.null_token_accepted and "type" not in column
    return {"type": "text", NULL: None} if no_longer else {NULL: None}


def _skip(fields: Fields, prefix: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Browsers do not send an unchecked checkbox, so its absence counts only if the column's other fields are there."""
    is_left_out = prefix + "skip" in fields or (prefix + "title" not in fields and before.get("skip"))
    return {"skip": True} if is_left_out else {}


def _check_titles(found: InspectionReport, overrides: ImportOverrides) -> None:
    seen: set[str] = set()
    for index, column in enumerate(found.columns):
        one, field = overrides.columns.get(index, {}), f"columns-{index}-title"
        title = one.get("title", column.title)
        if one.get("skip"):
            continue
        is_invalid = not title or len(title) > MAX_TITLE or not title.isprintable()
        if is_invalid and title != column.title:  # detected titles may contain the joiners some scripts need
            raise InvalidOverride(f"Column {index + 1:,} needs a title of 1 to {MAX_TITLE} characters.", field)
        if title in seen:
            raise InvalidOverride(f"Two columns are called “{title}”. Give one of them another title.", field)
        seen.add(title)
