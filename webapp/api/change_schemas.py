"""The models of the change log."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from webapp.api.schemas import Input, WholeNumber
from webapp.models.base import MAX_ID
from webapp.models.tables.change_feed import MAX_SETS

CHANGE_EXAMPLE: dict[str, Any] = {
    "seq": 17,
    "kind": "cells",
    "by": {"id": 7, "name": "Ada Lovelace"},
    "cells": [{"row": 3, "column": 2, "text": "2"}],
    "added": [],
    "deleted": [],
    "columns": [],
    "title": None,
    "extent": None,
}


class Author(BaseModel):
    """Who made a change. Only people with an account have an id; a link or a form is named."""

    id: int | None
    name: str


class ChangedCell(BaseModel):
    """What a cell held after a change."""

    row: int
    column: int = Field(description="The number of the column; it may have been deleted since.")
    text: str | None = Field(description="As the column writes it; null if it is long: read the row.")


class Extent(BaseModel):
    """Of a change that is too large to be listed: rows between the first and the last may be other ones now."""

    first: int
    last: int
    rows: int = Field(description="How many.")
    columns: list[int] = Field(description="The numbers of the columns of its cells; empty: whole rows.")


class TableChangeSet(BaseModel):
    """One change of a table: what one action did."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHANGE_EXAMPLE]})

    seq: int = Field(description="Its number: they count without gaps.")
    kind: str = Field(description="Such as `cells`, `rows.add`, `rows.delete`, `columns`, `title`, `import`, `undo`.")
    by: Author
    cells: list[ChangedCell]
    added: list[int] = Field(description="The ids of rows that were added.")
    deleted: list[int] = Field(description="The ids of rows that were deleted.")
    columns: list[int] = Field(description="The numbers of columns that were added, changed or deleted.")
    title: str | None = Field(description="The new title of the table.")
    extent: Extent | None


class Changes(BaseModel):
    """Changes in their order."""

    items: list[TableChangeSet]
    seq: int = Field(description="The latest of these: what to ask for next, as `after`.")
    latest: int = Field(description="The latest change of the table. If it is later, there are more.")
    growing: int | None = Field(
        description="A large change that is still being applied: once it is null, its rows are what they will be."
    )
    reset: bool = Field(
        description="The log does not have all changes since: load the rows again, and go on from `seq`."
    )


class ChangesQuery(Input):
    after: WholeNumber = Field(default=0, ge=0, le=MAX_ID, description="Only changes after this one, by `seq`.")
    limit: WholeNumber = Field(default=100, ge=1, le=MAX_SETS, description="Maximum number of changes.")
