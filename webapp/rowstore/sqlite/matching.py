"""Substring search as people expect it: in the text they see, regardless of case."""

import re
from collections.abc import Sequence

from webapp.rowstore.sqlite.schema import Field
from webapp.rowstore.sqlite.statement import Sql, all_of, any_of

LONGEST = 200  # characters of a search
_NUMERIC = frozenset("0123456789-.,")
_NAMES = re.compile(r"Mon|MON|AM")  # parts of a date layout that are words


def contains(field: Field, text: str) -> Sql:
    """SQL that is true of cells whose printed text contains `text`."""
    # Comparing the bare column is a quarter faster; for an empty cell it yields NULL, which counts as false.
    cell = field.name if field.type == "text" else field.printed
    if text.isascii():
        return Sql(f"{cell} LIKE ? ESCAPE '\\'", (f"%{_escaped(text)}%",))
    telling = next(letter for letter in text if not letter.isascii())
    return all_of([_holds(cell, telling), _glob(cell, text)])


def found_anywhere(fields: Sequence[Field], text: str) -> Sql:
    """SQL that is true of rows in which some cell contains `text`."""
    return any_of([contains(field, text) for field in fields if _may_hold(field, text)])


def _may_hold(field: Field, text: str) -> bool:
    """Skip numbers when searching for letters: printing a million numbers takes longer than searching all texts."""
    if field.type in ("integer", "decimal"):
        return _NUMERIC.issuperset(text)
    layout = str(field.format.get("layout", "YYYY-MM-DD"))
    if field.type in ("date", "datetime") and not _NAMES.search(layout):
        return (_NUMERIC | set(layout)).issuperset(text)
    if field.type == "boolean":
        return any(text.lower() in field.kind.print(value, field.shown).lower() for value in (0, 1))
    return True


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _holds(cell: str, letter: str) -> Sql:
    """LIKE is fast but folds case for A to Z only, so it is asked for both cases of any other letter."""
    return any_of([Sql(f"{cell} LIKE ?", (f"%{case}%",)) for case in _cases(letter)])


def _glob(cell: str, text: str) -> Sql:
    """GLOB can match both cases of every letter but takes three times as long: use it on few cells only."""
    return Sql(f"{cell} GLOB ?", (f"*{''.join(map(_either_case, text))}*",))


def _either_case(letter: str) -> str:
    cases = _cases(letter)
    return f"[{''.join(cases)}]" if len(cases) > 1 or letter in "*?[" else letter


def _cases(letter: str) -> list[str]:
    return sorted({case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1})
