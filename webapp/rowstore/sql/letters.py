"""Letters regardless of case, and texts in patterns."""


def cases(letter: str) -> list[str]:
    """The letter as it is, in lower and in upper case."""
    return sorted({case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1})


def escape_like(text: str) -> str:
    """A text in a pattern for `LIKE ... ESCAPE '\\'`."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
