"""The types a column of a table may be given: each with what it would cost, found out by reading every cell.

The same engine and words as the preview of an import (`webapp.types.guess`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from webapp.formats.json_columns import JSON
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.types import NULL, TYPES, Choice
from webapp.types.base import null_of
from webapp.types.guess import TypeGuesser
from webapp.types.reasons import reason_for
from webapp.types.tally import Offer

MAX_LISTED = 20  # different texts without a value that are listed of a type


@dataclass(frozen=True, slots=True)
class ListedText:
    """A text that has no value of the type: how many cells have it, and the first of their rows."""

    text: str
    count: int
    row: int


@dataclass(frozen=True, slots=True)
class TypeOption:
    """`reason` says what becomes of all values; `listed` are the most frequent of the texts without a value."""

    type: str
    format: dict[str, Any]
    keeps_texts: bool
    exceptions: int
    reason: str
    listed: list[ListedText] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TypeOption":
        return cls(**{**data, "listed": [ListedText(**each) for each in data["listed"]]})


def find_options(rows: RowReader, table: TableRef, column: Field) -> list[TypeOption]:
    """Every type that at least some cells have, those that more cells have first, and text. A word that stands for an
    empty cell in the column goes on doing so, unless there are cells that are really empty.
    """
    null = null_of(column.format)
    guesser, null_count = _read(rows, table, column, null)
    if null_count and guesser.facts.empty:
        guesser, null_count = _read(rows, table, column, "")
    filled = guesser.filled
    offers = sorted(guesser.offers(), key=lambda offer: offer.exceptions.count) or _untested(filled)
    word = {NULL: null} if null_count else {}
    options = [_option(offer, filled, word) for offer in _distinct(offers)]
    options.append(_option(Offer(Choice("text")), filled + null_count, {}))
    return _with_rows(rows, table, column, options)


def to_json(options: Iterable[TypeOption]) -> list[dict[str, Any]]:
    return [asdict(option) for option in options]


def _read(rows: RowReader, table: TableRef, column: Field, null: str) -> tuple[TypeGuesser, int]:
    """All cells but those with the word for empty ones, which are counted."""
    guesser, nulls = TypeGuesser(), 0
    for texts in rows.texts(table, column):
        if null:
            nulls += texts.count(null)
            texts = [text for text in texts if text != null]
        guesser.add(texts)
    return guesser, nulls


def _untested(filled: int) -> list[Offer]:
    """A column of empty cells may have any type; where cells have values of none, only text is left."""
    return (
        [] if filled else [Offer(Choice(name, kind.default_format)) for name, kind in TYPES.items() if name != "text"]
    )


def _distinct(offers: Iterable[Offer]) -> list[Offer]:
    found: list[Offer] = []
    for offer in offers:
        if not any(offer.choice.type == one.choice.type and offer.choice.format == one.choice.format for one in found):
            found.append(offer)
    return found


def _option(offer: Offer, filled: int, word: Mapping[str, Any]) -> TypeOption:
    choice = offer.choice
    return TypeOption(
        choice.type,
        {name: value for name, value in choice.format.items() if name != JSON} | dict(word),
        choice.keeps_texts,
        choice.exceptions,
        reason_for(offer, filled) if filled else "Every cell is empty",
        [ListedText(text, count, 0) for text, count in offer.exceptions.most_frequent[:MAX_LISTED]],
    )


def _with_rows(rows: RowReader, table: TableRef, column: Field, options: list[TypeOption]) -> list[TypeOption]:
    """The first row of each text is looked up for all types at once: that reads every cell once more."""
    wanted = dict.fromkeys(listed.text for option in options for listed in option.listed)
    found = rows.first_rows(table, column, list(wanted))
    return [
        replace(
            option,
            listed=[replace(listed, row=found[listed.text]) for listed in option.listed if listed.text in found],
        )
        for option in options
    ]
