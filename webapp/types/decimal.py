"""Numbers with a fraction, up to 15 digits: what a double stores and reproduces without loss."""

import re
from typing import Any

from webapp.types.base import ColumnType, Format
from webapp.types.numbers import MAX_DIGITS, NUMBER_OPERATORS, NumberRecogniser

_NUMBER = re.compile(r"-?[0-9]+(?:[.,][0-9]+)?")
_STYLES = {
    "fixed": "always as many decimals",
    "plain": "as many decimals as needed",
    "point": "at least one decimal",
}


class Decimal(ColumnType):
    """Three styles: `fixed` (2.50), `plain` (2.5, 3) and `point` (2.5, 3.0); `mark` may be a comma."""

    name = "decimal"
    label = "Decimal"
    stored = float
    operators = NUMBER_OPERATORS

    def recogniser(self, format_name: str = "") -> NumberRecogniser:
        return NumberRecogniser(self.name, format_name)

    def describe(self, format: Format) -> str:
        scale, style = format["scale"], format["style"]
        decimals = _STYLES[style] if style != "fixed" else "one decimal" if scale == 1 else f"{scale} decimals"
        return f"decimal, {decimals}{', with a comma' if 'mark' in format else ''}"

    def format_name(self, format: Format) -> str:
        mark = format.get("mark", ".")
        return f"0{mark}{'0' * format['scale']}" if format["style"] == "fixed" else "0,#" if mark == "," else ""

    def check(self, format: Format) -> dict[str, Any]:
        style, scale, mark = format.get("style"), format.get("scale"), format.get("mark", ".")
        if style not in _STYLES or not isinstance(scale, int) or not 0 <= scale <= MAX_DIGITS or mark not in (".", ","):
            raise ValueError("That is no way to write decimals")
        return super().check(format) | {"style": style, "scale": scale} | ({"mark": mark} if mark == "," else {})

    def _parse(self, text: str, format: Format) -> float:
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"“{text}” is not a number")
        return float(text.replace(format.get("mark", "."), "."))

    def _parse_input(self, text: str, format: Format) -> float:
        if not _NUMBER.fullmatch(text := text.removeprefix("+")):
            raise ValueError(f"“{text}” is not a number")
        return float(text.replace(",", "."))

    def _print(self, value: str | int | float, format: Format) -> str:
        text = f"{value:.{format['scale']}f}"
        if format["style"] != "fixed" and "." in text:
            text = text.rstrip("0")
            text = text + "0" if text[-1] == "." and format["style"] == "point" else text.rstrip(".")
        return text.replace(".", ",") if "mark" in format else text
