"""Infers a column's type from all its values, with the reason in words."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from webapp.types import TYPES
from webapp.types.base import Choice, Recogniser
from webapp.types.numbers import NumberRecogniser
from webapp.types.traps import why_not

_NOT_NUMBERS = ("boolean", "date", "datetime")
WIDEST = 80  # characters; wider values do not widen the column
MEMO = 20_000  # distinct values remembered, so that each is tested once
_SAMPLES = 5
_SHOWN = 40  # characters of a value quoted in a reason
_KEPT = 500  # characters kept of a sample: a preview is loaded as a whole, and a cell may hold a whole document
_NULL_WORDS = frozenset(
    ("na", "n/a", "n.a.", "#n/a", "nan", "nil", "null", "none", "-", "--", "---", ".", "?", "\\n", "(null)", "missing")
)


@dataclass(slots=True)
class Sighting:
    """A value and the row in which it first occurred."""

    row: int
    value: str

    def __str__(self) -> str:
        return f"row {self.row:,} holds {quoted(self.value)}"


def cut(value: str) -> str:
    return value if len(value) <= _KEPT else value[: _KEPT - 1] + "…"


def quoted(value: str) -> str:
    """A value as part of a sentence: shortened, on one line, and marked where its ends would be invisible."""
    shown = value if value.isprintable() else value.encode("unicode_escape").decode("ascii")
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
    return shown if shown and shown == shown.strip() and " " not in shown else f"“{shown}”"


@dataclass(slots=True)
class Facts:
    """What is recorded about every column, whatever its type."""

    rows: int = 0
    empty: int = 0
    width: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, values: Sequence[str]) -> bool:
        """Return whether any value is empty."""
        empty = values.count("")
        self.rows += len(values)
        self.empty += empty
        if self.width < WIDEST:
            self.width = min(WIDEST, max(self.width, max(map(len, values), default=0)))
        if len(self.samples) < _SAMPLES:
            self._sample(values)
        return empty > 0

    def _sample(self, values: Sequence[str]) -> None:
        for value in map(cut, dict.fromkeys(values[:200])):
            if value and value not in self.samples and len(self.samples) < _SAMPLES:
                self.samples.append(value)


class Guess:
    """Determines a column's type once `add` has seen every value."""

    def __init__(self, memo: int = MEMO) -> None:
        self.facts = Facts()
        self.exception: Sighting | None = None  # the first value that does not fit what all others fit
        self.exceptions = 0
        self.is_text = False
        self._alive: list[Recogniser] = [NumberRecogniser(), *(TYPES[name].recogniser() for name in _NOT_NUMBERS)]
        self._seen: set[str] | None = set()
        self._memo = memo
        self._started = False

    def add(self, values: Sequence[str]) -> None:
        start = self.facts.rows
        has_empty = self.facts.add(values)
        if self.is_text:
            return
        if not self._started and (first := next(filter(None, values), "")):
            self._started = True
            self._sift([first], start + values.index(first))  # rules out most types at once
        fresh = self._fresh(values, has_empty)
        if fresh and any(one.misfit(fresh) is not None for one in self._alive):
            self._sift(values, start)
        if self.exception and not self.is_text:
            self.exceptions += values.count(self.exception.value)
        if self._seen is not None and not self.is_text:
            self._seen.update(fresh)

    def _fresh(self, values: Sequence[str], has_empty: bool) -> Collection[str]:
        """The values not seen before; all of them if hardly any repeat."""
        token = self.exception.value if self.exception else ""
        if self._seen is not None:
            if len(self._seen) < self._memo:
                fresh = set(values).difference(self._seen)
                fresh.difference_update(("", token))
                return fresh
            self._seen = None
        if has_empty or token:
            return [value for value in values if value not in ("", token)]
        return values

    def _sift(self, values: Sequence[str], start: int) -> None:
        """Test values one by one against each type. Rare, because each misfit ends a type or the whole search."""
        for index, value in enumerate(values):
            if not value or (self._seen and value in self._seen) or (self.exception and value == self.exception.value):
                continue
            alive = [one for one in self._alive if one.misfit((value,)) is None]
            if alive:
                self._alive = alive
            elif self.exception is None:
                self.exception = Sighting(start + index + 1, value)
            else:
                self.is_text, self._seen = True, None
                return

    @property
    def filled(self) -> int:
        return self.facts.rows - self.facts.empty

    def fitting(self) -> list[Choice]:
        """Every type but text that fits all values, not counting the exception if there is one."""
        if self.is_text or self.filled == (self.exceptions if self.exception else 0):
            return []
        return [choice for one in self._alive for choice in one.choices()]

    @property
    def null_token(self) -> str | None:
        """The one repeated word that keeps the column from its type and means "nothing".

        None if other cells are really empty: printed back, the two would be indistinguishable.
        """
        if self.exception is None or self.facts.empty or not self.fitting():
            return None
        word = self.exception.value
        repeated = self.exceptions > 1 and len(word) <= 12 and not any(character.isdigit() for character in word)
        return word if word.isprintable() and (word.lower() in _NULL_WORDS or repeated) else None

    def decide(self) -> tuple[Choice, str]:
        """The choice to make without asking, and the reason."""
        fitting = self.fitting()
        if fitting and self.exception is None:
            if doubt := self._alive[0].doubt:
                return Choice("text"), f"text, because {doubt}: {self._quote()}"
            return fitting[0], self._praise(fitting[0])
        return Choice("text"), self._reason(fitting)

    def _quote(self) -> str:
        return ", ".join(map(quoted, self.facts.samples[:2]))

    def _praise(self, choice: Choice) -> str:
        words = TYPES[choice.type].describe(choice.format)
        how_many = {1: "the only value prints", 2: "both values print"}.get(
            self.filled, f"all {self.filled:,} values print"
        )
        cells = "cell is" if self.facts.empty == 1 else "cells are"
        empty = f", {self.facts.empty:,} {cells} empty" if self.facts.empty else ""
        return f"{words}: {how_many} back exactly{empty}"

    def _reason(self, fitting: list[Choice]) -> str:
        if self.exception is None:
            return "text, because every cell is empty" if self.facts.rows else "text, because there are no rows"
        why = why_not(self.exception.value)
        reason = f"text, because {self.exception}{f' ({why})' if why else ''}"
        others = self.filled - self.exceptions
        if fitting and others and not self._alive[0].doubt:
            how_many = "the other value fits" if others == 1 else f"the other {others:,} values fit"
            reason += f"; {how_many} {TYPES[fitting[0].type].describe(fitting[0].format)}"
        return reason


class Forced:
    """A type the user has chosen: which values do not fit it, and which format fits most of them?"""

    def __init__(self, kind: str, wanted: str = "", null: str = "") -> None:
        self.kind, self.null = kind, null
        self.misfits = 0
        self.first: Sighting | None = None
        self._recogniser = TYPES[kind].recogniser(wanted)
        self._bad: set[str] = set()
        self._rows = 0

    def add(self, values: Sequence[str]) -> None:
        counts = Counter(values)
        counts.pop(self.null, None)  # "" if there is no such word: then these are the empty cells
        fresh = [value for value in counts if value not in self._bad]
        if self._recogniser.misfit(fresh) is not None:
            self._bad.update(value for value in fresh if self._recogniser.misfit((value,)) is not None)
        bad = self._bad.intersection(counts)
        if bad and self.first is None:
            row, value = next((row, value) for row, value in enumerate(values, self._rows + 1) if value in bad)
            self.first = Sighting(row, value)
        self.misfits += sum(counts[value] for value in bad)
        self._rows += len(values)

    def choice(self) -> Choice | None:
        choices = [choice for choice in self._recogniser.choices() if choice.type == self.kind]
        if not choices:
            return None
        return choices[0].with_null(self.null) if self.null else choices[0]
