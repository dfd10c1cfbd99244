"""Counts what the cells of a column mean once they are not all written in one way.

The recognisers prove that one format prints all values back. At the first value that ends this a tally takes over: it
starts with how many values the recogniser had accepted, so the file is not read twice, and counts how many of the
others have a value.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from webapp.types.choice import Choice

PADDING = " \t\u00a0"  # around a cell, to align a column or to fill its width: no part of what the cell means
MAX_TOKENS = 100  # distinct exceptions counted one by one
_MAX_TOKEN = 40  # characters of an exception that is told from others
HOPELESS_AFTER = 2_000  # filled cells
_HOPELESS_SHARE = 0.1
# What a type taken without asking may have of exceptions.
_ENOUGH = 0.95
# Words that say that there is no value: they do not speak against a type, however many cells have them.
_MISSING_WORDS = frozenset(
    # Blank cells, the words of statistics and programs, and dashes.
    (
        "", "na", "n/a", "n.a.", "n/d", "n.d.", "k.a.", "nan", "nil", "null", "none", "(null)", "\\n", "missing",
        "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "\u2026", ":", "?",
        # Errors of spreadsheets in English, German, French, Spanish, Italian and Portuguese.
        "#n/a", "#n/a n/a", "#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#error!",
        "#nv", "#bezug!", "#wert!", "#zahl!", "#valeur!", "#nom?", "#nombre!", "#nul!", "#n/d", "#rif!",
        "#valore!", "#nome?", "#valor!", "#n\u00fam!", "#\u00a1div/0!", "#\u00a1ref!", "#\u00a1valor!",
        "#\u00a1num!", "#\u00a1nulo!", "#\u00bfnombre?",
    )
)  # fmt: skip
_MAX_FEW = 20  # distinct ones
_MAX_SHORT = 20  # characters of each


def is_missing(text: str) -> bool:
    """Whether the text says that there is no value, as `NA`, `-` and `#DIV/0!` do; spaces around it say nothing."""
    return text.strip(PADDING).lower() in _MISSING_WORDS


@dataclass(slots=True)
class Exceptions:
    """The filled cells without a value: how many, and which, as long as they are few different ones."""

    count: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    are_many: bool = False  # more different ones than are counted

    def add(self, text: str, count: int) -> None:
        self.count += count
        token = text[:_MAX_TOKEN]
        if len(text) > _MAX_TOKEN:
            self.are_many = True
        elif token in self.tokens or len(self.tokens) < MAX_TOKENS:
            self.tokens[token] += count
        else:
            self.are_many = True

    def add_unknown(self, count: int) -> None:
        """Values that were accepted as another type before the tally began."""
        self.count += count
        self.are_many = self.are_many or count > 0

    @property
    def most_frequent(self) -> list[tuple[str, int]]:
        return self.tokens.most_common()

    @property
    def missing(self) -> int:
        """How many of them have a word that says so, such as NA."""
        return sum(count for token, count in self.tokens.items() if is_missing(token))

    def share(self, filled: int) -> float:
        """What part of the filled cells they are; those with a word for missing count as empty."""
        missing = self.missing
        return (self.count - missing) / max(1, filled - missing)

    def are_few(self, filled: int) -> bool:
        """Whether the type may be taken without asking in spite of them."""
        return self.count == 0 or (
            self.share(filled) <= 1 - _ENOUGH + 1e-9
            and not self.are_many
            and len(self.tokens) <= _MAX_FEW
            and all(len(token) <= _MAX_SHORT for token in self.tokens)
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """A type a column may have, with what it would cost.

    `reading` tells apart what the same texts may mean: "." and "," for numbers, "dmy" and "mdy" for dates. `doubt` is
    why the type is not taken without asking, in words.
    """

    choice: Choice
    exceptions: Exceptions = field(default_factory=Exceptions)
    reading: str = ""
    doubt: str = ""
    note: str = ""  # what the reason adds: that years have two digits


class Tally(ABC):
    """`filled` counts all cells that are not empty, those included that the recogniser had accepted."""

    def __init__(self, filled: int) -> None:
        self.filled = filled

    def add(self, counts: Mapping[str, int]) -> None:
        """Take texts with how often each occurs into account."""
        self.filled += sum(counts.values())
        for text, count in counts.items():
            self._add(text, count)

    def is_hopeless(self) -> bool:
        filled = self.filled - self.exceptions.missing
        return filled >= HOPELESS_AFTER and self.valued < filled * _HOPELESS_SHARE

    @property
    @abstractmethod
    def valued(self) -> int:
        """How many cells have a value, in the reading that finds most."""

    @property
    @abstractmethod
    def exceptions(self) -> Exceptions:
        """The cells without a value, in the reading that finds most."""

    @abstractmethod
    def offers(self) -> list[Offer]:
        """What the column may be, the most natural first; none if no cell has a value."""

    def ambiguous_reading(self) -> bool:
        """Whether the readings of `offers` give other values to the same cells, and nothing tells which is right."""
        return False

    def evidence(self) -> str:
        """The reading that this column proves; empty if none."""
        return ""

    @abstractmethod
    def _add(self, text: str, count: int) -> None: ...


class Recogniser(Protocol):
    """Sees all values of a column and knows which formats of its type reproduce every one of them."""

    def accept(self, values: Collection[str]) -> str | None:
        """Take the values into account and return None; or return one that does not fit, changing nothing."""
        ...

    def offers(self) -> list[Offer]:
        """Everything that fits all values seen so far, the most natural first."""
        ...

    def ambiguous_reading(self) -> bool:
        """As `Tally.ambiguous_reading`."""
        ...

    def evidence(self) -> str:
        """As `Tally.evidence`."""
        ...

    def tally(self, filled: int, *, is_accepted: bool) -> Tally:
        """What takes over at the first misfit, after so many filled cells; `is_accepted` if this type fits them."""
        ...


def split(total: int, parts: int) -> list[int]:
    """How many each of the parts is counted for: of what a recogniser has accepted only the sum is known."""
    share, rest = divmod(total, max(1, parts))
    return [share + (index < rest) for index in range(parts)]
