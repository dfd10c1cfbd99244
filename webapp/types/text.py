"""Text: whatever a cell holds, character by character."""

from collections.abc import Collection
from typing import Any, ClassVar

from webapp.types.base import Choice, ColumnType, Format, literal

# A character that replaces NUL, which ends a text for half of SQLite's functions and for the grid's renderer.
NUL = "nul"
SUBSTITUTES = ("\u2400", *map(chr, range(0xE000, 0xF8FF)))


class TextRecogniser:
    """Accepts every value."""

    doubt = ""

    def misfit(self, values: Collection[str]) -> str | None:
        return None

    def choices(self) -> list[Choice]:
        return [Choice("text")]


class Text(ColumnType):
    """A column containing NUL stores it as a character that occurs nowhere else in the column (the visible ␀ if
    possible).
    """

    name: ClassVar[str] = "text"
    label: ClassVar[str] = "Text"
    sql_type: ClassVar[str] = "TEXT"
    operators: ClassVar[tuple[str, ...]] = ("contains", "eq", "ne", "oneof", "empty", "filled")

    def recogniser(self, wanted: str = "") -> TextRecogniser:
        return TextRecogniser()

    def check(self, format: Format) -> dict[str, Any]:
        substitute = str(format.get(NUL, ""))
        if substitute and substitute not in SUBSTITUTES:
            raise ValueError("NUL can be kept as ␀ or as a private-use character only")
        return super().check(format) | ({NUL: substitute} if substitute else {})

    def sql_bind(self, format: Format) -> str | None:
        return None if NUL in format else super().sql_bind(format)

    def _parse(self, text: str, format: Format) -> str:
        return text.replace("\0", format[NUL]) if NUL in format else text

    def _print(self, value: str | int | float, format: Format) -> str:
        text = str(value)
        return text.replace(format[NUL], "\0") if NUL in format else text

    def _sql_print(self, name: str, format: Format) -> str:
        return f"replace({name}, {literal(format[NUL])}, char(0))" if NUL in format else name
