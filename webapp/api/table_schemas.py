"""The models of tables and their columns."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from webapp.api.fields import Line, Place, TypeName, at_most
from webapp.api.schemas import MAX_LIMIT, MAX_SEARCH, Input, WholeNumber
from webapp.formats.titles import visible
from webapp.models import Table
from webapp.models.base import MAX_ID
from webapp.models.tables.creating import MAX_NEW_COLUMNS, MAX_TABLE_TITLE, NewColumn
from webapp.models.tables.table import Column
from webapp.models.tables.table_list import ListedTable
from webapp.rowstore.column_rules import MAX_CHOICE, MAX_CHOICES, ColumnRules

COLUMN_EXAMPLE: dict[str, Any] = {
    "number": 2,
    "title": "Moons",
    "type": "integer",
    "format": {},
    "rules": {"required": False, "unique": False, "choices": []},
    "place": 2,
}
TABLE_EXAMPLE: dict[str, Any] = {
    "id": 17,
    "title": "Planets",
    "role": "owner",
    "owner": {"id": 7, "name": "Ada Lovelace"},
    "rows": 8,
    "column_count": 5,
    "seq": 12,
    "state": "ready",
    "created_at": "2026-11-22T19:24:58.120000Z",
    "changed_at": "2026-11-28T08:00:00Z",
}
_UNCHANGED: Any = None


def _ensure_visible(title: str) -> str:
    if not (shown := visible(title)):
        raise ValueError("Give it a title.")
    return shown


Title = Annotated[
    str,
    StringConstraints(max_length=MAX_TABLE_TITLE, pattern=r"[^\s\x00-\x1f\x7f-\x9f]"),
    AfterValidator(_ensure_visible),
    Field(description="The title of the table.", examples=["Planets"]),
]


class Owner(BaseModel):
    """Whose table it is."""

    id: int
    name: str


class TableSummary(BaseModel):
    """A table, without its columns."""

    model_config = ConfigDict(json_schema_extra={"examples": [TABLE_EXAMPLE]})

    id: int
    title: str
    role: str = Field(description="What you are to it: `viewer`, `editor` or `owner`.")
    owner: Owner
    rows: int
    column_count: int
    seq: int = Field(description="The number of its latest change, for `/changes`.")
    state: str = Field(description="`importing` while its rows are coming in, then `ready`.")
    created_at: datetime
    changed_at: datetime

    @classmethod
    def values(cls, listed: ListedTable) -> dict[str, Any]:
        names = ("id", "title", "rows", "seq", "state", "created_at", "changed_at")
        about = {name: getattr(listed, name) for name in names}
        owner = Owner(id=listed.owner_id, name=listed.owner)
        return about | {"role": str(listed.role), "owner": owner, "column_count": listed.columns}


class Rules(Input):
    """What edits of a column have to keep to."""

    required: bool = Field(default=False, description="Each cell needs a text.")
    unique: bool = Field(default=False, description="No two cells have the same text.")
    choices: list[Annotated[str, StringConstraints(max_length=MAX_CHOICE, pattern=r"^[^\x00]*$")]] = Field(
        default=[], max_length=MAX_CHOICES, description="The only texts that a cell may have, if there are any."
    )

    def checked(self) -> dict[str, Any]:
        """Raises `RulesRefused`."""
        return ColumnRules.checked(required=self.required, unique=self.unique, choices=self.choices).to_json()


class TableColumn(BaseModel):
    """A column of a table."""

    model_config = ConfigDict(json_schema_extra={"examples": [COLUMN_EXAMPLE]})

    number: int = Field(description="It never changes, and names the column in addresses.")
    title: str
    type: str = Field(description="`text`, `integer`, `decimal`, `boolean`, `date`, `datetime`, `time` or `duration`.")
    format: dict[str, Any] = Field(description="How its cells are written as texts.")
    rules: Rules
    place: int = Field(description="From 1.")

    @classmethod
    def of(cls, column: Column, place: int) -> "TableColumn":
        rules = ColumnRules.from_json(column.rules)
        return cls(
            number=column.number,
            title=column.title,
            type=column.type,
            format=dict(column.format),
            rules=Rules(required=rules.required, unique=rules.unique, choices=list(rules.choices)),
            place=place,
        )


class TableColumns(BaseModel):
    """The columns of a table, in their order."""

    items: list[TableColumn]

    @classmethod
    def of(cls, table: Table) -> "TableColumns":
        return cls(items=[TableColumn.of(column, place) for place, column in enumerate(table.columns, 1)])


class TableDetail(TableSummary):
    """A table, with its columns."""

    model_config = ConfigDict(json_schema_extra={"examples": [TABLE_EXAMPLE | {"columns": [COLUMN_EXAMPLE]}]})

    columns: list[TableColumn]

    @classmethod
    def of(cls, listed: ListedTable, table: Table) -> "TableDetail":
        return cls(**cls.values(listed), columns=TableColumns.of(table).items)


class Tables(BaseModel):
    """One page of tables, the oldest first."""

    items: list[TableSummary]
    next: str | None = Field(
        description="The URL of the next page; null on the last one.", examples=["/api/v1/tables?after=17&limit=50"]
    )


class TablesQuery(Input):
    limit: WholeNumber = Field(default=50, ge=1, le=MAX_LIMIT, description="Maximum number of tables.")
    after: WholeNumber = Field(default=0, ge=0, le=MAX_ID, description="Only tables made after the one with this id.")
    q: Annotated[str, StringConstraints(max_length=MAX_SEARCH, pattern=r"^[^\x00]*$")] = Field(
        default="", description="Only tables whose titles contain this text, in any case."
    )


class NewTableColumn(Input):
    """A column to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Moons", "type": "integer"}]})

    title: Line = Field(description="Unique in the table, in any case.")
    type: TypeName = Field(default="text", description="What its cells hold.")
    format: dict[str, Any] | None = Field(
        default=None, description='How its cells are written, such as `{"layout": "DD.MM.YYYY"}`; null: the usual way.'
    )

    def column(self) -> NewColumn:
        return NewColumn(self.title, self.type, self.format)


class PlacedColumn(NewTableColumn):
    """A column to be added."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Mass", "type": "decimal", "place": 3}]})

    place: Place | None = Field(default=None, description="From 1; null: behind the last.")


class NewTable(Input):
    """A table without rows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Planets",
                    "columns": [{"title": "Planet"}, {"title": "Moons", "type": "integer"}],
                }
            ]
        }
    )

    title: Title
    columns: Annotated[list[NewTableColumn], at_most(MAX_NEW_COLUMNS)] = Field(
        min_length=1, description=f"In their order, at most {MAX_NEW_COLUMNS:,}."
    )


class TableChange(Input):
    """A new title."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Planets and moons"}]})

    title: Title


def _require_one(schema: dict[str, Any]) -> None:
    schema |= {"minProperties": 1, "examples": [{"title": "Moons", "type": "integer"}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class ColumnChange(Input):
    """Only the fields given are changed."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    title: Line = Field(default=_UNCHANGED, description="Unique in the table, in any case.")
    type: TypeName = Field(default=_UNCHANGED, description="The texts of its cells stay as they are.")
    format: dict[str, Any] = Field(default=_UNCHANGED, description="How its cells are written.")
    rules: Rules = Field(default=_UNCHANGED)
    place: Place = Field(default=_UNCHANGED, description="From 1.")

    @model_validator(mode="after")
    def _is_change(self) -> "ColumnChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self
