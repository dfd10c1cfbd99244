"""The table that an import becomes: its title and its columns."""

import re
from pathlib import PurePath

from webapp.formats.errors import ImportFileError
from webapp.imports.report import ColumnGuess, InspectionReport
from webapp.models.tables.import_model import Import
from webapp.models.tables.table import Column, Table

MAX_TITLE = 120  # characters of a title taken from a file name


def make_table(import_: Import, inspection: InspectionReport, title: str | None = None) -> Table:
    """Without rows. Raises `ImportFileError` if no column is left."""
    columns = [(index + 1, column) for index, column in enumerate(inspection.columns) if not column.skip]
    if not columns:
        raise ImportFileError("A table needs at least one column.")
    table = Table(
        owner_id=import_.user_id,
        title=title or _table_title(import_.filename, _other_sheet(inspection)),
        state="importing",
    )
    table.columns = [_column(position, number, column) for position, (number, column) in enumerate(columns)]
    return table


def _table_title(filename: str, sheet: str | None = None) -> str:
    """A table's first title: its file name in readable form, with the sheet if it is another than the first."""
    stem = PurePath(filename.replace("\\", "/")).stem
    title = re.sub(r"[\s_]+", " ", f"{stem}, {sheet}" if sheet else stem)
    return title.strip()[:MAX_TITLE] or "Untitled"


def _other_sheet(inspection: InspectionReport) -> str | None:
    first = next((sheet["name"] for sheet in inspection.listing if sheet["rows"] != 0 and not sheet["hidden"]), None)
    return inspection.sheet if first is not None and inspection.sheet != first else None


def _column(position: int, number: int, guess: ColumnGuess) -> Column:
    """Its number is its position in the file from 1, where pass 2 finds it; skipped columns leave gaps."""
    return Column(
        number=number,
        position=position,
        title=guess.title,
        type=guess.type,
        format=guess.format,
        keeps_texts=guess.keeps_texts,
        facts={
            "reason": guess.reason,
            "empty": guess.empty,
            "width": guess.width,
            "exceptions": guess.exceptions,
        },
    )
