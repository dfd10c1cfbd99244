"""Heat maps: a field for each pair of places, the darker the more rows, with their number in it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

from webapp.tables.charting.drawing import (
    GAP,
    TEXT,
    WIDTH,
    Anchor,
    Drawing,
    Plot,
    Rect,
    Text,
    rounded,
    shorten,
    text_width,
)
from webapp.tables.charting.labels import Label

LEVELS = 5
_FIELD = 26.0  # height
_MOST_LABEL = 150.0
_TURNED = 0.5  # sine of the angle of a turned text


def heat_map(
    across: Sequence[Label], down: Sequence[Label], counts: Mapping[tuple[int, int], int], texts: Mapping[int, str]
) -> Drawing:
    """`counts` by the places across and down; `texts` says each number in words. Rows go down from the first."""
    left = min(max((text_width(label.text) for label in down), default=0), _MOST_LABEL) + 2 * GAP
    room = (WIDTH - GAP - left) / max(len(across), 1)
    names = [label.text for label in across]
    is_turned = any(text_width(name) + GAP > room for name in names)
    below = TEXT + 2 * GAP
    if is_turned:
        names = [shorten(name, _MOST_LABEL) for name in names]
        below = max(map(text_width, names)) * _TURNED + TEXT + 2 * GAP
    plot = Plot(left, GAP, WIDTH - GAP, GAP + _FIELD * len(down))
    drawing = Drawing(height=rounded(plot.bottom + below))
    most = max(counts.values(), default=0)
    for (x, y), count in counts.items():
        _draw_field(
            drawing, plot, room, (x, y), level_of(count, most), f"{across[x].text}, {down[y].text}: {texts[count]}"
        )
        if text_width(texts[count]) + 2 <= room:
            drawing.texts.append(_number(plot, room, x, y, texts[count], level_of(count, most)))
    for y, label in enumerate(down):
        middle = rounded(plot.top + _FIELD * (y + 0.5) + TEXT / 3)
        drawing.texts.append(Text(rounded(left - GAP), middle, shorten(label.text, _MOST_LABEL), "end", "name"))
    for x, name in enumerate(names):
        at = rounded(plot.left + room * (x + 0.5))
        anchor: Anchor = "end" if is_turned else "middle"
        drawing.texts.append(Text(at, rounded(plot.bottom + TEXT + GAP / 2), name, anchor, "name", is_turned))
    return drawing


def level_of(count: int, most: int) -> int:
    """From 1 to `LEVELS`: equal steps up to the most; 0 is none."""
    return ceil(LEVELS * count / most) if most else 0


def level_ranges(most: int) -> list[tuple[int, int, int]]:
    """Each level that whole numbers have, with the least and the greatest of them."""
    ends = [most * level // LEVELS for level in range(LEVELS + 1)]
    return [(level, low + 1, high) for level, (low, high) in enumerate(pairwise(ends), 1) if low < high]


def _draw_field(drawing: Drawing, plot: Plot, room: float, at: tuple[int, int], level: int, title: str) -> None:
    x, y = rounded(plot.left + room * at[0]), rounded(plot.top + _FIELD * at[1])
    drawing.rects.append(Rect(x, y, rounded(room - 1), _FIELD - 1, f"heat heat-{level}", title))


def _number(plot: Plot, room: float, x: int, y: int, text: str, level: int) -> Text:
    style = "on-dark" if level == LEVELS else "figure"
    return Text(
        rounded(plot.left + room * (x + 0.5)), rounded(plot.top + _FIELD * (y + 0.5) + TEXT / 3), text, style=style
    )
