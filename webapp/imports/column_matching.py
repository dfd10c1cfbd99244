"""Which column of a table each column of a file is: by what was decided before, by titles, then by contents.

Pure functions on plain values. How sure a match is, is a number from 0 to 1, and it comes with a reason in words.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import PurePath

from webapp.imports.update_settings import LEFT_OUT, NEW

LEAST_SURE = 0.5  # what is less sure than this is no match
_SHARED = 0.8  # what equal contents count for; the other part is how much the titles have in common
_MARGIN = 0.05  # by which a pair has to be surer than another one
_MIN_TEXTS = 2  # different texts that a column must have for its contents to say anything
_KEY_TITLES = re.compile(r"\b(id|key|code|sku|uuid|guid|isbn|ean|email|nr|no|number|nummer)\b", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+")
_RUNS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class FileColumn:
    index: int
    title: str
    texts: Collection[str] = ()  # some of the texts of its cells


@dataclass(frozen=True, slots=True)
class TableColumn:
    number: int
    title: str
    texts: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """`number` is that of the table's column, `NEW` if there is none, `LEFT_OUT` if that was decided before."""

    index: int
    number: int
    confidence: float
    reason: str

    @property
    def is_by_title(self) -> bool:
        return self.confidence == 1.0


def match_columns(
    file: Sequence[FileColumn], table: Sequence[TableColumn], remembered: Mapping[str, int] | None = None
) -> list[Match]:
    """A match for each column of the file, in its order; no two of them have the same column of the table.

    `remembered` is what was decided for titles of an earlier file of the same source.
    """
    remembered = remembered or {}
    found: dict[int, Match] = {}
    free = {column.number: column for column in table}
    _match_remembered(file, free, remembered, found)
    for words, confidence, reason in (
        (_exact, 1.0, "the same title"),
        (_normal, 0.95, "the same title, written differently"),
    ):
        _match_titles(file, free, found, words, confidence, reason)
    _match_contents(file, free, found)
    return [found.get(column.index) or Match(column.index, NEW, 1.0, "a new column") for column in file]


def _exact(title: str) -> str:
    return title


def _normal(title: str) -> str:
    return " ".join(_WORDS.findall(title.casefold()))


def _match_remembered(
    file: Sequence[FileColumn],
    free: dict[int, TableColumn],
    remembered: Mapping[str, int],
    found: dict[int, Match],
) -> None:
    for column in file:
        number = remembered.get(column.title, NEW)
        if number == LEFT_OUT:
            found[column.index] = Match(column.index, LEFT_OUT, 1.0, "left out last time")
        elif number in free:
            del free[number]
            found[column.index] = Match(column.index, number, 1.0, "as last time")


def _match_titles(
    file: Sequence[FileColumn],
    free: dict[int, TableColumn],
    found: dict[int, Match],
    words: Callable[[str], str],
    confidence: float,
    reason: str,
) -> None:
    """Where several columns of the table have the title, none is meant for sure."""
    by_title: dict[str, list[int]] = {}
    for number, column in free.items():
        by_title.setdefault(words(column.title), []).append(number)
    for each in file:
        title = words(each.title)
        numbers = by_title.get(title, []) if title else []
        if each.index not in found and len(numbers) == 1 and numbers[0] in free:
            del free[numbers[0]]
            found[each.index] = Match(each.index, numbers[0], confidence, reason)


def _match_contents(file: Sequence[FileColumn], free: dict[int, TableColumn], found: dict[int, Match]) -> None:
    """The surest pair first; a pair that is hardly surer than another one of the same column is none. There may be
    2,000 columns: those whose contents have nothing in common are not looked at further.
    """
    texts = {number: set(column.texts) - {""} for number, column in free.items() if column.texts}
    likely = [
        (likeness, column.index, number)
        for column in file
        if column.index not in found and (own := set(column.texts) - {""})
        for number, others in texts.items()
        if own & others and (likeness := _likeness(column, own, free[number], others)) >= LEAST_SURE - _MARGIN
    ]
    for likeness, index, number in sorted(likely, reverse=True):
        rivals = [
            rival
            for rival, i, n in likely
            if (i, n) != (index, number) and (i == index or n == number) and i not in found and n in free
        ]
        is_clear = likeness >= LEAST_SURE and likeness - max(rivals, default=0) >= _MARGIN
        if is_clear and index not in found and number in free:
            del free[number]
            found[index] = Match(index, number, round(min(likeness, 0.9), 2), "similar contents")


def _likeness(column: FileColumn, texts: set[str], other: TableColumn, others: set[str]) -> float:
    """Of columns whose contents have something in common."""
    if min(len(texts), len(others)) < _MIN_TEXTS:
        return 0.0
    titles = SequenceMatcher(None, _normal(column.title), _normal(other.title), autojunk=False).ratio()
    return len(texts & others) / len(texts) * _SHARED + titles * (1 - _SHARED)


def likely_keys(columns: Iterable[tuple[int, str]]) -> list[int]:
    """The numbers of these columns (with their titles) in the order in which they are likely to be a table's key."""
    named = list(columns)
    return [number for number, title in named if _is_key_title(title)] + [
        number for number, title in named if not _is_key_title(title)
    ]


def _is_key_title(title: str) -> bool:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title).replace("_", " ")
    return _KEY_TITLES.search(words) is not None


def source_name(filename: str) -> str:
    """What the names of files of the same source have in common: `sales_2026-11-21 (2).csv` is `sales #.csv`."""
    path = PurePath(filename.replace("\\", "/"))
    stem = _RUNS.sub("#", path.stem.casefold())
    words = " ".join(re.findall(r"[^\W_]+|#", stem))
    return f"{re.sub(r'#( #)*', '#', words)}{path.suffix.casefold()}"
