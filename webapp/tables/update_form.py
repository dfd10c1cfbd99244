"""The form that says how a file is laid over a table (tables/updates/_settings.html), and the answer about what people
edited, parsed.
"""

import re
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict

from webapp.imports.update_settings import LEFT_OUT, NEW, Missing, Mode, UpdateSettings
from webapp.models.tables.import_updating import Decision
from webapp.models.tables.update_checks import SettingsRefused
from webapp.planners.update_plan import EACH, FILE, THEIRS

WORDS = {"new": NEW, "": LEFT_OUT}  # of a column, or of the column for marks, besides a number
Choice = TypeVar("Choice", bound=StrEnum)
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def parse_settings(form: "MultiDict[str, str]", columns: int) -> UpdateSettings:
    """`columns`: how many the file has. Raises `SettingsRefused` for what no page of ours sends."""
    return UpdateSettings(
        {index: _column(form.get(f"column-{index}", ""), f"column-{index}") for index in range(columns)},
        _one_of(Mode, form.get("mode", ""), "mode"),
        tuple(dict.fromkeys(_column(key, "keys") for key in form.getlist("keys"))),
        "adds_rows" in form,
        _one_of(Missing, form.get("missing", Missing.KEEP), "missing"),
        _column(form.get("mark", "new"), "mark"),
    )


def parse_decision(form: "MultiDict[str, str]") -> Decision:
    """Without an answer, what people edited stays."""
    answer = form.get("clashes", THEIRS)
    if answer not in (THEIRS, FILE, EACH):
        raise SettingsRefused("Choose what becomes of the edits.", "clashes")
    taken = [
        int(number) for number in form.getlist("taken") if number.isascii() and number.isdigit() and len(number) < 9
    ]
    return Decision(answer, tuple(taken) if answer == EACH else ())


def value_of(number: int) -> str:
    """What the form sends for a column."""
    return {code: word for word, code in WORDS.items()}.get(number, str(number))


def _column(value: str, field: str) -> int:
    if value in WORDS:
        return WORDS[value]
    if not _NUMBER.fullmatch(value):
        raise SettingsRefused("There is no such column.", field)
    return int(value)


def _one_of(kind: type[Choice], value: str, field: str) -> Choice:
    if value not in list(kind):
        raise SettingsRefused("Choose one of these.", field)
    return kind(value)
