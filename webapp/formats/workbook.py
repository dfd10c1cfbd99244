"""The child process that opens a workbook: `python -m webapp.formats.workbook FILE PARENT [SHEET]`, where
PARENT is the id of the process that waits for it.

Strangers' workbooks are read by native code that holds a whole sheet in memory, so it gets a separate process with
limits; Python then processes the cells row by row. One sheet goes to standard output as CSV, and the result to standard
error as one line of JSON. Of a ZIP archive that holds one file and is no workbook, that file goes to standard output.
"""

import json
import mmap
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from webapp.db.errors import known_error
from webapp.formats import archive, binary_workbook, markup, opendocument, process, sheet_csv, sheet_notes
from webapp.formats.binary_workbook import SheetCells
from webapp.formats.compound_file import UnknownStructureError
from webapp.formats.errors import ImportFileError
from webapp.formats.package import Package, SheetFacts, prepare
from webapp.formats.source import Remark
from webapp.formats.workbook_sheets import EMPTY, find_sheet, list_sheets, sheets_of, visible_sheets

MAX_CPU_SECONDS = 600  # for the largest files
MAX_SPARSE_CELLS = 5_000_000  # cells of a sheet, empty ones too, that need not fit the size of the file
MAX_CELLS_PER_BYTE = 2  # of the unpacked file, in larger sheets: of 60 cells one must be filled
_HEAD = 64 * 1024  # bytes that tell the kind of a file
# What a container of an Office program is that is no workbook, by the name of a stream in it.
_CONTAINED = {
    "EncryptedPackage": "This Excel file is encrypted and needs a password. Save it without one and upload it again.",
    "WordDocument": "This is a Word document. Copy its table into a spreadsheet and upload that.",
    "PowerPoint Document": "This is a PowerPoint presentation. Copy its table into a spreadsheet and upload that.",
    "__properties_version1.0": "This is an Outlook message. Save the file attached to it and upload that.",
}
# What is true of .xls and .xlsb in another structure than the usual, whose cells are seen by their reader only.
_ERRORS_ARE_LOST = Remark(
    "errors_lost",
    "In a file of this kind, cells with errors such as #N/A are read as empty, and so are formulas without a stored"
    " value. Save it as .xlsx and import that to see them.",
)


def main(path: str, parent: str, sheet: str | None = None) -> int:
    process.end_with(int(parent))
    process.limit_memory(process.MAX_MEMORY)
    _limit_cpu(Path(path).stat().st_size)
    try:
        result = _open(path, sheet)
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
    return 0 if "sheet" in result or "unpacked" in result else 1


def _limit_cpu(size: int) -> None:
    process.limit_cpu(min(process.cpu_seconds(size), MAX_CPU_SECONDS))


def _open(path: str, sheet_name: str | None) -> dict[str, Any]:
    with open(path, "rb") as file:
        is_archive = file.read(len(archive.ARCHIVE)) == archive.ARCHIVE
        file.seek(0)
        markup_kind = markup.detect(file.read(_HEAD))
    if markup_kind in ("html", "spreadsheetml"):
        return _convert_markup(path, markup_kind, sheet_name)
    if markup_kind == "opendocument":
        return _convert_opendocument(path, sheet_name, Path(path).stat().st_size)
    if not is_archive:
        _ensure_workbook(path)
        return _convert(path, sheet_name, Path(path).stat().st_size, None, is_archive=False)
    contents, unpacked = archive.ensure_safe(Path(path))
    _limit_cpu(unpacked)
    if contents == "file":
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            return {"unpacked": archive.unpack_single(Path(path), output)}
    if contents == "ods":
        return _convert_opendocument(path, sheet_name, unpacked)
    if contents != "xlsx":
        return _convert(path, sheet_name, unpacked, None)
    with tempfile.TemporaryFile(prefix="rowcast-", dir=_folder_of(sys.stdout.fileno())) as copy:
        package, is_rewritten = prepare(Path(path), copy)
        copy.flush()
        return _convert(f"/proc/self/fd/{copy.fileno()}" if is_rewritten else path, sheet_name, unpacked, package)


def _folder_of(descriptor: int) -> str | None:
    """The folder of an open file, which has room for the workbook's contents; None if it cannot be told."""
    try:
        folder = Path(f"/proc/self/fd/{descriptor}").readlink().parent
    except OSError:
        return None
    return str(folder) if folder.is_dir() and os.access(folder, os.W_OK) else None


def _ensure_workbook(path: str) -> None:
    """Office programs before 2007 wrote all kinds of documents in one kind of container, and encrypted ones still are.

    Raises ImportFileError if it is not a workbook.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as contents:
        for name, problem in _CONTAINED.items():
            if contents.find(name.encode("utf-16-le")) >= 0:
                raise ImportFileError(problem)


def _convert(
    path: str, sheet_name: str | None, unpacked: int, package: Package | None, *, is_archive: bool = True
) -> dict[str, Any]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = sheets_of(workbook)
        name, sheet = find_sheet(workbook, sheets, sheet_name)
        listing = list_sheets(workbook, sheets, name, sheet, unpacked)
    except PasswordError:
        raise ImportFileError("This Excel file needs a password. Save it without one and upload it again.") from None
    except (CalamineError, OSError) as error:
        what = "Excel file" if is_archive else "old Excel file (.xls)"
        raise ImportFileError(f"This {what} is damaged and cannot be read ({error}).") from error
    _ensure_dense(name, sheet.height, sheet.width, unpacked)
    notes: list[Remark] = []
    texts: Mapping[int, Mapping[int, str]] = {}
    if package is not None:
        facts = package.facts.get(name, SheetFacts())
    elif (found := _binary_cells(path, list(sheets).index(name), len(sheets), is_archive=is_archive)) is not None:
        facts, texts = found.facts, found.texts
    else:
        facts, notes = SheetFacts(merged=_merged(sheet)), [_ERRORS_ARE_LOST]
    sheet_csv.write_values(lambda: _rows(sheet, texts))
    notes += sheet_notes.of_sheet(facts, facts.hidden_columns(sheet.start[1], sheet.width), listing, name)
    return {
        "sheets": visible_sheets(sheets),
        "sheet": name,
        "listing": listing,
        "notes": [asdict(note) for note in notes],
    }


def _binary_cells(path: str, index: int, count: int, *, is_archive: bool) -> SheetCells | None:
    """What the reader of .xls and .xlsb does not see in this of its `count` worksheets; None if it cannot be told."""
    try:
        return binary_workbook.cells(Path(path), "xlsb" if is_archive else "xls", index, count)
    except UnknownStructureError:
        return None


def _rows(sheet: Any, texts: Mapping[int, Mapping[int, str]]) -> Iterator[Sequence[Any]]:
    """From the first row with a cell on: empty ones above are not part of the table, nor are columns before its first.

    Cells in `texts` are these.
    """
    start, first = sheet.start
    for number, row in enumerate(islice(sheet.iter_rows(), start, None), start):
        known = texts.get(number)
        yield row if known is None else [known.get(column, cell) for column, cell in enumerate(row, first)]


def _convert_opendocument(path: str, name: str | None, unpacked: int) -> dict[str, Any]:
    try:
        sheets = opendocument.sheets(Path(path))
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error, NotImplementedError) as error:
        raise ImportFileError(f"This OpenDocument file is damaged and cannot be read ({error}).") from error
    visible = [sheet for sheet in sheets if not sheet.is_hidden] or sheets
    if name is not None:
        found = next((sheet for sheet in sheets if sheet.name == name), None)
        if found is None:
            names = ", ".join(sheet.name for sheet in sheets)
            raise ImportFileError(f"The workbook has no sheet “{name}”. It has: {names}.")
        if not found.rows:
            raise ImportFileError(f"The sheet “{name}” is empty.")
    else:
        found = next(
            (sheet for sheet in visible if sheet.wide_rows > 1 and 2 * sheet.wide_rows >= sheet.filled_rows), None
        )
        found = found or next((sheet for sheet in visible if sheet.rows), None)
    if found is None:
        raise ImportFileError(EMPTY)
    _ensure_dense(found.name, found.rows, found.columns, unpacked)
    sheet_csv.write_values(lambda: opendocument.rows(Path(path), found))
    listing = [
        {"name": sheet.name, "rows": sheet.rows, "columns": sheet.columns, "hidden": sheet.is_hidden}
        for sheet in sheets
    ]
    notes = [
        asdict(note)
        for note in sheet_notes.of_sheet(found.facts, found.facts.hidden_columns(0, found.columns), listing, found.name)
    ]
    offered = [sheet.name for sheet in visible]
    return {"sheets": offered, "sheet": found.name, "listing": listing, "notes": notes}


def _convert_markup(path: str, kind: markup.Markup, name: str | None) -> dict[str, Any]:
    """The table with this name, else the largest."""
    tables = markup.tables(Path(path), kind)
    listing = [
        {"name": table.name, "rows": table.rows, "columns": table.columns, "hidden": table.is_hidden}
        for table in tables
    ]
    names = [table.name for table in tables]
    if name is not None and name not in names:
        raise ImportFileError(f"There is no table “{name}”. There are: {', '.join(names[: sheet_notes.NAMED])}.")
    candidates = [table for table in tables if table.name == name] if name is not None else tables
    table = max(candidates, key=lambda table: (not table.is_hidden, table.filled), default=None)
    if table is None or table.filled < 2:
        what = "web page (HTML)" if kind == "html" else "workbook (Excel 2003 XML)"
        raise ImportFileError(
            f"This is a {what} without a table in it. If it came from a download, open it in a browser: it may say why,"
            " for example that you have to sign in. Then download the table again."
        )
    _ensure_dense(table.name, table.rows, table.columns, Path(path).stat().st_size)
    sheet_csv.write_texts(markup.rows(Path(path), kind, table.number))
    notes = sheet_notes.of_sheet(table.facts, table.facts.hidden_columns(0, table.columns), listing, table.name)
    return {"sheets": names, "sheet": table.name, "listing": listing, "notes": [asdict(note) for note in notes]}


def _merged(sheet: Any) -> int:
    try:
        return len(sheet.merged_cell_ranges or ())
    except Exception:  # formats whose reader does not know them
        return 0


def _ensure_dense(name: str, rows: int, columns: int, unpacked: int) -> None:
    """Two filled cells in opposite corners would be a table of billions of empty ones."""
    if rows * columns > max(MAX_SPARSE_CELLS, MAX_CELLS_PER_BYTE * unpacked):
        raise ImportFileError(
            f"“{name}” has {rows:,} rows and {columns:,} columns, almost all of them empty."
            " Delete what lies far from the table, or save the table alone as CSV."
        )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
