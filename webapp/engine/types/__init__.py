"""The types a column can have. A type defines how its values are written, stored, compared and printed back."""

from webapp.engine.types.base import NULL, Choice, ColumnType, Format, Value
from webapp.engine.types.boolean import Boolean
from webapp.engine.types.date import Date
from webapp.engine.types.datetime import Datetime
from webapp.engine.types.decimal import Decimal
from webapp.engine.types.integer import Integer
from webapp.engine.types.text import Text

TYPES: dict[str, ColumnType] = {
    kind.name: kind for kind in (Text(), Integer(), Decimal(), Boolean(), Date(), Datetime())
}

__all__ = ["NULL", "TYPES", "Choice", "ColumnType", "Format", "Value"]
