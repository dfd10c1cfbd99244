"""The models of rows, as they are read and written."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from webapp.api.fields import Cells, Expected, Id, Line, Names, Values, at_most
from webapp.api.schemas import Input, WholeNumber
from webapp.models.tables.row_input import InputStyle, RowInput
from webapp.models.tables.typed_rows import MAX_ROWS, WrittenRows
from webapp.rowstore.objects import ObjectStyle

MAX_PAGE = 1_000  # rows
MAX_KEYS = 16  # columns
MAX_VERSION = 4_000  # characters of a cursor
MAX_PARAMETER = 20_000  # characters
ROW_EXAMPLE: dict[str, Any] = {"id": 3, "cells": {"Planet": "Earth", "Moons": 1, "Seen": None}}
AT_MOST = f"At most {MAX_ROWS:,}."
_TEXT = r"^[^\x00]*$"
Numbers = Annotated[str, StringConstraints(max_length=MAX_PARAMETER, pattern=r"^[0-9,-]*$")]
Parameter = Annotated[str, StringConstraints(max_length=MAX_PARAMETER, pattern=_TEXT)]


class TableRow(BaseModel):
    """A row. `cells` has them by column."""

    model_config = ConfigDict(json_schema_extra={"examples": [ROW_EXAMPLE]})

    id: int = Field(description="It never changes, and is never used again.")
    cells: Cells


class TableRows(BaseModel):
    """One page of rows."""

    items: list[TableRow]
    next: str | None = Field(description="The URL of the next page; null on the last one.")
    total: int | None = Field(description="How many rows the query shows; null if they were not counted to the end.")
    counted: bool = Field(description="Whether `total` is known. It is exact, or it is null.")
    more_than: int | None = Field(description="If they were counted for a while: there are more than so many.")
    seq: int = Field(description="The change up to which these rows are, for `/changes`.")


class ViewQuery(Input):
    """What the address of a grid says, but for filters."""

    q: Parameter = Field(default="", description="Only rows that contain these words or “phrases”.")
    sort: Numbers = Field(default="", description="Numbers of columns, with a minus for descending: `-5,3`.")
    cols: Numbers = Field(default="", description="Only these columns, by number, in this order: `3,5-9,1`.")
    rows: Numbers = Field(
        default="", description="Only these rows, by id: `1-5,9`. Search and filters do not count then."
    )
    fields: list[Line] = Field(
        default=[], max_length=2_000, description="Only these columns, as `names` says; once for each: `fields=Planet`."
    )
    names: Names = "title"


class RowsQuery(ViewQuery):
    limit: WholeNumber = Field(
        default=100, ge=1, le=MAX_PAGE, description="Maximum number of rows. A page may have fewer, and a next one."
    )
    after: Annotated[str, StringConstraints(max_length=MAX_VERSION, pattern=r"^[A-Za-z0-9_-]*$")] = Field(
        default="", description="Where the page starts, from `next`."
    )
    values: Values = "typed"

    @property
    def style(self) -> ObjectStyle:
        return ObjectStyle(self.values, self.names == "number")


class RowQuery(Input):
    values: Values = "typed"
    names: Names = "title"

    @property
    def style(self) -> ObjectStyle:
        return ObjectStyle(self.values, self.names == "number")


class Styled(Input):
    values: Values = "typed"
    names: Names = "title"
    keep_texts: bool = Field(
        default=False, description="Keep texts that have no value in their column, such as NA among numbers."
    )

    @property
    def style(self) -> InputStyle:
        return InputStyle(ObjectStyle(self.values, self.names == "number"), self.keep_texts)


class NewRow(Input):
    """Cells that are not named are empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cells": {"Planet": "Mars", "Moons": 2}}]})

    cells: Cells


class ChangedRow(Input):
    """Cells that are not named stay as they are."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": 3, "cells": {"Moons": 2}, "expected": {"Moons": 1}}]}
    )

    id: Id
    cells: Cells
    expected: Expected = Field(default_factory=dict)

    def row(self) -> RowInput:
        return RowInput(self.id, self.cells, self.expected)


class DeletedRow(Input):
    """A row, and what it is expected to hold."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": 3, "expected": {"Planet": "Earth"}}]})

    id: Id
    expected: Expected = Field(default_factory=dict)

    def row(self) -> RowInput:
        return RowInput(self.id, {}, self.expected)


class NewRows(Styled):
    """Rows to be added behind the last: all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rows": [{"cells": {"Planet": "Mars", "Moons": 2}}]}]})

    rows: Annotated[list[NewRow], at_most(MAX_ROWS)] = Field(min_length=1, description=AT_MOST)


class RowChanges(Styled):
    """Rows to be changed: all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"rows": [{"id": 3, "cells": {"Moons": 2}, "expected": {"Moons": 1}}]}],
        }
    )

    rows: Annotated[list[ChangedRow], at_most(MAX_ROWS)] = Field(min_length=1, description=AT_MOST)


class KeyedRows(Styled):
    """Rows to be changed where there is one with the same key, and else added: all or none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"key": ["Planet"], "rows": [{"cells": {"Planet": "Mars", "Moons": 2}}]}]}
    )

    key: list[Line] = Field(
        min_length=1, max_length=MAX_KEYS, description="The columns by which a row is found, as `names` says."
    )
    rows: Annotated[list[NewRow], at_most(MAX_ROWS)] = Field(min_length=1, description=AT_MOST)


class RowDeletions(Input):
    """Rows to be deleted: all or none. Undo brings them back."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rows": [{"id": 3, "expected": {"Planet": "Earth"}}]}]},
    )

    rows: Annotated[list[DeletedRow], at_most(MAX_ROWS)] = Field(min_length=1, description=AT_MOST)
    values: Values = "typed"
    names: Names = "title"

    @property
    def style(self) -> InputStyle:
        return InputStyle(ObjectStyle(self.values, self.names == "number"))


class RowChange(Styled):
    """The cells of one row."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cells": {"Moons": 2}, "expected": {"Moons": 1}}]})

    cells: Cells
    expected: Expected = Field(default_factory=dict)

    def row(self, row_id: int) -> RowInput:
        return RowInput(row_id, self.cells, self.expected)


class Written(BaseModel):
    """What was written."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seq": 13, "ids": [3, 9], "added": [9]}]})

    seq: int | None = Field(description="The number of the change, for `/changes`; null: nothing had to be changed.")
    ids: list[int] = Field(description="The rows, in the order in which they were sent.")
    added: list[int] = Field(description="Those of them that are new.")

    @classmethod
    def of(cls, rows: WrittenRows) -> "Written":
        return cls(seq=rows.seq, ids=list(rows.ids), added=list(rows.added))
