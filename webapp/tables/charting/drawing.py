"""A drawing as plain values, which a template writes as SVG: where each mark is, its style, and what it says.

The unit is that of the view box, about a pixel. A style is a class of static/css/components/charts.css, which has the
colours; no mark is told apart by its colour alone.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from webapp.tables.charting.scales import Scale

WIDTH, HEIGHT = 720.0, 360.0
TEXT = 12.0  # size of letters
GAP = 8.0
_WIDE = 1.0  # of the size of letters: one of East Asia
_USUAL = 0.6  # any other letter, on average and a little more
_DIGIT = 0.64

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
    return TEXT * sum(map(_width, text))


def _width(letter: str) -> float:
    if letter.isdecimal():
        return _DIGIT
    return _WIDE if unicodedata.east_asian_width(letter) in "WF" else _USUAL


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
    """The scale at the bottom, with a line up at each tick."""
    places = [(plot.x(scale, at), text) for at, text in scale.ticks]
    for (at, _), (x, _) in zip(scale.ticks, places, strict=True):
        drawing.lines.append(Line(x, plot.top, x, plot.bottom, "zero" if at == 0 else "grid"))
    _write_below(drawing, plot, places)


def draw_names(drawing: Drawing, plot: Plot, names: Sequence[str]) -> None:
    """Below equal parts of the width."""
    room = plot.width / max(len(names), 1)
    _write_below(drawing, plot, [(plot.left + room * (index + 0.5), name) for index, name in enumerate(names)])


def draw_edges(drawing: Drawing, plot: Plot, names: Sequence[str]) -> None:
    """Below the ends of equal parts of the width, which are one more than the parts."""
    room = plot.width / max(len(names) - 1, 1)
    _write_below(drawing, plot, [(plot.left + room * index, name) for index, name in enumerate(names)])


def _write_below(drawing: Drawing, plot: Plot, places: Sequence[tuple[float, str]]) -> None:
    """Texts with their middles at these places, from left to right, moved into the picture. Every one, or every second,
    third ..., so that none touch.
    """
    widest = max((text_width(text) for _, text in places), default=0) + GAP / 2
    room = (places[-1][0] - places[0][0]) / (len(places) - 1) if len(places) > 1 else widest
    end = -GAP  # of the text before
    for x, text in places[:: max(1, ceil(widest / room))]:
        half = text_width(text) / 2
        middle = min(max(x, half), WIDTH - half)
        if middle - half >= end:
            drawing.texts.append(Text(rounded(middle), rounded(plot.bottom + TEXT + GAP / 2), text))
            end = middle + half + GAP / 2
