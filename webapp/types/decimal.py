"""Numbers with a fraction: a double stores and reproduces up to 15 digits without loss."""

import re
from collections.abc import Callable
from typing import Any

from webapp.types.base import ColumnType, Format, Value
from webapp.types.number_format import (
    MAX_DIGITS,
    check_number,
    decorate,
    describe_number,
    is_decorated,
    name_number,
    read_number,
)
from webapp.types.numbers import NUMBER_OPERATORS, NumberRecogniser, typed_numbers

_NUMBER = re.compile(r"-?[0-9]+(?:[.,][0-9]+)?")
_PLAIN = {mark: re.compile(rf"-?[0-9]{{1,15}}(?:{re.escape(mark)}[0-9]{{1,15}})?") for mark in (".", ",")}
_STYLES = {
    "fixed": "always as many decimals",
    "plain": "as many decimals as needed",
    "point": "at least one decimal",
}


class Decimal(ColumnType):
    """Three styles: `fixed` (2.50), `plain` (2.5, 3) and `point` (2.5, 3.0), of at most `scale` decimals; and the keys
    of `webapp.types.number_format`.
    """

    name = "decimal"
    label = "Decimal"
    stored = float
    operators = NUMBER_OPERATORS

    def recogniser(self, format_name: str = "") -> NumberRecogniser:
        return NumberRecogniser(self.name, format_name)

    @property
    def default_format(self) -> dict[str, Any]:
        return {"style": "plain", "scale": 2}

    def describe(self, format: Format) -> str:
        scale, style = format["scale"], format["style"]
        decimals = _STYLES[style] if style != "fixed" else "one decimal" if scale == 1 else f"{scale} decimals"
        return f"decimal, {decimals}{describe_number(format)}"

    def format_name(self, format: Format) -> str:
        if format["style"] == "fixed":
            return name_number(format, "0" * format["scale"])
        return name_number(format, "#") if is_decorated(format) or "mark" in format else ""

    def check(self, format: Format) -> dict[str, Any]:
        style, scale = format.get("style"), format.get("scale")
        if style not in _STYLES or not isinstance(scale, int) or not 0 <= scale <= MAX_DIGITS:
            raise ValueError("That is no way to write decimals")
        return super().check(format) | {"style": style, "scale": scale} | check_number(format)

    def shortcut(self, format: Format) -> tuple[re.Pattern[str], Callable[[str], Value]] | None:
        scale, mark = int(format["scale"]), format.get("mark", ".")
        if is_decorated(format) or not 0 < scale < MAX_DIGITS:
            return None
        last = rf"[0-9]{{0,{scale - 1}}}[1-9]"  # decimals without zeros at the end
        decimals = {"fixed": rf"{re.escape(mark)}[0-9]{{{scale}}}", "plain": rf"(?:{re.escape(mark)}{last})?"}
        decimals["point"] = rf"{re.escape(mark)}(?:0|{last})"
        whole = rf"(?:0|[1-9][0-9]{{0,{MAX_DIGITS - scale - 1}}})"
        pattern = re.compile(rf"(?!-[0{re.escape(mark)}]*$)-?{whole}{decimals[format['style']]}")
        return pattern, float if mark == "." else lambda text: float(text.replace(mark, "."))

    def _read(self, text: str, format: Format) -> float | None:
        mark = format.get("mark", ".")
        if _PLAIN[mark].fullmatch(text):  # the usual way, and ten times as fast
            return float(text.replace(mark, ".")) + 0.0
        written = read_number(text, mark)
        return None if written is None else written.number

    def _parse(self, text: str, format: Format) -> float:
        if not is_decorated(format) and _NUMBER.fullmatch(text):
            return float(text.replace(format.get("mark", "."), "."))
        if (value := self._read(text, format)) is None:
            raise ValueError(f"“{text}” is not a number")
        return value

    def _parse_input(self, text: str, format: Format) -> float:
        """In the column's style first, then in any other: `70,5` is 70.5 where points mark decimals, too."""
        for written in typed_numbers(text, format):
            return written.number
        raise ValueError(f"“{text}” is not a number")

    def _print(self, value: str | int | float, format: Format) -> str:
        text = f"{value:.{format['scale']}f}"
        if format["style"] != "fixed" and "." in text:
            text = text.rstrip("0")
            text = text + "0" if text[-1] == "." and format["style"] == "point" else text.rstrip(".")
        if is_decorated(format):
            return decorate(text.removeprefix("-"), text[0] == "-", format)
        return text.replace(".", ",") if "mark" in format else text
