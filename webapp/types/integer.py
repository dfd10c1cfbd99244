"""64-bit integers in canonical form: no plus sign, no leading zeros, no grouping."""

import re
from typing import ClassVar

from webapp.types.base import ColumnType, Format
from webapp.types.numbers import NumberRecogniser

LOWEST, HIGHEST = -(2**63), 2**63 - 1
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Integer(ColumnType):
    name: ClassVar[str] = "integer"
    label: ClassVar[str] = "Integer"
    stored: ClassVar[type[int]] = int
    operators: ClassVar[tuple[str, ...]] = ("eq", "ne", "lt", "le", "gt", "ge", "between", "oneof", "empty", "filled")

    def recogniser(self, wanted: str = "") -> NumberRecogniser:
        return NumberRecogniser(self.name)

    def _parse(self, text: str, format: Format) -> int:
        if _WHOLE.fullmatch(text) and LOWEST <= int(text) <= HIGHEST:
            return int(text)
        raise ValueError(f"“{text}” is not a whole number")

    def _parse_input(self, text: str, format: Format) -> int:
        return self._parse(text.removeprefix("+"), format)
