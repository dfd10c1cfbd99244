"""What the models of tables have in common: ids, names, JSON values of cells, and their descriptions."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from webapp.models.base import MAX_ID

MAX_COLUMNS = 2_000
MAX_NAME = 1_000  # characters of what names a column in a request; titles are shorter

# In the signature of a view: what its path parameters are.
TableId = Annotated[int, Field(ge=0, le=MAX_ID, description="The table's id.", examples=[17])]
RowId = Annotated[int, Field(ge=0, le=MAX_ID, description="The row's id.", examples=[3])]
Number = Annotated[int, Field(ge=0, le=MAX_ID, description="The column's number, which never changes.", examples=[2])]
LinkId = Annotated[int, Field(ge=0, le=MAX_ID, description="The link's id.", examples=[4])]
WebhookId = Annotated[int, Field(ge=0, le=MAX_ID, description="The webhook's id.", examples=[6])]
DeliveryId = Annotated[int, Field(ge=0, le=MAX_ID, description="The delivery's id.", examples=[31])]
FormId = Annotated[int, Field(ge=0, le=MAX_ID, description="The form's id.", examples=[8])]
ViewId = Annotated[int, Field(ge=0, le=MAX_ID, description="The view's id.", examples=[5])]


def whole(value: Any) -> Any:
    """JSON does not tell 5.0 from 5."""
    return int(value) if isinstance(value, float | Decimal) and value % 1 == 0 else value


def named(most: int) -> StringConstraints:
    """A name of at most so many characters, one of which can be seen."""
    return StringConstraints(max_length=most, pattern=r"[^\s\x00-\x1f\x7f-\x9f]", strip_whitespace=True)


def text(most: int) -> StringConstraints:
    """A text without U+0000, which no cell can have."""
    return StringConstraints(max_length=most, pattern=r"^[^\x00]*$")


def at_most(count: int) -> BeforeValidator:
    """A list of so many items: they are counted before each of them is looked at."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > count:
            raise ValueError(f"At most {count:,} go together. These are {len(value):,}.")
        return value

    return BeforeValidator(check)


# The bounds go before the validator, or they would not be in the document.
Id = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(whole)]
Count = Annotated[int, Field(ge=0), BeforeValidator(whole)]
Place = Annotated[int, Field(ge=1, le=MAX_COLUMNS), BeforeValidator(whole)]
# Text without U+0000, which no title can have.
Line = Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=r"^[^\x00]*$")]
TypeName = Literal["text", "integer", "decimal", "boolean", "date", "datetime", "time", "duration"]
Values = Annotated[
    Literal["typed", "strings", "text"],
    Field(
        description="How cells are written. `typed`: numbers, true and false, ISO 8601, null. `strings`: the same, "
        "but numbers are strings, for readers that would round them. `text`: each as a string, byte for byte as it "
        "was in the file."
    ),
]
Names = Annotated[
    Literal["title", "number"],
    Field(description="How columns are named: by their titles, or by their numbers, which never change."),
]
CELLS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "maxProperties": MAX_COLUMNS,
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}


def cells(description: str, example: dict[str, Any] | None) -> Any:
    """The type of an object of cells."""
    schema = CELLS_SCHEMA | {"description": description} | ({} if example is None else {"examples": [example]})
    return Annotated[dict[str, Any], Field(max_length=MAX_COLUMNS), WithJsonSchema(schema)]


Cells = cells("JSON values by column; null for an empty cell.", {"Planet": "Mars", "Moons": 2})
Expected = cells("What these cells are expected to hold: else nothing is changed (409).", {"Moons": 1})
