"""Finding a text in cells, regardless of case."""

from webapp.rowstore.sql.letters import cases, escape_like
from webapp.rowstore.sql.statement import Sql, all_of, any_of


def text_contains(cell: str, text: str) -> Sql:
    """SQL that is true of cells that contain this text."""
    return _text_matches(cell, f"%{escape_like(text)}%", text, "*", "*")


def text_starts_with(cell: str, text: str) -> Sql:
    return _text_matches(cell, f"{escape_like(text)}%", text, "", "*")


def _text_matches(cell: str, like: str, text: str, before: str, after: str) -> Sql:
    """`like` finds the text if it is ASCII; `before` and `after` are what GLOB takes around it."""
    if text.isascii():
        return Sql(f"{cell} LIKE ? ESCAPE '\\'", (like,))
    # LIKE is fast but folds case for A to Z only, so it is asked for both cases of one other letter. GLOB can match
    # both cases of every letter but takes three times as long: it checks the few cells that remain.
    letter = next(letter for letter in text if not letter.isascii())
    has_letter = any_of([Sql(f"{cell} LIKE ?", (f"%{case}%",)) for case in cases(letter)])
    return all_of([has_letter, Sql(f"{cell} GLOB ?", (f"{before}{''.join(map(_glob_either_case, text))}{after}",))])


def _glob_either_case(letter: str) -> str:
    both = cases(letter)
    return f"[{''.join(both)}]" if len(both) > 1 or letter in "*?[" else letter
