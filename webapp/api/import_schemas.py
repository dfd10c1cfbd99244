"""The models of imports: what is known of an uploaded file, and what will become of it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from webapp.api.fields import MAX_COLUMNS
from webapp.imports.comparison_report import SampleRow
from webapp.models import Import, ImportState, ImportUpdate
from webapp.models.tables.import_wishes import Wishes

IMPORT_ID = "00000000000000000000000000000017"
MAX_PREVIEW = 20  # rows
IMPORT_EXAMPLE: dict[str, Any] = {
    "id": IMPORT_ID,
    "filename": "planets.csv",
    "size": 42,
    "state": "ready",
    "failure": None,
    "into": None,
    "table_id": None,
    "rows": 8,
    "created_at": "2026-11-28T19:24:58.120000Z",
    "finished_at": None,
}
COLUMN_EXAMPLE: dict[str, Any] = {
    "number": 2,
    "title": "Moons",
    "type": "integer",
    "types": ["integer", "text"],
    "reason": "All values are whole numbers",
    "question": None,
    "skip": False,
    "into": None,
    "new": False,
}


class ImportSummary(BaseModel):
    """An uploaded file on its way into a table."""

    model_config = ConfigDict(json_schema_extra={"examples": [IMPORT_EXAMPLE]})

    id: str
    filename: str
    size: int = Field(description="In bytes.")
    state: str = Field(
        description="`inspecting` while it is read, `ready` when it waits for `start`, `loading` while rows come in; "
        "of a file for a table `comparing` and `updating`; `done`, `failed` or `cancelled`."
    )
    failure: str | None = Field(description="Why it failed, or why it is not started yet.")
    into: int | None = Field(description="The table that it is for; null: it becomes a table of its own.")
    table_id: int | None = Field(description="The table, once the rows are in it or coming in.")
    rows: int | None = Field(description="How many the file has; null until it is read.")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def values(cls, import_: Import, update: ImportUpdate | None, rows: int | None) -> dict[str, Any]:
        names = ("id", "filename", "size", "state", "failure", "table_id", "created_at", "finished_at")
        about = {name: getattr(import_, name) for name in names}
        state = ImportState.COMPARING if _goes_on(import_) else import_.state
        return about | {"state": state, "into": None if update is None else update.table_id, "rows": rows}


def _goes_on(import_: Import) -> bool:
    """Whether a file that was compared is about to be imported, without waiting for anybody."""
    return import_.state == ImportState.READY and not import_.failure and Wishes.from_json(import_.wishes).starts


class ImportProgress(BaseModel):
    """How far a step is, of a file that is being read or loaded."""

    bytes: int
    size: int
    rows: int
    total_rows: int | None
    per_second: int | None = Field(description="Rows.")
    seconds_left: int | None
    place: int | None = Field(description="In the queue, from 1, while it waits for its turn.")


class Reading(BaseModel):
    """How the file was read."""

    format: str
    encoding: str
    delimiter: str = Field(description="Also `none`, `fixed` or `drawn`: there is none.")
    quote: str
    header: bool = Field(description="Whether the first row is one of titles.")
    header_row: int = Field(description="How many rows are above it.")
    sheet: str | None
    sheets: list[str]
    rejected: int = Field(description="Rows that do not fit, and are left out.")
    account: str = Field(description="What became of all lines of the file.")
    notes: list[str] = Field(description="What else was left out, filled up or changed.")


class FoundColumn(BaseModel):
    """A column of the file, and what becomes of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [COLUMN_EXAMPLE]})

    number: int = Field(description="Its place in the file, from 1.")
    title: str
    type: str
    types: list[str] = Field(description="Those that at least half of its cells have, and `text`.")
    reason: str
    question: str | None = Field(description="`order`: only you can tell the order of day and month.")
    skip: bool
    into: int | None = Field(description="The number of the table's column that it goes into.")
    new: bool = Field(description="It becomes a further column of the table.")


class PlannedCell(BaseModel):
    """A cell, and what becomes of it."""

    column: int = Field(description="The number of the table's column; below 0: a new one.")
    before: str | None
    after: str | None


class PlannedRow(BaseModel):
    """An example of what is planned."""

    kind: str = Field(description="Such as `added`, `changed` or `missing`.")
    row: int | None = Field(description="The id of the row; null for one that the table does not have.")
    place: int | None = Field(description="Its place among the rows of the file.")
    cells: list[PlannedCell]

    @classmethod
    def of(cls, kind: str, row: SampleRow) -> "PlannedRow":
        cells = [PlannedCell(column=column, before=before, after=after) for column, before, after in row.cells]
        return cls(kind=kind, row=row.row or None, place=row.place or None, cells=cells)


class Misfits(BaseModel):
    """Texts that have no value in their column, and stay texts."""

    column: int
    count: int
    texts: list[str]


class ImportPlan(BaseModel):
    """What a file would change in its table: nothing is changed yet."""

    mode: str
    keys: list[str] = Field(description="The titles of the columns that tell which row is which.")
    missing_rows: str = Field(description="What becomes of rows that the file does not have.")
    adds_rows: bool
    rows: int = Field(description="Of the file.")
    table_rows: int
    added: int
    changed: int
    cells: int = Field(description="That are changed in these.")
    same: int
    missing: int = Field(description="Rows of the table that the file does not have.")
    removed: int
    marked: int
    left_out: int
    refused: dict[str, int] = Field(description="Rows of the file without a usable key, by why.")
    conflicts: dict[str, int] = Field(description="What people edited and the file has otherwise, by kind.")
    loses_most: bool = Field(description="The table would lose most of its rows: `start` wants to be told so.")
    misfits: list[Misfits]
    samples: list[PlannedRow] = Field(description="The first rows of each kind.")


class ImportDetail(ImportSummary):
    """An import, with what was found in the file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                IMPORT_EXAMPLE
                | {"progress": None, "reading": None, "columns": [COLUMN_EXAMPLE], "preview": [["Earth", "1"]]}
                | {"plan": None}
            ]
        }
    )

    progress: ImportProgress | None
    reading: Reading | None = Field(description="Null until it is read.")
    columns: list[FoundColumn] = Field(description=f"At most {MAX_COLUMNS:,}.")
    preview: list[list[str]] = Field(
        description=f"The first {MAX_PREVIEW} rows, as texts, in the columns that are not skipped; long ones are cut."
    )
    plan: ImportPlan | None = Field(description="Of a file for a table, once it is compared with it: the dry run.")


class Imports(BaseModel):
    """One page of imports, the newest first."""

    items: list[ImportSummary]
    next: str | None = Field(
        description="The URL of the next page; null on the last one.",
        examples=[f"/api/v1/imports?after={IMPORT_ID}&limit=50"],
    )
