"""What is done to the cells of a row. Each operation is a value that travels as JSON, to the process that plans it.

Operations see texts as people do: a cell that is empty is "", whatever its column writes for that, such as `NA`. What
they return is fitted to its column afterwards (`fitting.py`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

from webapp.db.errors import UserError
from webapp.planners.bulk.replacing import MAX_PATTERN, Replacer, TimeLimit, regex_replacer, words_replacer
from webapp.rowstore.cell_input import MAX_TEXT, TextTooLong

MAX_PARTS = 20  # columns that a text is split into
Cells = Mapping[int, str]  # by the numbers of columns


class OperationRefused(UserError):
    """What is asked for cannot be done to any row."""


def _ensure_fitting(text: str) -> None:
    """What no cell may have is refused once, and not in each row. Raises `OperationRefused`."""
    if len(text) > MAX_TEXT:
        raise OperationRefused(str(TextTooLong(len(text))))


class CellOperation(Protocol):
    """`reads` and `writes` are the numbers of columns; those that are to be added are -1, -2 and so on. `keeps_text`: a
    text that has no value in its column is kept.
    """

    action: ClassVar[str]

    @property
    def keeps_text(self) -> bool: ...

    @property
    def reads(self) -> Sequence[int]: ...

    @property
    def writes(self) -> Sequence[int]: ...

    def apply(self, cells: Cells) -> Cells:
        """The new texts of a row, whose cells of `reads` and `writes` are given; those left out stay. Raises
        `UserError` where there is none.
        """
        ...


@dataclass(frozen=True)
class _OneColumn:
    column: int

    @property
    def reads(self) -> Sequence[int]:
        return (self.column,)

    @property
    def writes(self) -> Sequence[int]:
        return (self.column,)


@dataclass(frozen=True)
class SetText(_OneColumn):
    """The same text in each row; with `only_empty` only where there is none."""

    action: ClassVar[str] = "set"
    text: str
    only_empty: bool = False
    keeps_text: bool = False

    def __post_init__(self) -> None:
        _ensure_fitting(self.text)

    def apply(self, cells: Cells) -> Cells:
        return {} if self.only_empty and cells[self.column] else {self.column: self.text}


@dataclass(frozen=True)
class Clear(_OneColumn):
    action: ClassVar[str] = "clear"
    keeps_text: bool = False

    def apply(self, cells: Cells) -> Cells:
        return {self.column: ""}


@dataclass(frozen=True)
class Replace(_OneColumn):
    action: ClassVar[str] = "replace"
    find: str
    replacement: str = ""
    is_regex: bool = False
    match_case: bool = False
    whole_cell: bool = False
    keeps_text: bool = False

    def __post_init__(self) -> None:
        if not self.find:
            raise OperationRefused("Say what to look for.")
        if len(self.find) > MAX_PATTERN:
            raise OperationRefused(f"The text to find can have at most {MAX_PATTERN:,} characters.")
        _ensure_fitting(self.replacement)
        self.replacer  # noqa: B018  (refuses what is no expression)

    @cached_property
    def limit(self) -> TimeLimit:
        """Of all its texts together."""
        return TimeLimit()

    @cached_property
    def replacer(self) -> Replacer:
        make = regex_replacer if self.is_regex else words_replacer
        options = {"match_case": self.match_case, "whole_cell": self.whole_cell}
        return make(self.find, self.replacement, limit=self.limit, **options)

    def apply(self, cells: Cells) -> Cells:
        return {self.column: self.replacer(cells[self.column])}


@dataclass(frozen=True)
class Fill(_OneColumn):
    """The text of another column of the same row."""

    action: ClassVar[str] = "fill"
    source: int
    only_empty: bool = False
    keeps_text: bool = False

    @property
    def reads(self) -> Sequence[int]:
        return (self.source,)

    def apply(self, cells: Cells) -> Cells:
        return {} if self.only_empty and cells[self.column] else {self.column: cells[self.source]}


_SPACES = re.compile(r"\s+")
_FIRST = re.compile(r"\w")


def _capitalise(text: str) -> str:
    """The first letter alone: the others may be somebody's own spelling."""
    return _FIRST.sub(lambda match: match[0].upper(), text, count=1)


TIDIED: Mapping[str, Callable[[str], str]] = {
    "trim": str.strip,
    "spaces": lambda text: _SPACES.sub(" ", text).strip(),
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "capitalise": _capitalise,
}


@dataclass(frozen=True)
class Tidy(_OneColumn):
    """`how` is one of `TIDIED`."""

    action: ClassVar[str] = "tidy"
    how: str
    keeps_text: bool = False

    def __post_init__(self) -> None:
        if self.how not in TIDIED:
            raise OperationRefused("Choose what is to be done with the texts.")

    def apply(self, cells: Cells) -> Cells:
        text = TIDIED[self.how](cells[self.column])
        if len(text) > MAX_TEXT:  # some letters become two
            raise TextTooLong(len(text))
        return {self.column: text}


@dataclass(frozen=True)
class Split(_OneColumn):
    """Into the columns `targets`, which are empty before; the last one gets all that is left over."""

    action: ClassVar[str] = "split"
    delimiter: str
    targets: tuple[int, ...]
    keeps_text: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))
        if not 2 <= len(self.targets) <= MAX_PARTS:
            raise OperationRefused(f"A text can be split into 2 to {MAX_PARTS} columns.")
        if not self.delimiter:
            raise OperationRefused("Say where the texts are to be split, such as at a comma.")

    @property
    def writes(self) -> Sequence[int]:
        return self.targets

    def apply(self, cells: Cells) -> Cells:
        parts = [part.strip() for part in cells[self.column].split(self.delimiter, len(self.targets) - 1)]
        return dict(zip(self.targets, parts, strict=False))


@dataclass(frozen=True)
class Join(_OneColumn):
    """The texts of `sources`, without the empty ones, in `column`."""

    action: ClassVar[str] = "join"
    sources: tuple[int, ...]
    delimiter: str = " "
    keeps_text: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(dict.fromkeys(self.sources)))
        if len(self.sources) < 2:
            raise OperationRefused("Choose at least two columns to join.")
        _ensure_fitting(self.delimiter)

    @property
    def reads(self) -> Sequence[int]:
        return self.sources

    def apply(self, cells: Cells) -> Cells:
        texts = [text for number in self.sources if (text := cells[number])]
        length = sum(map(len, texts)) + len(self.delimiter) * len(texts)
        if length > MAX_TEXT:
            raise TextTooLong(length)
        return {self.column: self.delimiter.join(texts)}


OPERATIONS: dict[str, Any] = {one.action: one for one in (SetText, Clear, Replace, Fill, Tidy, Split, Join)}


def to_json(operation: CellOperation) -> dict[str, Any]:
    return {"action": operation.action, **asdict(operation)}  # type: ignore[call-overload]


def from_json(data: Mapping[str, Any]) -> CellOperation:
    """Raises `OperationRefused` and `PatternRefused`."""
    given = dict(data)
    operation: CellOperation = OPERATIONS[given.pop("action")](**given)
    return operation
