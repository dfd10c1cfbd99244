"""Text: whatever a cell holds, character by character."""

from collections.abc import Collection

from webapp.types.base import Choice, ColumnType, Format

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # characters a formula may start with in a spreadsheet


def defuse_formula(text: str) -> str:
    """With an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


class TextRecogniser:
    """Accepts every value."""

    doubt = ""

    def accept(self, values: Collection[str]) -> str | None:
        return None

    def choices(self) -> list[Choice]:
        return [Choice("text")]


class Text(ColumnType):
    name = "text"
    label = "Text"
    stored = str
    operators = ("contains", "eq", "ne", "oneof", "empty", "filled")

    def recogniser(self, format_name: str = "") -> TextRecogniser:
        return TextRecogniser()

    def _parse(self, text: str, format: Format) -> str:
        return text
