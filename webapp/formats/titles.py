"""Column titles: what people wrote above the columns, made unique and safe to display."""

import unicodedata
from collections.abc import Sequence

MAX_TITLE = 120  # characters
_JOINERS = "\u200c\u200d"  # Persian and emoji need them


def clean(titles: Sequence[str]) -> list[str]:
    """Unique regardless of case. The first of several equal titles keeps its name: name, name 2, name 3."""
    plain = [_plain(title) or f"column {number}" for number, title in enumerate(titles, 1)]
    taken = {title.casefold() for title in plain}
    used: dict[str, int] = {}
    return [_unique(title, taken, used) for title in plain]


def _plain(title: str) -> str:
    text = visible(title[: MAX_TITLE * 4])
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1].rstrip() + "…"


def visible(title: str) -> str:
    """On one line, without control characters, and without invisible ones that would make two titles look alike."""
    text = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in title
        if unicodedata.category(character) not in ("Cf", "Cs") or character in _JOINERS
    )
    return " ".join(text.split())


def _unique(title: str, taken: set[str], used: dict[str, int]) -> str:
    """`used` holds the last number of each title, so that a thousand equal ones need not count from 1 each."""
    number, candidate = used.get(title.casefold(), 1), title
    while candidate.casefold() in used or (number > 1 and candidate.casefold() in taken):
        number += 1
        candidate = f"{title} {number}"
    used[title.casefold()] = number
    used.setdefault(candidate.casefold(), 1)
    return candidate
