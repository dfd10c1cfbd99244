"""Rows as JSON objects for programs: `{"id": 5, "cells": {"Planet": "Earth", "Moons": 1, "Seen": null}}`.

By type: texts are strings; whole numbers and decimals are numbers with all their digits, durations numbers of seconds;
`true` and `false`; days and times are strings as ISO 8601 has them; a cell without a value is `null`, or the string
that stands in it (`NA` among numbers).
"""

from dataclasses import dataclass
from typing import Literal, get_args

from webapp.rowstore.table_ref import Field
from webapp.types.day_text import zone_of

# "typed": as above. "strings": the same, but numbers are strings, for readers that would round them. "text": every
# cell is a string, byte for byte as it was in the file.
CellValues = Literal["typed", "strings", "text"]
CELL_VALUES: tuple[CellValues, ...] = get_args(CellValues)


@dataclass(frozen=True, slots=True)
class ObjectStyle:
    """How the cells of a row are written, and whether their names are the titles of the columns or their numbers."""

    values: CellValues = "typed"
    by_number: bool = False

    def name(self, field: Field) -> str:
        return str(field.number) if self.by_number else field.title


def iso_zone(field: Field) -> str:
    """What its times have behind them in ISO 8601: `Z`, `+02:00`, or nothing if the column has no zone."""
    if field.type != "datetime":
        return ""
    offset = zone_of(str(field.format.get("layout", "")))
    if not offset:
        return "" if offset is None else "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"
