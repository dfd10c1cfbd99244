"""How wide the columns of a saved view are, and how high its rows, where somebody chose it.

As text, which forms send and the database keeps: `2.180,5.90,compact`.
"""

from dataclasses import dataclass, field
from itertools import islice

HEIGHTS = ("compact", "normal", "comfortable")
MIN_WIDTH, MAX_WIDTH = 48, 2_000  # pixels
MAX_PARTS = 2_001  # as many columns as a table has, and the height
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ViewLayout:
    """`widths` in pixels by the numbers of columns; without a height it is what each reader prefers."""

    widths: dict[int, int] = field(default_factory=dict)
    height: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ViewLayout":
        """What cannot be read is left out: only a script of ours writes it, and nothing depends on it but the looks."""
        widths, height = dict[int, int](), None
        for part in islice(text.split(","), MAX_PARTS):
            column, _, width = part.partition(".")
            if part in HEIGHTS:
                height = part
            elif _is_number(column) and _is_number(width):
                widths[int(column)] = min(max(int(width), MIN_WIDTH), MAX_WIDTH)
        return cls(widths, height)

    def __str__(self) -> str:
        widths = [f"{column}.{width}" for column, width in sorted(self.widths.items())]
        return ",".join([*widths, *([self.height] if self.height else [])])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
