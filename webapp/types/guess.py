"""Infers a column's type from all its values, with the reason in words."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from webapp.types import TYPES, describe
from webapp.types.base import Choice
from webapp.types.day_tally import DayTally
from webapp.types.days import DayRecogniser
from webapp.types.identifiers import titled
from webapp.types.number_tally import NumberTally
from webapp.types.numbers import NumberRecogniser
from webapp.types.reading_hints import NO_ORDER, Hints, resolved
from webapp.types.reasons import quoted, reason_for, shorten, texts_kept
from webapp.types.tally import HOPELESS_AFTER, Exceptions, Offer, Recogniser, Tally, is_missing

_NOT_NUMBERS = ("boolean", "date", "datetime", "time", "duration")
NUMBERS = ("integer", "decimal")
MAX_WIDTH = 80  # characters; wider values do not widen the column
MAX_REMEMBERED = 20_000  # distinct values, so that each is tested once
MAX_SAMPLES = 5
# Why a value that looks like a number has no value.
_PITFALLS = (
    (re.compile(r"[0-9]+_[0-9_]+"), "underscore"),
    (re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE), "not a number"),
    (re.compile(r"(?:(?!\d)[^\x00-\x7f])*\d[^\x00-\x7f]*"), "digits of another script"),
)
_ENOUGH_OF_FILLED = 0.5  # for a type to be offered


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit, and the first row that holds it."""

    row: int
    value: str

    def __str__(self) -> str:
        return f"row {self.row:,} is {quoted(self.value)}"


@dataclass(slots=True)
class ColumnFacts:
    """What is recorded about every column, whatever its type."""

    rows: int = 0
    empty: int = 0
    width: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, values: Sequence[str]) -> bool:
        """Return whether any value is empty."""
        empty = 0 if all(values) else values.count("")  # `all` compares nothing: a tenth of the time of counting
        self.rows += len(values)
        self.empty += empty
        if self.width < MAX_WIDTH:
            self.width = min(MAX_WIDTH, max(self.width, max(map(len, values), default=0)))
        if len(self.samples) < MAX_SAMPLES:
            candidates = dict.fromkeys([*self.samples, *map(shorten, filter(None, values[:200]))])
            self.samples = list(candidates)[:MAX_SAMPLES]
        return empty > 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The type a column gets without asking, and what else it may have."""

    choice: Choice
    reason: str
    choices: list[Choice]
    exceptions: Exceptions = field(default_factory=Exceptions)
    question: str = ""
    null_token: str | None = None


class TypeGuesser:
    """Determines a column's type once `add` has seen every value.

    As long as one format prints all values back, recognisers prove that. The first value that none of them accepts
    starts the tallies, which count what the values mean. `only` restricts both to one type, however few values have it.
    """

    def __init__(self, max_remembered: int = MAX_REMEMBERED, *, only: str = "", format_name: str = "") -> None:
        self.facts = ColumnFacts()
        self.misfit: Misfit | None = None
        self._only = only
        self._families: list[Recogniser] = (
            [TYPES[only].recogniser(format_name)]
            if only
            else [NumberRecogniser(), *(TYPES[name].recogniser() for name in _NOT_NUMBERS)]
        )
        self._fitting = self._families
        self._tallies: list[Tally] | None = None
        self._seen: set[str] | None = set()
        self._max_remembered = max_remembered
        self._has_value = False
        # The first values, as they are: a tally that begins early counts them in all readings.
        self._early: list[str] = []
        self._max_early = min(HOPELESS_AFTER, max_remembered)

    def add(self, values: Sequence[str]) -> None:
        start = self.facts.rows
        filled = self.filled
        has_empty = self.facts.add(values)
        if self._tallies is not None:
            self._count(values)
            return
        if len(self._early) < self._max_early:
            self._early += list(filter(None, values))[: self._max_early - len(self._early)]
        if not self._has_value and (first := next(filter(None, values), "")):
            self._has_value = True
            self._narrow([first])  # rules out most types at once
        new = self._new_values(values, has_empty)
        if new and any(recogniser.accept(new) is not None for recogniser in self._fitting):
            self._test_each(values, start, filled)
        elif new and not self._fitting:
            self._begin_tallies(values, start, filled)
        if self._seen is not None and self._tallies is None:
            self._seen.update(new)

    def _new_values(self, values: Sequence[str], has_empty: bool) -> Collection[str]:
        """The values not seen before; all of them if hardly any repeat."""
        if self._seen is not None:
            if len(self._seen) < self._max_remembered:
                return set(values).difference(self._seen, ("",))
            self._seen = None
        return list(filter(None, values)) if has_empty else values

    def _narrow(self, values: Collection[str]) -> bool:
        """Keep the types that fit these values as well; return False, keeping all, if none does."""
        fitting = [recogniser for recogniser in self._fitting if recogniser.accept(values) is None]
        self._fitting = fitting or self._fitting
        return bool(fitting)

    def _test_each(self, values: Sequence[str], start: int, filled: int) -> None:
        """Test values one by one against each type. Rare, because each misfit ends a type or the proof."""
        for index, value in enumerate(values):
            if value and not (self._seen and value in self._seen) and not self._narrow((value,)):
                accepted = filled + index - list(values[:index]).count("")
                self._begin_tallies(values[index:], start + index, accepted)
                return

    def _begin_tallies(self, values: Sequence[str], start: int, filled: int) -> None:
        """From this row on; so many filled cells before it were accepted."""
        offset = next(index for index, value in enumerate(values) if value)
        self.misfit = Misfit(start + offset + 1, values[offset])
        self._seen = None
        early, self._early = self._early[:filled], []
        if len(early) == filled:
            self._tallies = [family.tally(0, is_accepted=False) for family in self._families]
            self._count(early)
        else:
            self._tallies = [family.tally(filled, is_accepted=family in self._fitting) for family in self._families]
        self._count(values)

    def _count(self, values: Sequence[str]) -> None:
        for begin in range(0, len(values), HOPELESS_AFTER):
            if not self._tallies:
                return
            counts = Counter(values[begin : begin + HOPELESS_AFTER])
            counts.pop("", None)
            for tally in self._tallies:
                tally.add(counts)
            if not self._only:
                self._tallies = [tally for tally in self._tallies if not tally.is_hopeless()]

    @property
    def filled(self) -> int:
        return self.facts.rows - self.facts.empty

    @property
    def _sources(self) -> Sequence[Recogniser | Tally]:
        """What knows about each type that is possible."""
        if not self._has_value:
            return []
        if self._tallies is None:
            return self._fitting
        if self._only:
            return self._tallies
        return [tally for tally in self._tallies if not (isinstance(tally, DayTally) and tally.has_only_days)]

    @property
    def exceptions(self) -> Exceptions:
        """The cells that have no value of any type that is still possible."""
        tallies = self._tallies or []
        return min((tally.exceptions for tally in tallies), key=lambda e: e.count, default=Exceptions(self.filled))

    @property
    def mark(self) -> str:
        """The decimal mark that this column proves; empty if it proves none."""
        return next((s.evidence() for s in self._sources if isinstance(s, NumberRecogniser | NumberTally)), "")

    @property
    def order(self) -> str:
        """The order of day and month that this column proves; empty if it proves none, or is no column of dates."""
        for source in self._sources:
            if isinstance(source, DayRecogniser | DayTally) and (order := source.evidence()):
                offer = source.offers()[0]
                if offer.reading == order and not offer.doubt and offer.exceptions.are_few(self.filled):
                    return order
        return ""

    def offers(self, hints: Hints | None = None) -> list[Offer]:
        """Every type that some cells have, the most natural first."""
        found = [offer for source in self._sources for offer in resolved(source, hints or Hints())]
        if any(_is_unpadded_clock(offer.choice) for offer in found):
            found.sort(key=lambda offer: offer.choice.type != "duration")
        return found

    def decide(self, title: str = "", hints: Hints | None = None) -> Decision:
        """The type to take without asking, with the reason and everything that may be taken instead."""
        offers = self.offers(hints)
        null_token = self._null_token(offers)
        offered = [
            offer
            for offer in offers
            if offer.exceptions.share(self.filled) <= 1 - _ENOUGH_OF_FILLED
            or (null_token and [*offer.exceptions.tokens] == [null_token] and not offer.exceptions.are_many)
        ]
        enough = [offer for offer in offered if offer.exceptions.are_few(self.filled)]
        best = next((offer for offer in enough if not offer.doubt), None)
        choices = _distinct([best, *offered] if best else offered)
        if best and (sign := self._sign_of_identifiers(best, title)):
            return Decision(Choice("text"), f"Text ({sign})", choices, null_token=null_token)
        if best is None:
            asked = any(offer.doubt == NO_ORDER for offer in enough)
            reason = self._reason_for_text(offered, enough)
            return Decision(Choice("text"), reason, choices, question="order" if asked else "", null_token=null_token)
        return Decision(best.choice, reason_for(best, self.filled), choices, best.exceptions, null_token=null_token)

    def _sign_of_identifiers(self, best: Offer, title: str) -> str:
        """Why numbers are names of things in this column; empty if nothing says so."""
        if best.choice.type not in NUMBERS:
            return ""
        source = next(source for source in self._sources if isinstance(source, NumberRecogniser | NumberTally))
        sign = source.identifiers.reason if isinstance(source, NumberTally) else ""
        return sign or titled(title, source.longest_code(), is_mixed=best.choice.keeps_texts)

    def _null_token(self, offers: Sequence[Offer]) -> str | None:
        """The one word that keeps the column from its type and means "nothing".

        None if other cells are really empty: printed back, the two would be indistinguishable.
        """
        if not offers or self.facts.empty:
            return None
        exceptions = offers[0].exceptions
        if exceptions.are_many or len(exceptions.tokens) != 1:
            return None
        word, count = exceptions.most_frequent[0]
        is_repeated_word = count > 1 and len(word) <= 12 and not any(map(str.isdigit, word))
        return word if word.strip() and word.isprintable() and (is_missing(word) or is_repeated_word) else None

    def _reason_for_text(self, offered: Sequence[Offer], enough: Sequence[Offer]) -> str:
        if not self.filled:
            return "Text (every cell is empty)" if self.facts.rows else "Text (no rows)"
        if enough:
            return f"Text ({enough[0].doubt}: {', '.join(map(quoted, self.facts.samples[:2]))})"
        if offered and not offered[0].doubt:
            return f"Text (as {describe(offered[0].choice)}, {texts_kept(offered[0], self.filled)})"
        value = self.misfit.value if self.misfit else ""
        pitfall = next((f", {name}" for pattern, name in _PITFALLS if pattern.fullmatch(value)), "")
        return f"Text ({self.misfit}{pitfall})"


def _is_unpadded_clock(choice: Choice) -> bool:
    """`1:02:03` is how long a race took, `01:02:03` a time of day."""
    text = choice.format.get("layout", "")
    return choice.type == "time" and text.startswith("H:") and "ss" in text


def _distinct(offers: Sequence[Offer]) -> list[Choice]:
    choices: list[Choice] = []
    for offer in offers:
        if offer.choice not in choices:
            choices.append(offer.choice)
    return choices
