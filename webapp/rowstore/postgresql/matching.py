"""Finding a text in cells, regardless of case: exactly what SQLite finds."""

import re

from webapp.rowstore.sql.letters import cases, escape_like
from webapp.rowstore.sql.statement import Sql, all_of, any_of


def text_contains(cell: str, text: str) -> Sql:
    """SQL that is true of cells that contain this text."""
    return _text_matches(cell, f"%{escape_like(text)}%", text, "")


def text_starts_with(cell: str, text: str) -> Sql:
    return _text_matches(cell, f"{escape_like(text)}%", text, "^")


def _text_matches(cell: str, like: str, text: str, before: str) -> Sql:
    """Under the collation "C" ILIKE folds case for A to Z only. A regular expression can match both cases of every
    letter but takes longer: it checks the few cells that have one other letter.
    """
    stored = f'({cell}) COLLATE "C"'
    if text.isascii():
        return Sql(f"{stored} ILIKE ?", (like,))
    letter = next(letter for letter in text if not letter.isascii())
    has_letter = any_of([Sql(f"{stored} LIKE ?", (f"%{case}%",)) for case in cases(letter)])
    return all_of([has_letter, Sql(f"{stored} ~ ?", (before + "".join(map(_either_case, text)),))])


def _either_case(letter: str) -> str:
    both = cases(letter)
    return f"[{''.join(both)}]" if len(both) > 1 else re.escape(letter) if letter.isascii() else letter
