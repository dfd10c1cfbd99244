"""What programs send of imports: options of an upload, as parameters, and corrections of what was found, as a body."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from webapp.api.fields import MAX_COLUMNS, Count, Line, Place, TypeName, at_most
from webapp.api.schemas import MAX_LIMIT, Input, WholeNumber
from webapp.api.table_schemas import Title
from webapp.models.tables.import_wishes import Wishes

MAX_KEYS = 16  # columns
MAX_OPTION = 200  # characters
_TEXT = r"^[^\x00]*$"
_UNCHANGED: Any = None
Flag = Literal["true", "false"]
Order = Literal["dmy", "mdy", "ymd"]
ModeName = Literal["update", "append", "replace"]
MissingName = Literal["keep", "mark", "delete"]
Option = Annotated[str, StringConstraints(max_length=MAX_OPTION, pattern=_TEXT)]
ImportId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="The import's id.",
        examples=["00000000000000000000000000000017"],
    ),
]
ORDER = "Of day and month, where the file leaves it open."
MODE = "`update`: rows with the same key are the same row; `append`; `replace`: the table gets exactly these rows."
MISSING = "What becomes of rows of the table that the file does not have: `keep`, `mark` or `delete`."


def optional(description: str, **more: Any) -> Any:
    """A parameter that is None if it is not given; it cannot be sent as null."""
    return Field(default=None, description=description, json_schema_extra=_without_default, **more)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class ImportsQuery(Input):
    limit: WholeNumber = Field(default=50, ge=1, le=MAX_LIMIT, description="Maximum number of imports.")
    after: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{32})?$")] = Field(
        default="", description="Only imports older than the one with this id."
    )


class _UploadQuery(Input):
    filename: Option = Field(default="", description="The name of the file; in a form the file has its own.")
    start: Flag = Field(default="false", description="`true`: import it once it is read, without asking.")
    sheet: Option = Field(default="", description="Of a workbook; else the first.")
    encoding: Option = Field(default="", description="Such as `cp1252`; else as detected.")
    delimiter: Option = Field(default="", description="Such as `;`, or `none`; else as detected.")
    quote: Option = Field(default="", description="Such as `'`, or `none`; else as detected.")
    header: Flag = optional("Whether there is a row of titles; else as detected.")
    header_row: WholeNumber = optional("How many rows are above that.", ge=0)
    order: Order = optional(ORDER)

    @property
    def fields(self) -> dict[str, str]:
        """As the preview's form has them, those that are given."""
        given: dict[str, Any] = {name: getattr(self, name) for name in ("sheet", "encoding", "delimiter", "quote")}
        given |= {"header": {"true": "yes", "false": "no", None: ""}[self.header], "order": self.order}
        given |= {"header_row": None if self.header_row is None else str(self.header_row)}
        return {name: value for name, value in given.items() if value}


class NewImportQuery(_UploadQuery):
    title: Title = optional("Of the table, with `start`; else the file's name.")

    @property
    def wishes(self) -> Wishes | None:
        return Wishes(starts=True, title=self.title) if self.start == "true" else None


class _ApplyQuery(Input):
    edits: Literal["theirs", "file"] = Field(
        default="theirs", description="What becomes of cells that people edited and the file has otherwise."
    )
    allow_deletions: Flag = Field(default="false", description="Also if the table loses most of its rows.")


class NewUpdateQuery(_UploadQuery, _ApplyQuery):
    mode: ModeName = optional(f"{MODE} Else as for the last file of this name.")
    key: list[Line] = Field(
        default=[], max_length=MAX_KEYS, description="The title of a key column of the table; once for each."
    )
    missing: MissingName = optional(MISSING)
    adds_rows: Flag = optional("Whether rows with a new key are added.")

    @property
    def wishes(self) -> Wishes:
        return Wishes(
            starts=self.start == "true",
            mode=self.mode,
            keys=tuple(self.key),
            missing=self.missing,
            adds_rows=None if self.adds_rows is None else self.adds_rows == "true",
            edits=self.edits,
            allows_deletions=self.allow_deletions == "true",
        )


class StartQuery(_ApplyQuery):
    title: Title = optional("Of the new table; else the file's name.")

    @property
    def wishes(self) -> Wishes:
        return Wishes(starts=True, edits=self.edits, allows_deletions=self.allow_deletions == "true")


def _show_column(schema: dict[str, Any]) -> None:
    schema |= {"examples": [{"number": 2, "title": "Satellites", "type": "text"}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class ColumnOption(Input):
    """What becomes of a column of the file. `title`, `type`, `order` and `skip` are for a new table, `into` and `new`
    for one that is there.
    """

    model_config = ConfigDict(json_schema_extra=_show_column)

    number: Place = Field(description="Its place in the file, from 1.")
    title: Line = Field(default=_UNCHANGED)
    type: TypeName = Field(default=_UNCHANGED)
    order: Order = Field(default=_UNCHANGED, description="Of day and month.")
    skip: bool = Field(default=_UNCHANGED, description="Leave it out.")
    into: Line | None = Field(default=None, description="The title of the table's column; null: leave it out.")
    new: bool = Field(default=_UNCHANGED, description="Make it a further column of the table.")


def _require_one(schema: dict[str, Any]) -> None:
    schema |= {"minProperties": 1, "examples": [{"columns": [{"number": 2, "title": "Satellites"}]}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class ImportChange(Input):
    """Only the fields given are changed. The upper ones are for a new table, `mode` to `mark` for one that is there."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    sheet: Option = Field(default=_UNCHANGED)
    encoding: Option = Field(default=_UNCHANGED)
    delimiter: Option = Field(default=_UNCHANGED)
    quote: Option = Field(default=_UNCHANGED)
    header: bool = Field(default=_UNCHANGED)
    header_row: Count = Field(default=_UNCHANGED)
    order: Order = Field(default=_UNCHANGED, description=ORDER)
    columns: Annotated[list[ColumnOption], at_most(MAX_COLUMNS)] = Field(
        default=_UNCHANGED, description="Those that are to be otherwise."
    )
    mode: ModeName = Field(default=_UNCHANGED, description=MODE)
    keys: list[Line] = Field(default=_UNCHANGED, max_length=MAX_KEYS, description="Titles of columns of the table.")
    missing: MissingName = Field(default=_UNCHANGED, description=MISSING)
    adds_rows: bool = Field(default=_UNCHANGED, description="Whether rows with a new key are added.")
    mark: Line | None = Field(default=None, description="The column for marks of missing rows; null: a new one.")

    @model_validator(mode="after")
    def _is_change(self) -> "ImportChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self
