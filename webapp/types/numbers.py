"""Recognises numbers: the shapes of all values determine which formats reproduce every one of them."""

import re
from collections.abc import Collection, Iterable
from itertools import repeat
from typing import NamedTuple

from webapp.types.base import Choice

NUMBER_OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "between", "oneof", "empty", "filled")
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
# A double represents every number of this many decimal digits without loss, and so does SQLite's text form of it.
MAX_DIGITS = 15

_LINES = {
    # Minus zero is excluded, because a database may drop its sign.
    mark: re.compile(rf"(?:(?!-0(?:{re.escape(mark)}0+)?\n)-?(?:0|[1-9][0-9]*)(?:{re.escape(mark)}[0-9]+)?\n)*+")
    for mark in ".,"
}


class Shape(NamedTuple):
    """What matters for formats: the digits before and after the mark, and whether the last one is a zero."""

    whole: int
    scale: int
    ends_in_zero: bool


class NumberRecogniser:
    """Integers until the first fraction, then decimals; `only` restricts it to one of the two types."""

    def __init__(self, only: str = "", format_name: str = "") -> None:
        self._only = only
        self._marks = format_name[1:2] if format_name[1:2] in (".", ",") else ".,"
        self._has_integers = False
        self._lowest, self._highest = 0, 0
        self._mark = ""
        self._shapes: set[Shape] = set()

    @property
    def doubt(self) -> str:
        fractions = [shape for shape in self._shapes if shape.scale]
        grouped = all(shape.scale == 3 and 1 <= shape.whole <= 3 for shape in fractions)
        return "its commas may mark decimals or thousands" if self._mark == "," and grouped else ""

    def accept(self, values: Collection[str]) -> str | None:
        if not values or (not self._shapes and self._accept_integers(values)):
            return None
        if self._only != "integer" and self._accept_decimals(values):
            return None
        if len(values) == 1:
            return next(iter(values))
        return next((value for value in values if self.accept((value,)) is not None), None)

    def _accept_integers(self, values: Collection[str]) -> bool:
        """The actual proof: parsed as numbers and printed, they must be equal."""
        try:
            numbers = list(map(int, values))
        except ValueError:
            return False
        lowest, highest = min(numbers), max(numbers)
        if lowest < MIN_INTEGER or highest > MAX_INTEGER or list(map(str, numbers)) != list(values):
            return False
        self._lowest, self._highest = min(lowest, self._lowest), max(highest, self._highest)
        self._has_integers = True
        return True

    def _accept_decimals(self, values: Collection[str]) -> bool:
        text = "\n".join(values) + "\n"
        mark = self._mark or next((mark for mark in self._marks if mark in text), self._marks[0])
        if text.count("\n") > len(values) or not _LINES[mark].fullmatch(text):  # a cell of two lines is not two numbers
            return False
        if not self._shapes and not self._integers_are_decimals():
            return False
        shapes = self._shapes | self._integer_shapes() | _shapes(values, mark)
        if not _formats(shapes, mark):
            return False
        self._shapes, self._mark = shapes, mark
        return True

    def _integers_are_decimals(self) -> bool:
        return max(len(str(abs(self._lowest))), len(str(self._highest))) <= MAX_DIGITS

    def _integer_shapes(self) -> set[Shape]:
        """The shapes of the integers before the first fraction, if any."""
        if self._shapes or not self._has_integers:
            return set()
        return _shapes((str(self._lowest), str(self._highest)), ".")

    def choices(self) -> list[Choice]:
        if self._shapes:
            return _formats(self._shapes, self._mark)
        integer = [Choice("integer")] if self._only != "decimal" else []
        decimal = [Choice("decimal", {"style": "plain", "scale": 0})] if self._integers_are_decimals() else []
        return integer + (decimal if self._only != "integer" else [])


def _shapes(values: Iterable[str], mark: str) -> set[Shape]:
    return {
        Shape(len(whole.lstrip("-0")), len(fraction), fraction[-1:] == "0")
        for whole, _, fraction in map(str.partition, values, repeat(mark))
    }


def _formats(shapes: set[Shape], mark: str) -> list[Choice]:
    scales = {shape.scale for shape in shapes}
    scale = max(scales)
    if max(shape.whole for shape in shapes) + scale > MAX_DIGITS:
        return []
    styles = []
    if len(scales) == 1 and scale:
        styles.append("fixed")
    if not any(shape.ends_in_zero for shape in shapes):
        styles.append("plain")
    if 0 not in scales and all(shape.scale == 1 for shape in shapes if shape.ends_in_zero):
        styles.append("point")
    comma = {"mark": mark} if mark == "," else {}
    return [Choice("decimal", {"style": style, "scale": scale, **comma}) for style in styles]
