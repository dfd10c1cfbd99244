"""The types a column can have. A type defines how its values are written, stored, compared and printed back."""

from webapp.types.base import NULL, Choice, ColumnType, Format, Value
from webapp.types.boolean import Boolean
from webapp.types.date import Date
from webapp.types.datetime import Datetime
from webapp.types.decimal import Decimal
from webapp.types.duration import Duration
from webapp.types.integer import Integer
from webapp.types.text import Text
from webapp.types.time import Time

TYPES: dict[str, ColumnType] = {
    kind.name: kind for kind in (Text(), Integer(), Decimal(), Boolean(), Date(), Datetime(), Time(), Duration())
}

__all__ = ["NULL", "TYPES", "Choice", "ColumnType", "Format", "Value", "describe"]


def describe(choice: Choice) -> str:
    """The type and its format in readable words."""
    return TYPES[choice.type].describe(choice.format)
