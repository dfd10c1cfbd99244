"""Substring search as people expect it: in what they see, small and capital letters alike."""

from collections.abc import Sequence

from webapp.engine.statement import Sql, any_of
from webapp.engine.storage import Field

LONGEST = 200  # characters of a search


def contains(field: Field, text: str) -> Sql:
    """SQL that is true of the cells that, as printed, hold `text` anywhere."""
    operator, pattern = _pattern(text)
    return Sql(f"{field.printed} {operator}", (pattern,))


def found_anywhere(fields: Sequence[Field], text: str) -> Sql:
    """SQL that is true of the rows of which some cell holds `text`."""
    return any_of([contains(field, text) for field in fields])


def _pattern(text: str) -> tuple[str, str]:
    """LIKE is quick and knows the small and capital letters of A to Z only; GLOB is told all the others."""
    if text.isascii():
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return "LIKE ? ESCAPE '\\'", f"%{escaped}%"
    return "GLOB ?", f"*{''.join(map(_either_case, text))}*"


def _either_case(letter: str) -> str:
    cases = {case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1}
    return f"[{''.join(sorted(cases))}]" if len(cases) > 1 or letter in "*?[" else letter
