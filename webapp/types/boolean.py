"""Booleans, in the words of the file."""

from collections.abc import Collection
from typing import Any

from webapp.types.base import NULL, Choice, ColumnType, Format

_LOWER_CASE = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
PAIRS = [
    *dict.fromkeys((change(yes), change(no)) for yes, no in _LOWER_CASE for change in (str, str.title, str.upper)),
    ("1", "0"),
]
_UNAMBIGUOUS = ("true", "false")  # words that mean a boolean even when only one of the two occurs
_MAX_WORD = 20
_INPUT = {"1": 1, "true": 1, "yes": 1, "y": 1, "t": 1, "on": 1, "0": 0, "false": 0, "no": 0, "n": 0, "f": 0, "off": 0}


class BooleanRecogniser:
    """Exactly one pair of words. `NO` alone may be Norway, so most words count only if both occur."""

    def __init__(self, format_name: str = "") -> None:
        self._pairs = [pair for pair in PAIRS if format_name in ("", "/".join(pair))] or PAIRS
        self._seen: set[str] = set()

    @property
    def doubt(self) -> str:
        if len(self._seen) < 2 and not any(word.lower() in _UNAMBIGUOUS for word in self._seen):
            return "only one of two words occurs"
        return ""

    def accept(self, values: Collection[str]) -> str | None:
        seen = self._seen.union(values)
        pairs = [pair for pair in self._pairs if seen.issubset(pair)]
        if not pairs:
            first = set(self._pairs[0]) if self._seen else {word for pair in self._pairs for word in pair}
            return next((value for value in values if value not in first), next(iter(values)))
        self._pairs, self._seen = pairs, seen
        return None

    def choices(self) -> list[Choice]:
        return [Choice("boolean", {"true": true, "false": false}) for true, false in self._pairs[:1]]


class Boolean(ColumnType):
    name = "boolean"
    label = "Yes or no"
    stored = int
    operators = ("eq", "ne", "empty", "filled")

    def recogniser(self, format_name: str = "") -> BooleanRecogniser:
        return BooleanRecogniser(format_name)

    def describe(self, format: Format) -> str:
        return f"{format['true']} or {format['false']}"

    def format_name(self, format: Format) -> str:
        return f"{format['true']}/{format['false']}"

    def check(self, format: Format) -> dict[str, Any]:
        true, false = format.get("true"), format.get("false")
        words = {true, false, format.get(NULL, "")}
        if len(words) != 3 or not all(isinstance(word, str) and len(word) <= _MAX_WORD for word in words):
            raise ValueError("Yes and no need a short word each")
        if not all(word and word.isprintable() for word in (true, false) if isinstance(word, str)):
            raise ValueError("Yes and no need a word that can be printed")
        return super().check(format) | {"true": true, "false": false}

    def _parse(self, text: str, format: Format) -> int:
        if text not in (format["true"], format["false"]):
            raise ValueError(f"“{text}” is neither {format['true']} nor {format['false']}")
        return int(text == format["true"])

    def _parse_input(self, text: str, format: Format) -> int:
        values: dict[str, int] = _INPUT | {format["false"].lower(): 0, format["true"].lower(): 1}
        if (value := values.get(text.lower())) is None:
            raise ValueError(f"“{text}” is neither {format['true']} nor {format['false']}")
        return value

    def _print(self, value: str | int | float, format: Format) -> str:
        return str(format["true"] if value else format["false"])
