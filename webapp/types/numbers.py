"""Recognises numbers: the shapes of all values determine which formats reproduce every one of them."""

import re
from collections.abc import Collection, Iterator

from webapp.types.base import Choice, Format
from webapp.types.number_format import MAX_DIGITS, MAX_INTEGER, MIN_INTEGER, Written, mark_of_name, read_number
from webapp.types.number_tally import Accepted, NumberTally, Shape
from webapp.types.tally import Offer

NUMBER_OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "between", "oneof", "noneof", "empty", "filled")

_LINES = {
    # Minus zero is excluded, because a database may drop its sign.
    mark: re.compile(rf"(?:(?!-0(?:{re.escape(mark)}0+)?\n)-?(?:0|[1-9][0-9]*)(?:{re.escape(mark)}[0-9]+)?\n)*+")
    for mark in ".,"
}
_ONE_NON_ZERO = str.maketrans("23456789", "1" * 8)


def typed_numbers(text: str, format: Format) -> Iterator[Written]:
    """What a number typed by a person may mean, in the style of the column first, and then with the other mark."""
    mark = format.get("mark", ".")
    for candidate in (mark, "," if mark == "." else "."):
        if (written := read_number(text, candidate)) is not None:
            yield written


class NumberRecogniser:
    """Integers until the first fraction, then decimals; `only` restricts it to one of the two types."""

    def __init__(self, only: str = "", format_name: str = "") -> None:
        self._only = only
        self._marks = mark_of_name(format_name) or ".,"
        self._has_integers = False
        self._lowest, self._highest = 0, 0
        self._mark = ""
        self._shapes: set[Shape] = set()
        self._has_negative = False

    def tally(self, filled: int, *, is_accepted: bool) -> NumberTally:
        shapes = self._shapes or self._integer_shapes()
        has_negative = self._has_negative or self._lowest < 0
        accepted = Accepted(shapes, self._mark, self.ambiguous_reading(), has_negative)
        return NumberTally(
            filled,
            accepted if is_accepted and shapes else None,
            self._only,
            self._marks if len(self._marks) == 1 else "",
        )

    def ambiguous_reading(self) -> bool:
        """Whether its mark may separate decimals or thousands: all have three digits behind it, and none tells."""
        fractions = [shape for shape in self._shapes if shape.scale]
        is_grouped = all(shape.scale == 3 and 1 <= shape.whole <= 3 for shape in fractions)
        return len(self._marks) == 2 and bool(fractions) and is_grouped

    def evidence(self) -> str:
        return "" if self.ambiguous_reading() else self._mark

    def longest_code(self) -> int:
        """The digits of the longest number, if they may be names of things; 0 if some have a sign or a fraction."""
        return 0 if self._shapes or self._lowest < 0 else len(str(self._highest))

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
        shapes = self._shapes | self._integer_shapes() | _shapes(text, mark)
        if not _formats(shapes, mark):
            return False
        self._shapes, self._mark = shapes, mark
        self._has_negative = self._has_negative or "-" in text
        return True

    def _integers_are_decimals(self) -> bool:
        return max(len(str(abs(self._lowest))), len(str(self._highest))) <= MAX_DIGITS

    def _integer_shapes(self) -> set[Shape]:
        """The shapes of the integers before the first fraction, if any."""
        if self._shapes or not self._has_integers:
            return set()
        return _shapes(f"{self._lowest}\n{self._highest}", ".")

    def offers(self) -> list[Offer]:
        if not self._shapes:
            return [Offer(choice) for choice in self._whole_choices()]
        offers = [Offer(choice, reading=self._mark) for choice in _formats(self._shapes, self._mark)]
        if self.ambiguous_reading() and self._only != "decimal":
            other = "," if self._mark == "." else "."
            is_complete = all(shape.whole <= 3 for shape in self._shapes)
            format = {"group": self._mark} | ({"mark": other} if other == "," else {})
            offers.append(Offer(Choice("integer", format, keeps_texts=not is_complete), reading=other))
        return offers

    def _whole_choices(self) -> list[Choice]:
        if not self._has_integers:
            return []
        integer = [Choice("integer")] if self._only != "decimal" else []
        decimal = [Choice("decimal", {"style": "plain", "scale": 0})] if self._integers_are_decimals() else []
        return integer + (decimal if self._only != "integer" else [])


def _shapes(text: str, mark: str) -> set[Shape]:
    """Of numbers, each on a line. There are hundreds of thousands, and few that still differ once 1 to 9 are the same
    digit.
    """
    written = {number.partition(mark) for number in set(text.translate(_ONE_NON_ZERO).split())}
    return {Shape(len(whole.lstrip("-0")), len(fraction), fraction[-1:] == "0") for whole, _, fraction in written}


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
