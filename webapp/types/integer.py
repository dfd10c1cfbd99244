"""64-bit integers: `1234`, or grouped, with a currency and so on, as `webapp.types.number_format` describes."""

import re
from collections.abc import Callable
from typing import Any

from webapp.types.base import ColumnType, Format, Value
from webapp.types.number_format import (
    MAX_INTEGER,
    MIN_INTEGER,
    check_number,
    decorate,
    describe_number,
    is_decorated,
    name_number,
    read_number,
)
from webapp.types.numbers import NUMBER_OPERATORS, NumberRecogniser, typed_numbers

_CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,17}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Integer(ColumnType):
    """Without a format, canonical: no plus sign, no leading zeros, no grouping."""

    name = "integer"
    label = "Integer"
    stored = int
    operators = NUMBER_OPERATORS

    def recogniser(self, format_name: str = "") -> NumberRecogniser:
        return NumberRecogniser(self.name)

    def describe(self, format: Format) -> str:
        return f"integer{describe_number(format)}"

    def format_name(self, format: Format) -> str:
        return name_number(format, "") if is_decorated(format) else ""

    def check(self, format: Format) -> dict[str, Any]:
        return super().check(format) | check_number(format)

    def shortcut(self, format: Format) -> tuple[re.Pattern[str], Callable[[str], Value]] | None:
        return None if is_decorated(format) else (_CANONICAL, int)

    def _read(self, text: str, format: Format) -> int | None:
        if _WHOLE.fullmatch(text) and MIN_INTEGER <= (value := int(text)) <= MAX_INTEGER:
            return value
        written = read_number(text, format.get("mark", "."))
        return None if written is None else _in_64_bits(written.whole_number)

    def _parse(self, text: str, format: Format) -> int:
        if (value := self._read(text, format)) is None:
            raise ValueError(f"“{text}” is not a whole number")
        return value

    def _parse_input(self, text: str, format: Format) -> int:
        """In the column's style first, then in any other: `1,000`, `1.000` and `€ 1000` are a thousand."""
        for written in typed_numbers(text, format):
            if (value := _in_64_bits(written.whole_number)) is not None:
                return value
        raise ValueError(f"“{text}” is not a whole number")

    def _print(self, value: str | int | float, format: Format) -> str:
        if not is_decorated(format):
            return str(value)
        return decorate(str(value).lstrip("-"), int(value) < 0, format)


def _in_64_bits(value: int | None) -> int | None:
    return value if value is not None and MIN_INTEGER <= value <= MAX_INTEGER else None
