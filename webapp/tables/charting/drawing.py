"""A drawing as plain values, which a template writes as SVG: where each mark is, its style, and what it says.

The unit is that of the view box, about a pixel. A style is a class of static/css/components/charts.css, which has the
colours; no mark is told apart by its colour alone.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from webapp.tables.charting.scales import Scale

WIDTH, HEIGHT = 720.0, 360.0
TEXT = 12.0  # size of letters
GAP = 8.0
_WIDE = 1.0  # of the size of letters: one of East Asia
_USUAL = 0.56  # any other letter, on average and a little more

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    style: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    style: str


@dataclass(frozen=True, slots=True)
class Text:
    """`is_turned`: it rises towards its end, which is at its place."""

    x: float
    y: float
    text: str
    anchor: Anchor = "middle"
    style: str = ""
    is_turned: bool = False


@dataclass(slots=True)
class Drawing:
    """Marks in the order in which they are drawn. `paths` are the points of lines."""

    width: float = WIDTH
    height: float = HEIGHT
    lines: list[Line] = field(default_factory=list)
    rects: list[Rect] = field(default_factory=list)
    paths: list[list[tuple[float, float]]] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plot:
    """The part of a drawing between its axes."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def x(self, scale: Scale, position: float) -> float:
        return rounded(self.left + scale.share(position) * self.width)

    def y(self, scale: Scale, position: float) -> float:
        return rounded(self.bottom - scale.share(position) * self.height)


def rounded(number: float) -> float:
    return round(number, 2)


def text_width(text: str) -> float:
    """About; a browser knows the font, and nobody else."""
    return TEXT * sum(_WIDE if unicodedata.east_asian_width(letter) in "WF" else _USUAL for letter in text)


def shorten(text: str, width: float) -> str:
    """What fits, and an ellipsis."""
    if text_width(text) <= width:
        return text
    room, kept = width - text_width("…"), 0
    for letter in text:
        room -= text_width(letter)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def plot_beside(scale: Scale, *, bottom: float) -> Plot:
    """With room for the ticks of an upright scale on its left, and `bottom` below it."""
    widest = max(text_width(text) for _, text in scale.ticks)
    return Plot(min(widest, WIDTH / 3) + 2 * GAP, GAP + TEXT / 2, WIDTH - 3 * GAP, HEIGHT - bottom)


def draw_upright(drawing: Drawing, plot: Plot, scale: Scale) -> None:
    """The scale on the left, with a line across at each tick."""
    for at, text in scale.ticks:
        y = plot.y(scale, at)
        drawing.lines.append(Line(plot.left, y, plot.right, y, "zero" if at == 0 else "grid"))
        drawing.texts.append(Text(plot.left - GAP, rounded(y + TEXT / 3), shorten(text, WIDTH / 3), "end"))


def draw_level(drawing: Drawing, plot: Plot, scale: Scale) -> None:
    """The scale at the bottom, with a line up at each tick; texts that would touch are left out."""
    widest = max(text_width(text) for _, text in scale.ticks) + GAP
    step = _every(widest, plot.width / max(len(scale.ticks) - 1, 1))
    for index, (at, text) in enumerate(scale.ticks):
        x = plot.x(scale, at)
        drawing.lines.append(Line(x, plot.top, x, plot.bottom, "zero" if at == 0 else "grid"))
        if index % step == 0:
            half = text_width(text) / 2
            drawing.texts.append(
                Text(rounded(min(x, WIDTH - half)), rounded(plot.bottom + TEXT + GAP / 2), shorten(text, plot.width))
            )


def _every(wanted: float, room: float) -> int:
    """Only every how many-th text has the width it wants."""
    return max(1, int(-(-wanted // room))) if room > 0 else 1


def draw_names(drawing: Drawing, plot: Plot, names: list[str]) -> None:
    """Below equal parts of the width; those that would touch are left out."""
    room = plot.width / max(len(names), 1)
    _draw_row(drawing, plot, names, plot.left + room / 2, room)


def draw_edges(drawing: Drawing, plot: Plot, names: list[str]) -> None:
    """Below the ends of equal parts of the width, which are one more than the parts."""
    _draw_row(drawing, plot, names, plot.left, plot.width / max(len(names) - 1, 1))


def _draw_row(drawing: Drawing, plot: Plot, names: list[str], start: float, room: float) -> None:
    step = _every(max(map(text_width, names), default=0) + GAP, room)
    for index in range(0, len(names), step):
        half = text_width(names[index]) / 2
        x = min(max(start + room * index, half), WIDTH - half)
        drawing.texts.append(Text(rounded(x), rounded(plot.bottom + TEXT + GAP / 2), names[index]))
