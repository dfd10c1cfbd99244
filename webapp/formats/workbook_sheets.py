"""The sheets of a workbook: which there are, which of them is read, and how large they are."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from webapp.formats.errors import ImportFileError
from webapp.formats.source import MAX_NAME, MAX_TABLES

_EXAMINED_ROWS = 100  # of a sheet, to tell whether it is a table
_MAX_LISTED_BYTES = 64 * 1024 * 1024  # of a workbook whose sheets are all opened to tell their sizes
_MAX_LISTED_SHEETS = 100
EMPTY = (
    "This workbook is empty: none of its sheets has a cell with a value. If it shows charts or pictures of a table,"
    " save the table itself and upload that."
)


def sheets_of(workbook: Any) -> dict[str, bool]:
    """The names of the sheets with cells, and whether each is visible."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = {
        sheet.name: sheet.visible == SheetVisibleEnum.Visible
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet
    }
    if len(sheets) > MAX_TABLES or any(len(name) > MAX_NAME for name in sheets):
        raise ImportFileError(
            f"This workbook has more than {MAX_TABLES:,} sheets, or one with a name of more than {MAX_NAME} characters."
            " Save the sheet as CSV and import that."
        )
    return sheets


def visible_sheets(sheets: Mapping[str, bool]) -> list[str]:
    return [name for name, is_visible in sheets.items() if is_visible] or list(sheets)


def find_sheet(workbook: Any, sheets: Mapping[str, bool], requested: str | None) -> tuple[str, Any]:
    """The requested sheet, else the first that is a table, else the first that is not empty."""
    if requested is not None:
        if requested not in sheets:
            raise ImportFileError(f"The workbook has no sheet “{requested}”. It has: {', '.join(sheets)}.")
        sheet = workbook.get_sheet_by_name(requested)
        if not sheet.height:
            raise ImportFileError(f"The sheet “{requested}” is empty.")
        return requested, sheet
    first = None
    for name in visible_sheets(sheets):
        sheet = workbook.get_sheet_by_name(name)
        if _is_table(sheet):
            return name, sheet
        if sheet.height and first is None:
            first = name
    if first is None:
        raise ImportFileError(EMPTY)
    return first, workbook.get_sheet_by_name(first)


def _is_table(sheet: Any) -> bool:
    """Several rows of several cells each: a cover sheet is a few scattered texts."""
    if sheet.height < 2 or sheet.width < 2:
        return False
    rows = [*islice(sheet.iter_rows(), sheet.start[0], sheet.start[0] + _EXAMINED_ROWS)]
    wide = sum(sum(cell not in ("", None) for cell in row) >= 2 for row in rows)
    return wide >= 2 and 2 * wide >= sum(any(cell not in ("", None) for cell in row) for row in rows)


def list_sheets(
    workbook: Any, sheets: Mapping[str, bool], chosen: str, chosen_sheet: Any, unpacked: int
) -> list[dict[str, Any]]:
    """All sheets with their sizes, which are None where telling would take too long, or the sheet cannot be read."""
    from python_calamine import CalamineError

    listing: list[dict[str, Any]] = []
    for name, is_visible in sheets.items():
        entry = {"name": name, "rows": None, "columns": None, "hidden": not is_visible}
        sheet = chosen_sheet if name == chosen else None
        if sheet is None and unpacked <= _MAX_LISTED_BYTES and len(listing) < _MAX_LISTED_SHEETS:
            with suppress(CalamineError):
                sheet = workbook.get_sheet_by_name(name)
        if sheet is not None:
            entry |= {"rows": sheet.height, "columns": sheet.width}
        listing.append(entry)
    return listing
