"""Text: whatever a cell holds, character by character."""

from collections.abc import Collection

from webapp.types.base import Choice, ColumnType, Format
from webapp.types.tally import Exceptions, Offer, Tally

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # characters a formula may start with in a spreadsheet


def defuse_formula(text: str) -> str:
    """With an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


class TextTally(Tally):
    """Every cell has a value."""

    @property
    def valued(self) -> int:
        return self.filled

    @property
    def exceptions(self) -> Exceptions:
        return Exceptions()

    def offers(self) -> list[Offer]:
        return [Offer(Choice("text"))]

    def _add(self, text: str, count: int) -> None:
        """Nothing is to be counted."""


class TextRecogniser:
    """Accepts every value."""

    def accept(self, values: Collection[str]) -> str | None:
        return None

    def offers(self) -> list[Offer]:
        return [Offer(Choice("text"))]

    def ambiguous_reading(self) -> bool:
        return False

    def evidence(self) -> str:
        return ""

    def tally(self, filled: int, *, is_accepted: bool) -> Tally:
        return TextTally(filled)


class Text(ColumnType):
    name = "text"
    label = "Text"
    stored = str
    operators = ("contains", "notcontains", "starts", "eq", "ne", "oneof", "noneof", "empty", "filled")

    def recogniser(self, format_name: str = "") -> TextRecogniser:
        return TextRecogniser()

    def _parse(self, text: str, format: Format) -> str:
        return text
