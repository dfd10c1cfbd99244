"""Infers a column's type from all its values, with the reason in words."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from webapp.types import TYPES, describe
from webapp.types.base import Choice, Recogniser
from webapp.types.numbers import NumberRecogniser

_NOT_NUMBERS = ("boolean", "date", "datetime")
MAX_WIDTH = 80  # characters; wider values do not widen the column
MAX_REMEMBERED = 20_000  # distinct values, so that each is tested once
_MAX_SAMPLES = 5
_MAX_QUOTED = 40  # characters of a value quoted in a reason
_MAX_SAMPLE = 500  # characters of a sample: a preview is loaded as a whole, and a cell may hold a whole document
_NULL_WORDS = frozenset(
    ("na", "n/a", "n.a.", "#n/a", "nan", "nil", "null", "none", "-", "--", "---", ".", "?", "\\n", "(null)", "missing")
)
# Why a value that looks like a number or a date could not be reproduced.
_PITFALLS = (
    (re.compile(r"\s.*|.*\s", re.DOTALL), "spaces around it"),
    (re.compile(r"[0-9]+_[0-9_]+"), "underscore"),
    (re.compile(r"-?0[0-9]+(?:[.,][0-9]+)?"), "leading zero"),
    (re.compile(r"\+[0-9.,]+"), "plus sign"),
    (re.compile(r"-0(?:[.,]0+)?"), "minus zero"),
    (re.compile(r"-?[0-9]{19,}"), "beyond 64 bits"),
    (re.compile(r"-?(?=(?:[.,]?[0-9]){16})[0-9]+[.,][0-9]+"), "over 15 digits"),
    (re.compile(r"-?[0-9]+[.,][0-9]*0"), "zero at the end"),
    (re.compile(r"-?[0-9]+[.,][0-9]+"), "fewer decimals than values that end in a zero"),
    (re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+"), "exponent"),
    (re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE), "not a number"),
    (re.compile(r"-?[0-9]{1,3}(?:[,.' ][0-9]{3})+"), "grouped digits"),
    (re.compile(r"(?:(?!\d)[^\x00-\x7f])*\d[^\x00-\x7f]*"), "digits of another script"),
)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit, and the first row that holds it."""

    row: int
    value: str

    def __str__(self) -> str:
        return f"row {self.row:,} holds {quoted(self.value)}"


def shorten(value: str) -> str:
    return value if len(value) <= _MAX_SAMPLE else value[: _MAX_SAMPLE - 1] + "…"


def quoted(value: str) -> str:
    """A value as part of a sentence: shortened, on one line, and marked where its ends would be invisible."""
    text = value if value.isprintable() else value.encode("unicode_escape").decode("ascii")
    text = text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"
    return text if text and text == text.strip() and " " not in text else f"“{text}”"


@dataclass(slots=True)
class ColumnFacts:
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
        if self.width < MAX_WIDTH:
            self.width = min(MAX_WIDTH, max(self.width, max(map(len, values), default=0)))
        if len(self.samples) < _MAX_SAMPLES:
            candidates = dict.fromkeys([*self.samples, *map(shorten, filter(None, values[:200]))])
            self.samples = list(candidates)[:_MAX_SAMPLES]
        return empty > 0


class TypeGuesser:
    """Determines a column's type once `add` has seen every value."""

    def __init__(self, max_remembered: int = MAX_REMEMBERED) -> None:
        self.facts = ColumnFacts()
        self.exception: Misfit | None = None  # the only value, perhaps repeated, that does not fit what all others fit
        self.exception_count = 0
        self.is_text = False
        self._fitting: list[Recogniser] = [NumberRecogniser(), *(TYPES[name].recogniser() for name in _NOT_NUMBERS)]
        self._seen: set[str] | None = set()
        self._max_remembered = max_remembered
        self._has_value = False

    def add(self, values: Sequence[str]) -> None:
        start = self.facts.rows
        has_empty = self.facts.add(values)
        if self.is_text:
            return
        if not self._has_value and (first := next(filter(None, values), "")):
            self._has_value = True
            self._test_each([first], start + values.index(first))  # rules out most types at once
        new = self._new_values(values, has_empty)
        if new and any(recogniser.accept(new) is not None for recogniser in self._fitting):
            self._test_each(values, start)
        if self.exception and not self.is_text:
            self.exception_count += values.count(self.exception.value)
        if self._seen is not None and not self.is_text:
            self._seen.update(new)

    def _new_values(self, values: Sequence[str], has_empty: bool) -> Collection[str]:
        """The values not seen before; all of them if hardly any repeat."""
        token = self.exception.value if self.exception else ""
        if self._seen is not None:
            if len(self._seen) < self._max_remembered:
                return set(values).difference(self._seen, ("", token))
            self._seen = None
        if has_empty or token:
            return [value for value in values if value not in ("", token)]
        return values

    def _test_each(self, values: Sequence[str], start: int) -> None:
        """Test values one by one against each type. Rare, because each misfit ends a type or the whole search."""
        for index, value in enumerate(values):
            if not value or (self._seen and value in self._seen) or (self.exception and value == self.exception.value):
                continue
            if fitting := [recogniser for recogniser in self._fitting if recogniser.accept((value,)) is None]:
                self._fitting = fitting
            elif self.exception is None:
                self.exception = Misfit(start + index + 1, value)
            else:
                self.is_text, self._seen = True, None
                return

    @property
    def filled(self) -> int:
        return self.facts.rows - self.facts.empty

    def fitting(self) -> list[Choice]:
        """Every type but text that fits all values, not counting the exception if there is one."""
        if self.is_text or self.filled == (self.exception_count if self.exception else 0):
            return []
        return [choice for recogniser in self._fitting for choice in recogniser.choices()]

    @property
    def null_token(self) -> str | None:
        """The one repeated word that keeps the column from its type and means "nothing".

        None if other cells are really empty: printed back, the two would be indistinguishable.
        """
        if self.exception is None or self.facts.empty or not self.fitting():
            return None
        word = self.exception.value
        is_repeated_word = self.exception_count > 1 and len(word) <= 12 and not any(map(str.isdigit, word))
        return word if word.isprintable() and (word.lower() in _NULL_WORDS or is_repeated_word) else None

    def decide(self) -> tuple[Choice, str]:
        """The choice to make without asking, and the reason."""
        fitting = self.fitting()
        if fitting and self.exception is None:
            if doubt := self._fitting[0].doubt:
                samples = ", ".join(map(quoted, self.facts.samples[:2]))
                return Choice("text"), f"text, because {doubt}: {samples}"
            return fitting[0], self._reason_for(fitting[0])
        return Choice("text"), self._reason_for_text(fitting)

    def _reason_for(self, choice: Choice) -> str:
        how_many = {1: "the only value prints", 2: "both values print"}.get(
            self.filled, f"all {self.filled:,} values print"
        )
        cells = "cell is" if self.facts.empty == 1 else "cells are"
        empty = f", {self.facts.empty:,} {cells} empty" if self.facts.empty else ""
        return f"{describe(choice)}: {how_many} back exactly{empty}"

    def _reason_for_text(self, fitting: list[Choice]) -> str:
        if self.exception is None:
            return "text, because every cell is empty" if self.facts.rows else "text, because there are no rows"
        value = self.exception.value
        pitfall = next((f" ({name})" for pattern, name in _PITFALLS if pattern.fullmatch(value)), "")
        reason = f"text, because {self.exception}{pitfall}"
        others = self.filled - self.exception_count
        if fitting and others and not self._fitting[0].doubt:
            how_many = "the other value fits" if others == 1 else f"the other {others:,} values fit"
            reason += f"; {how_many} {describe(fitting[0])}"
        return reason


class ChosenType:
    """A type the user has chosen: which values do not fit it, and which format fits most of them?

    `null` is the word that means an empty cell.
    """

    def __init__(self, type: str, format_name: str = "", null: str = "") -> None:
        self.type, self.null = type, null
        self.misfit_count = 0
        self.first_misfit: Misfit | None = None
        self._recogniser = TYPES[type].recogniser(format_name)
        self._misfits: set[str] = set()
        self._rows = 0

    def add(self, values: Sequence[str]) -> None:
        counts = Counter(values)
        counts.pop(self.null, None)  # "" if there is no such word: then these are the empty cells
        new = [value for value in counts if value not in self._misfits]
        if self._recogniser.accept(new) is not None:
            self._misfits.update(value for value in new if self._recogniser.accept((value,)) is not None)
        misfits = self._misfits.intersection(counts)
        if misfits and self.first_misfit is None:
            numbered = enumerate(values, self._rows + 1)
            self.first_misfit = next(Misfit(row, value) for row, value in numbered if value in misfits)
        self.misfit_count += sum(counts[value] for value in misfits)
        self._rows += len(values)

    def choice(self) -> Choice | None:
        choices = [choice for choice in self._recogniser.choices() if choice.type == self.type]
        if not choices:
            return None
        return choices[0].with_null(self.null) if self.null else choices[0]
