"""Parses the preview's form (tables/imports/_preview.html) into the user's corrections of what was detected."""

import re
from collections.abc import Mapping
from typing import Any

from webapp.db.errors import UserError
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.types import NULL, TYPES

MAX_TITLE = 200
MAX_SKIPPED = 1000  # records above the header
# Changing one of these changes the columns, so decisions about the old columns are void.
RESHAPING = ("delimiter", "quote", "sheet")

READING = ("encoding", "delimiter", "quote", "header", "header_row", "sheet")

STRANGE_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7")

_ROW = re.compile(r"[0-9]{1,9}")  # Python refuses to parse numbers of thousands of digits

Fields = Mapping[str, str]


class Unusable(UserError):
    """A field has an invalid value; the message says what is valid, `field` is its name in the form."""

    def __init__(self, words: str, field: str) -> None:
        super().__init__(words)
        self.field = field


def read_decisions(fields: Fields, found: InspectionReport, before: ImportOverrides) -> ImportOverrides:
    """How to read the file, or what to make the table of. Raises `Unusable`."""
    decided = _reading(fields, found)
    if not any(_differs(decided, found, name) for name in RESHAPING):
        decided.columns = _columns(fields, found, before)
    if _differs(decided, found, "header") or _differs(decided, found, "header_row"):
        for column in decided.columns.values():
            column.pop("title", None)  # it came from another header row
    _check_titles(found, decided)
    _forget_undecided(decided, found, before)
    return decided


def require_a_column(decided: ImportOverrides, found: InspectionReport) -> None:
    """Raises `Unusable` if every column is left out."""
    if all(decided.columns.get(index, {}).get("skip") for index in range(len(found.columns))):
        raise Unusable("A table needs at least one column: keep one of them.", "columns-0-skip")


def _forget_undecided(decided: ImportOverrides, found: InspectionReport, before: ImportOverrides) -> None:
    """The form sends every field. One that equals what was detected is no decision: detection may find something else
    next time.
    """
    for name in READING:
        if getattr(before, name) is None and not _differs(decided, found, name):
            setattr(decided, name, None)


def _reading(fields: Fields, found: InspectionReport) -> ImportOverrides:
    decided = ImportOverrides(encoding=fields.get("encoding") or None)
    if "delimiter" in fields:
        decided.delimiter = _delimiter(fields["delimiter"])
    if "quote" in fields:
        decided.quote = _quote(fields["quote"])
    if header := fields.get("header"):
        decided.header = header == "yes"
    if header_row := fields.get("header_row"):
        decided.header_row = _header_row(header_row)
    if found.sheets and (sheet := fields.get("sheet")):
        if sheet not in found.sheets:
            raise Unusable(f"The file has no sheet “{sheet}”.", "sheet")
        decided.sheet = sheet
    if decided.encoding and not _is_encoding(decided.encoding):
        raise Unusable(f"“{decided.encoding}” is no encoding this server knows.", "encoding")
    return decided


def _delimiter(text: str) -> str | None:
    if len(text) > 1 or text in ('"', "\r", "\n", "\0"):
        raise Unusable("What stands between the cells must be a single character.", "delimiter")
    return text or None


def _quote(text: str) -> str | None:
    if text in ("", "none"):
        return text or None
    if len(text) > 1 or text in ("\r", "\n", "\0"):
        raise Unusable("Quotes must be a single character.", "quote")
    return text


def _header_row(text: str) -> int:
    if not _ROW.fullmatch(text) or int(text) > MAX_SKIPPED:
        raise Unusable(f"The number of rows to skip must be between 0 and {MAX_SKIPPED:,}.", "header_row")
    return int(text)


def _is_encoding(name: str) -> bool:
    """Whether it decodes bytes to text: Python's codecs include others, some of which run code or expand data."""
    if name.lower().replace("-", "_") in STRANGE_ENCODINGS:
        return False
    try:
        b"ab".decode(name)
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


def _differs(decided: ImportOverrides, found: InspectionReport, name: str) -> bool:
    wanted = getattr(decided, name)
    if name == "quote" and wanted == "none":
        wanted = ""
    return wanted is not None and wanted != getattr(found, name)


def _columns(fields: Fields, found: InspectionReport, before: ImportOverrides) -> dict[int, dict[str, Any]]:
    decided = {}
    for index, column in enumerate(found.columns):
        one = _column(fields, f"columns-{index}-", column, before.columns.get(index, {}))
        if one:
            decided[index] = one
    return decided


def _column(fields: Fields, prefix: str, column: ColumnGuess, before: Mapping[str, Any]) -> dict[str, Any]:
    """Only what differs from what was found: the rest is detected again if the file is read again."""
    decided = {name: before[name] for name in ("type", "format", "order", NULL, "title") if name in before}
    if (title := fields.get(prefix + "title")) is not None and title.strip() != column.title:
        decided["title"] = title.strip()
    kind, _, order = (fields.get(prefix + "type") or column.type).partition(":")  # as in `date:dmy`
    if kind not in TYPES:
        raise Unusable(f"There is no type “{kind}”.", prefix + "type")
    if kind != column.type:
        decided = {**_only_title(decided), "type": kind}
    if order := order or fields.get(prefix + "order", ""):
        if order not in ("dmy", "mdy"):
            raise Unusable("A date has its day first or its month first.", prefix + "type")
        decided["order"] = order
    return decided | _null(fields, prefix, column, decided) | _skip(fields, prefix, before)


def _null(fields: Fields, prefix: str, column: ColumnGuess, decided: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the offered word counts as empty."""
    if column.null_token is None or prefix + "type" not in fields:
        return {}
    if prefix + "null" in fields:
        return {NULL: column.null_token}
    no_longer = column.null_token_accepted and "type" not in decided
    return {"type": "text", NULL: None} if no_longer else {NULL: None}


def _skip(fields: Fields, prefix: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Browsers do not send an unchecked checkbox, so its absence counts only if the column's other fields are there."""
    is_left_out = prefix + "skip" in fields or (prefix + "title" not in fields and before.get("skip"))
    return {"skip": True} if is_left_out else {}


def _only_title(decided: Mapping[str, Any]) -> dict[str, Any]:
    return {"title": decided["title"]} if "title" in decided else {}


def _check_titles(found: InspectionReport, decided: ImportOverrides) -> None:
    seen: set[str] = set()
    for index, column in enumerate(found.columns):
        one, field = decided.columns.get(index, {}), f"columns-{index}-title"
        title = one.get("title", column.title)
        if one.get("skip"):
            continue
        unfit = not title or len(title) > MAX_TITLE or not title.isprintable()
        if unfit and title != column.title:  # detected titles may contain the joiners some scripts need
            raise Unusable(f"Column {index + 1:,} needs a title of 1 to {MAX_TITLE} characters.", field)
        if title in seen:
            raise Unusable(f"Two columns are called “{title}”. Give one of them another title.", field)
        seen.add(title)
