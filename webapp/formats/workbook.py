"""The child process that opens a workbook: `python -m webapp.formats.workbook FILE [SHEET]`.

Strangers' workbooks are read by native code that holds a whole sheet in memory, so it gets a separate process with
limits; Python then processes the cells row by row. One sheet goes to standard output as CSV, and the result to standard
error as one line of JSON.
"""

import csv
import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from webapp.db.errors import known_error
from webapp.formats import archive
from webapp.formats.errors import ImportFileError

MAX_MEMORY = 3 * 1024 * 1024 * 1024  # bytes of address space
MAX_CPU_SECONDS = 600
_MAX_EXACT = 10**15  # above it a double cannot represent every whole number


def main(path: str, sheet: str | None = None) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    try:
        archive.ensure_safe(Path(path))
        result = _convert(path, sheet)
    except ImportFileError as problem:
        result = {"problem": str(problem)}
    except MemoryError:
        result = {}
    except OSError as error:
        known = known_error(error)
        if known is None:
            raise
        result = {"problem": str(known)}
    sys.stderr.write(json.dumps(result) + "\n")
    return 0 if "sheet" in result else 1


def _convert(path: str, sheet_name: str | None) -> dict[str, Any]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = _visible_sheets(workbook)
        name, sheet = _find_sheet(workbook, sheets, sheet_name)
    except PasswordError:
        raise ImportFileError("This Excel file needs a password. Save it without one and upload it again.") from None
    except (CalamineError, OSError) as error:
        raise ImportFileError(f"This Excel file is damaged and cannot be read ({error}).") from error
    _write_csv(lambda: islice(sheet.iter_rows(), sheet.start[0], None))  # empty rows above are not part of the table
    return {"sheets": sheets, "sheet": name}


def _visible_sheets(workbook: Any) -> list[str]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    return visible or [sheet.name for sheet in sheets]


def _find_sheet(workbook: Any, sheets: Sequence[str], requested: str | None) -> tuple[str, Any]:
    """The requested sheet, else the first that is not empty."""
    if requested is not None and requested not in workbook.sheet_names:
        raise ImportFileError(f"The workbook has no sheet “{requested}”. It has: {', '.join(sheets)}.")
    for name in [requested] if requested is not None else sheets:
        sheet = workbook.get_sheet_by_name(name)
        if sheet.height:
            return name, sheet
    raise ImportFileError("The workbook is empty." if requested is None else f"The sheet “{requested}” is empty.")


def _write_csv(rows: Callable[[], Iterator[Sequence[Any]]]) -> None:
    """Reads the rows twice, because only all of them show which columns hold times as well as dates."""
    with_time = {index for row in rows() for index, cell in enumerate(row) if type(cell) is datetime}
    output = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False)  # noqa: SIM115  it is not ours
    writer = csv.writer(output)  # with \r\n: before Python 3.13 a \r in a cell is quoted only where it ends lines, too
    for row in rows():
        cells = [_text(cell, index in with_time) for index, cell in enumerate(row)]
        writer.writerow(cells if any(cells) else [])
    output.flush()


def _text(cell: Any, with_time: bool) -> str:
    """As people see it in the sheet: whole numbers without a fraction, dates in ISO format.

    Numbers have the 15 digits that Excel shows; a double's further digits are rounding noise.
    """
    kind = type(cell)
    if kind is str:
        return str(cell)
    if kind is float:
        return _number(cell)
    if kind is bool:
        return "TRUE" if cell else "FALSE"
    if kind is datetime:
        return str(cell.isoformat(" "))
    if kind is date:
        return f"{cell.isoformat()} 00:00:00" if with_time else str(cell.isoformat())
    return _duration(cell) if kind is timedelta else cell.isoformat() if kind is time else str(cell)


def _number(number: float) -> str:
    if number.is_integer() and abs(number) < _MAX_EXACT:
        return str(int(number))
    text = format(number, ".15g")
    return format(Decimal(text), "f") if "e" in text and 1e-9 < abs(number) < 1e21 else text


def _duration(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
