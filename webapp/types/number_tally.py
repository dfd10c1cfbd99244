"""Counts how the numbers of a column are written, and finds the format that prints most of them back."""

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from webapp.types.base import Choice
from webapp.types.number_format import MAX_DIGITS, Written, is_64_bits, read_number
from webapp.types.number_identifiers import Identifiers
from webapp.types.tally import PADDING, Exceptions, Offer, Tally, split

_MAX_WAYS = 2_000  # distinct ways to write a number; the others count as one
_TOO_LONG = 20  # digits; what has 19 may have 64 bits
MARKS = (".", ",")
# A decimal as most are written, which means a number with one of the marks only: no 1.234, and not minus zero.
_PLAIN = re.compile(
    r"(?!-0[.,]0+\Z)(-?)(?![1-9][0-9]{0,2}[.,][0-9]{3}\Z)(0|[1-9][0-9]{0,14})([.,])([0-9]{1,40})", re.ASCII
)


class Shape(NamedTuple):
    """What matters for formats: the digits before and after the mark, and whether the last one is a zero."""

    whole: int
    scale: int
    ends_in_zero: bool


class Way(NamedTuple):
    """A way to write a number: all that decides which formats print it back."""

    prefix: str = ""
    suffix: str = ""
    group: str = ""
    indian: bool = False
    negative: str | None = None
    whole: int = 1
    scale: int = 0
    is_fraction: bool = False
    ends_in_zero: bool = False
    is_odd: bool = False

    @classmethod
    def of(cls, written: Written) -> "Way":
        return cls(
            written.prefix,
            written.suffix,
            written.group,
            written.indian,
            written.negative,
            written.whole if written.whole < _TOO_LONG - 1 or is_64_bits(written) else max(written.whole, _TOO_LONG),
            written.scale,
            written.is_fraction,
            written.ends_in_zero,
            written.is_odd,
        )


class NumberReading:
    """What the cells mean if `mark` separates the decimals."""

    def __init__(self, mark: str, only: str) -> None:
        self.mark = mark
        self.ways: Counter[Way] = Counter()
        self.exceptions = Exceptions()
        self.valued = 0
        self._needs_whole = only == "integer"
        self._has_others = False  # ways beyond those that are counted, or spaces around some numbers

    def add(self, text: str, count: int, written: Written | None, *, is_padded: bool) -> None:
        if written is None or (self._needs_whole and not is_64_bits(written)):
            self.exceptions.add(text, count)
            return
        self._has_others = self._has_others or is_padded
        self.add_way(Way.of(written), count)

    def add_way(self, way: Way, count: int) -> None:
        self.valued += count
        if way in self.ways or len(self.ways) < _MAX_WAYS:
            self.ways[way] += count
        else:
            self._has_others = True

    def choices(self, only: str) -> list[Choice]:
        """The format that prints most back, as an integer if no number has a fraction."""
        style = self._style()
        is_whole = only == "integer" or not any(way.is_fraction or way.whole >= _TOO_LONG for way in self.ways)
        choices = []
        if is_whole and only != "decimal":
            matching = sum(_is_printed_whole(way, style) for way in self.ways)
            choices.append(self._choice("integer", style, matching == len(self.ways)))
        if only != "integer":
            choices.append(self._decimal(style))
        return choices

    def _style(self) -> dict[str, Any]:
        """The keys of the format that integers and decimals share, each as most numbers have it."""
        style: dict[str, Any] = {"mark": self.mark} if self.mark == "," else {}
        prefix, suffix = _most(self.ways, lambda way: (way.prefix, way.suffix)) or ("", "")
        group, indian = _most(self.ways, lambda way: (way.group, way.indian) if way.whole > 3 else None) or ("", False)
        negative = _most(self.ways, lambda way: way.negative) or ""
        if indian and any(way.group == "," and not way.indian and way.whole > 5 for way in self.ways):
            indian = self._weight(lambda way: way.indian) > self._weight(lambda way: way.whole > 5 and not way.indian)
        elif group == "," and not indian and self._has_only_indian_lakhs():
            indian = True
        keys = {"group": group, "indian": indian, "prefix": prefix, "suffix": suffix, "negative": negative}
        return style | {key: value for key, value in keys.items() if value}

    def _has_only_indian_lakhs(self) -> bool:
        """Whether the long numbers show that the short ones, 12,345, are the beginning of 12,34,567."""
        long = [way for way in self.ways if way.group == "," and way.whole > 5]
        return bool(long) and all(way.indian for way in long)

    def _weight(self, condition: Callable[[Way], bool]) -> int:
        return sum(count for way, count in self.ways.items() if condition(way))

    def _decimal(self, style: dict[str, Any]) -> Choice:
        """Of the styles that print most back: one that prints all, or one that shows as many decimals as needed."""
        ways = {way: count for way, count in self.ways.items() if _is_styled(way, style)}
        room = MAX_DIGITS - max((way.whole for way in ways), default=1)
        scales = sorted({min(way.scale, max(0, room)) for way in self.ways}, reverse=True)
        candidates = [("fixed", scale) for scale in scales if scale]
        candidates += [(name, scale) for name in ("plain", "point") for scale in scales]

        def rank(candidate: tuple[str, int]) -> tuple[int, bool, bool]:
            printed = [way for way in ways if _is_printed(way, *candidate)]
            is_complete = len(printed) == len(self.ways)
            return sum(ways[way] for way in printed), is_complete, candidate[0] == "plain" and not is_complete

        name, scale = max(candidates, key=rank)
        return self._choice("decimal", {"style": name, "scale": scale} | style, rank((name, scale))[1])

    def _choice(self, type_: str, format: dict[str, Any], is_complete: bool) -> Choice:
        keeps = not is_complete or self._has_others or self.exceptions.count > 0
        return Choice(type_, format, keeps, self.exceptions.count)


class Accepted(NamedTuple):
    """What the recogniser knows of the numbers it has accepted."""

    shapes: Collection[Shape]
    mark: str  # empty if all are whole numbers
    is_ambiguous: bool  # the mark may as well separate groups
    has_negative: bool


class NumberTally(Tally):
    """In two readings at once, with a decimal point and with a decimal comma; `only` is one of the two types."""

    def __init__(self, filled: int, accepted: Accepted | None, only: str = "", mark: str = "") -> None:
        super().__init__(filled)
        self._only = only
        self._marks = (mark,) if mark else MARKS
        self._readings = {mark: NumberReading(mark, only) for mark in MARKS}
        self._proofs = dict.fromkeys(MARKS, 0)  # values that only this reading finds
        self._differing = 0  # values that mean another number in each
        self.identifiers = Identifiers()
        if accepted is None:
            for reading in self._readings.values():
                reading.exceptions.add_unknown(filled)
        else:
            self._seed(accepted)

    def _seed(self, accepted: Accepted) -> None:
        for mark, reading in self._readings.items():
            ways = [_way_of(shape, accepted.mark, mark) for shape in accepted.shapes]
            known = [way for way in ways if way is not None]
            if len(known) < len(ways):  # some are numbers in this reading as well, but nobody knows how many
                reading.exceptions.add_unknown(self.filled)
                continue
            if accepted.has_negative:
                known += [way._replace(negative="") for way in known if way.whole or way.scale]
            for way, count in zip(known, split(self.filled, len(known)), strict=True):
                reading.add_way(way, count)
        if accepted.mark and accepted.is_ambiguous:
            self._differing += self.filled
        elif accepted.mark:
            self._proofs[accepted.mark] += self.filled

    def _add(self, text: str, count: int) -> None:
        if self._only != "integer" and (plain := _PLAIN.fullmatch(text)):
            self._add_plain(text, count, *plain.groups())
            return
        bare = text.strip(PADDING)
        point = read_number(bare, ".")
        comma = read_number(bare, ",") if "," in text or "." in text else point
        self._readings["."].add(text, count, point, is_padded=bare != text)
        self._readings[","].add(text, count, comma, is_padded=bare != text)
        if (point is None) != (comma is None):
            self._proofs["." if point else ","] += count
        elif point and comma and point.digits != comma.digits:
            self._differing += count
        self.identifiers.add(bare, point, comma, has_tab="\t" in text)

    def _add_plain(self, text: str, count: int, sign: str, whole: str, mark: str, fraction: str) -> None:
        """What the grammar would say, in a fraction of its time: decimals hardly repeat, so each text comes by here."""
        way = Way(
            negative="" if sign else None,
            whole=len(whole) if whole != "0" else 0,
            scale=len(fraction),
            is_fraction=True,
            ends_in_zero=fraction[-1] == "0",
        )
        self._readings[mark].add_way(way, count)
        self._readings["," if mark == "." else "."].exceptions.add(text, count)
        self._proofs[mark] += count
        self.identifiers.add_fraction()

    @property
    def valued(self) -> int:
        return max(self._readings[mark].valued for mark in self._marks)

    @property
    def exceptions(self) -> Exceptions:
        return min((self._readings[mark].exceptions for mark in self._marks), key=lambda exceptions: exceptions.count)

    def offers(self) -> list[Offer]:
        marks = sorted(self._marks, key=lambda mark: -self._readings[mark].valued)
        if len(marks) == 2 and not self.ambiguous_reading():
            marks = marks[:1] if self._readings[marks[0]].valued > self._readings[marks[1]].valued else ["."]
        return [
            Offer(choice, reading.exceptions, mark)
            for mark in marks
            if (reading := self._readings[mark]).valued
            for choice in reading.choices(self._only)
        ]

    def longest_code(self) -> int:
        """The digits of the longest number, if they may be names of things; 0 if some have a sign or a fraction."""
        ways = self._readings["."].ways
        is_plain = all(
            way.negative is None and not (way.is_fraction or way.group or way.prefix + way.suffix) for way in ways
        )
        return max((way.whole for way in ways), default=0) if is_plain else 0

    def ambiguous_reading(self) -> bool:
        return len(self._marks) == 2 and self._differing > 0 and not any(self._proofs.values())

    def evidence(self) -> str:
        point, comma = (self._proofs[mark] for mark in MARKS)
        return "" if point == comma else "." if point > comma else ","


def _way_of(shape: Shape, accepted_mark: str, mark: str) -> Way | None:
    """How a number that the recogniser has accepted is read with this mark; None if it is no number then."""
    if not shape.scale:
        return Way(whole=shape.whole)
    if mark == (accepted_mark or "."):
        return Way(whole=shape.whole, scale=shape.scale, is_fraction=True, ends_in_zero=shape.ends_in_zero)
    if shape.scale == 3 and 1 <= shape.whole <= 3:
        return Way(whole=shape.whole + 3, group=accepted_mark)
    return None


def _most(ways: Counter[Way], key: Callable[[Way], Any]) -> Any:
    """The most frequent value of `key` other than None; None if there is none."""
    counts: Counter[Any] = Counter()
    for way, count in ways.items():
        if (value := key(way)) is not None:
            counts[value] += count
    return counts.most_common(1)[0][0] if counts else None


def _is_styled(way: Way, style: dict[str, Any]) -> bool:
    group = style.get("group", "")
    return (
        not way.is_odd
        and (way.prefix, way.suffix) == (style.get("prefix", ""), style.get("suffix", ""))
        and (way.whole <= 3 or way.group == group)
        and (not style.get("indian") or way.whole <= 5 or way.indian)
        and (bool(style.get("indian")) or not way.indian)
        and way.negative in (None, style.get("negative", ""))
    )


def _is_printed_whole(way: Way, style: dict[str, Any]) -> bool:
    return _is_styled(way, style) and not way.is_fraction and way.whole < _TOO_LONG


def _is_printed(way: Way, style: str, scale: int) -> bool:
    """Whether the digits of such a number come out of a decimal of this style and scale."""
    if way.whole + scale > MAX_DIGITS:
        return False
    if style == "fixed":
        return way.scale == scale
    if style == "plain":
        return way.scale <= scale and not (way.scale and way.ends_in_zero)
    return 1 <= way.scale <= scale and not (way.ends_in_zero and way.scale > 1)
