"""Charts with a place for each value, range or date: bars, histograms and lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from webapp.tables.charting.drawing import (
    GAP,
    HEIGHT,
    TEXT,
    WIDTH,
    Dot,
    Drawing,
    Plot,
    Rect,
    Text,
    draw_edges,
    draw_level,
    draw_names,
    draw_upright,
    plot_beside,
    rounded,
    shorten,
    text_width,
)
from webapp.tables.charting.labels import Label
from webapp.tables.charting.scales import Scale

_ROW = 26.0  # height of a lying bar, with the space around it
_BAR = 0.7  # share of a bar in its room
_HISTOGRAM = 0.97
_MOST_LABEL = 220.0
_BELOW = TEXT + 2 * GAP
_MOST_DOTS = 100  # on a line; with more of them it is nothing but dots


@dataclass(frozen=True, slots=True)
class Mark:
    """A place, and its figure as a number (None: it has none) and in words."""

    label: Label
    value: float | None
    text: str

    @property
    def title(self) -> str:
        return f"{self.label.text}: {self.text or 'no value'}"

    @property
    def style(self) -> str:
        """Striped if it stands for several values or for none."""
        return "column striped" if self.label.kind in ("other", "empty") else "column"


def lying_bars(marks: Sequence[Mark], scale: Scale) -> Drawing:
    """One below the other, with their names on the left and their figures at their ends."""
    widest = max((text_width(mark.text) for mark in marks), default=0) + GAP
    names = min(max((text_width(mark.label.text) for mark in marks), default=0), _MOST_LABEL)
    left = names + 2 * GAP + (widest if scale.low < 0 else 0)
    plot = Plot(left, GAP, max(WIDTH - GAP - widest, left + WIDTH / 4), GAP + _ROW * len(marks))
    drawing = Drawing(height=plot.bottom + _BELOW)
    draw_level(drawing, plot, scale)
    zero = plot.x(scale, 0)
    for index, mark in enumerate(marks):
        middle = plot.top + _ROW * (index + 0.5)
        line = rounded(middle + TEXT / 3)
        drawing.texts.append(Text(rounded(names + GAP), line, shorten(mark.label.text, _MOST_LABEL), "end", "name"))
        if mark.value is None:
            drawing.texts.append(Text(zero + GAP / 2, line, "no value", "start", "faint"))
            continue
        end = plot.x(scale, mark.value)
        high = _ROW * _BAR
        rect = Rect(min(zero, end), rounded(middle - high / 2), rounded(abs(end - zero)), high, mark.style, mark.title)
        drawing.rects.append(rect)
        at, anchor = _beside(end, is_negative=mark.value < 0)
        drawing.texts.append(Text(at, line, mark.text, anchor, "figure"))
    return drawing


def _beside(end: float, *, is_negative: bool) -> tuple[float, Literal["start", "end"]]:
    return (rounded(end - GAP / 2), "end") if is_negative else (rounded(end + GAP / 2), "start")


def standing_bars(marks: Sequence[Mark], scale: Scale, *, is_histogram: bool = False) -> Drawing:
    """Side by side, in the order of their values."""
    plot = plot_beside(scale, bottom=_BELOW)
    drawing = Drawing(height=HEIGHT)
    draw_upright(drawing, plot, scale)
    room = plot.width / max(len(marks), 1)
    wide = room * (_HISTOGRAM if is_histogram else _BAR)
    zero = plot.y(scale, 0)
    for index, mark in enumerate(marks):
        if mark.value is None:
            continue
        end = plot.y(scale, mark.value)
        x = plot.left + room * index + (room - wide) / 2
        drawing.rects.append(
            Rect(rounded(x), min(zero, end), rounded(wide), rounded(abs(end - zero)), mark.style, mark.title)
        )
    _draw_labels(drawing, plot, marks)
    return drawing


def line(marks: Sequence[Mark], scale: Scale) -> Drawing:
    """Interrupted where a place has no figure. A point alone is a dot; so are all, unless they are many."""
    plot = plot_beside(scale, bottom=_BELOW)
    drawing = Drawing(height=HEIGHT)
    draw_upright(drawing, plot, scale)
    room = plot.width / max(len(marks), 1)
    path = list[tuple[float, float]]()
    paths = [path]
    for index, mark in enumerate(marks):
        if mark.value is None:
            path = []
            paths.append(path)
            continue
        x, y = rounded(plot.left + room * (index + 0.5)), plot.y(scale, mark.value)
        path.append((x, y))
        if len(marks) <= _MOST_DOTS or _is_alone(marks, index):
            drawing.dots.append(Dot(x, y, mark.title))
    drawing.paths += [path for path in paths if len(path) > 1]
    _draw_labels(drawing, plot, marks)
    return drawing


def _is_alone(marks: Sequence[Mark], index: int) -> bool:
    return all(mark.value is None for mark in [*marks[max(index - 1, 0) : index], *marks[index + 1 : index + 2]])


def _draw_labels(drawing: Drawing, plot: Plot, marks: Sequence[Mark]) -> None:
    """Of ranges where they begin and end, since that is where a reader looks for a value."""
    if any(mark.label.start for mark in marks):
        edges = [*(mark.label.start or mark.label.text for mark in marks), marks[-1].label.end]
        draw_edges(drawing, plot, [shorten(edge, _MOST_LABEL) for edge in edges])
    else:
        draw_names(drawing, plot, [shorten(mark.label.text, _MOST_LABEL) for mark in marks])
