"""How much one action may change: all of it is in memory at once, and in one change set."""

from webapp.db.errors import UserError

MAX_CELLS = 100_000  # that are given texts
MAX_CHARACTERS = 50_000_000  # of the texts that it writes, and of those that it has to keep for undo


class TooManyCells(UserError):
    """`count` is None where they were not counted to the end."""

    def __init__(self, count: int | None) -> None:
        these = "more" if count is None else f"{count:,}"
        super().__init__(f"One action can change {MAX_CELLS:,} cells; these are {these}. Nothing was changed.")


class TooMuchText(UserError):
    def __init__(self, characters: int) -> None:
        super().__init__(
            f"One action can change {MAX_CHARACTERS:,} characters; these cells have about {characters:,}. Nothing"
            " was changed. Choose fewer rows at a time."
        )


def ensure_few(cells: int) -> None:
    """Raises `TooManyCells`."""
    if cells > MAX_CELLS:
        raise TooManyCells(cells)


def ensure_short(characters: int) -> None:
    """Raises `TooMuchText`."""
    if characters > MAX_CHARACTERS:
        raise TooMuchText(characters)
