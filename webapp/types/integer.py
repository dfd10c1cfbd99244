"""64-bit integers in canonical form: no plus sign, no leading zeros, no grouping."""

import re

from webapp.types.base import ColumnType, Format
from webapp.types.numbers import MAX_INTEGER, MIN_INTEGER, NUMBER_OPERATORS, NumberRecogniser

_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Integer(ColumnType):
    name = "integer"
    label = "Integer"
    stored = int
    operators = NUMBER_OPERATORS

    def recogniser(self, format_name: str = "") -> NumberRecogniser:
        return NumberRecogniser(self.name)

    def _parse(self, text: str, format: Format) -> int:
        if _WHOLE.fullmatch(text) and MIN_INTEGER <= int(text) <= MAX_INTEGER:
            return int(text)
        raise ValueError(f"“{text}” is not a whole number")

    def _parse_input(self, text: str, format: Format) -> int:
        return self._parse(text.removeprefix("+"), format)
