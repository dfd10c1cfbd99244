"""What the preview asks once for all alike columns: the order of day and month, and what a word such as NA means."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.types import NULL, TYPES

ORDER = "order"  # the field of the question about dates
KEEP_TEXT = "text"
_ORDERS = {"dmy": "Day first", "mdy": "Month first", "ymd": "Year first"}
_DAY_AND_MONTH = re.compile(r"(?<!\d)(\d{1,2})\D(\d{1,2})\D")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
MAX_WORDS = 20  # questions about words


@dataclass(frozen=True, slots=True)
class Question:
    """A field of the preview that decides for several columns.

    `columns` are their indexes, `options` the answers and their labels. It is open while nothing but the user can tell,
    and they have not.
    """

    field: str
    subject: str
    columns: Sequence[int]
    options: Mapping[str, str]
    selected: str
    is_open: bool = False
    word: str = ""


def find_questions(inspection: InspectionReport, overrides: ImportOverrides) -> list[Question]:
    """`overrides` are the corrections that the report was made with."""
    return [*_order_question(inspection.columns, overrides), *_word_questions(inspection.columns)]


def answer_word(question: Question, answer: str, column: ColumnGuess) -> dict[str, Any]:
    """What this answer says of one of its columns, as a part of `ImportOverrides.columns`."""
    if answer == "empty":
        return {NULL: question.word}
    if answer == "kept":
        return {"type": next(choice.type for choice in column.choices if _keeps_the_word(choice.type, choice.format))}
    return {"type": "text"}


def _order_question(columns: Sequence[ColumnGuess], overrides: ImportOverrides) -> Iterator[Question]:
    asked = [index for index, column in enumerate(columns) if column.orders]
    if not asked:
        return
    found = {TYPES[columns[index].type].format_name(columns[index].format) for index in asked}
    selected = overrides.order or (found.pop() if len(found) == 1 else "")
    is_open = not overrides.order and any(columns[index].question == ORDER for index in asked)
    sample = next((sample for index in asked for sample in columns[index].samples), "")
    named = {order for index in asked for order in columns[index].orders}
    options = {order: _order_label(order, sample) for order in _ORDERS if order in named}
    if selected not in options and selected != KEEP_TEXT:
        options = {"": "Not decided: stay text" if is_open else "As each column says"} | options
        selected = ""
    yield Question(
        ORDER, f"Dates like {sample}" if sample else "Dates", asked, options | {KEEP_TEXT: "Keep as text"}, selected,
        is_open,
    )  # fmt: skip


def _order_label(order: str, sample: str) -> str:
    """With the day that the sample would be."""
    label = _ORDERS[order]
    if (parts := _DAY_AND_MONTH.match(sample)) and order in ("dmy", "mdy"):
        day, month = map(int, parts.groups() if order == "dmy" else reversed(parts.groups()))
        if 1 <= month <= 12:
            label += f" ({day} {_MONTHS[month - 1]})"
    return label


def _word_questions(columns: Sequence[ColumnGuess]) -> Iterator[Question]:
    alike: dict[tuple[str, str], list[int]] = {}
    for index, column in enumerate(columns):
        if column.null_token is not None and not column.orders:
            alike.setdefault((column.null_token, _present_answer(column)), []).append(index)
    for place, ((word, answer), indexes) in enumerate([*alike.items()][:MAX_WORDS]):
        members = [columns[index] for index in indexes]
        what = _name_values(members)
        options = {"empty": f"{what}, {word} as empty cells", "text": "Text"}
        if all(any(_keeps_the_word(choice.type, choice.format) for choice in column.choices) for column in members):
            options = {"kept": f"{what}, {word} kept as text"} | options
        yield Question(f"word-{place}", f"{word} among the values", indexes, options, answer, word=word)


def _present_answer(column: ColumnGuess) -> str:
    if column.null_token_accepted:
        return "empty"
    return "text" if column.type == "text" else "kept"


def _keeps_the_word(type_: str, format: Mapping[str, Any]) -> bool:
    return type_ != "text" and NULL not in format


def _name_values(columns: Sequence[ColumnGuess]) -> str:
    """What the other values of these columns are."""
    types = {choice.type for column in columns for choice in column.choices[:1]}
    if types <= {"integer", "decimal"}:
        return "Numbers"
    return "Dates" if types == {"date"} else "Values"
