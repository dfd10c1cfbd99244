"""Scatter plots: a dot for each row, at its two values."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.tables.charting.drawing import GAP, TEXT, Dot, Drawing, draw_level, draw_upright, plot_beside
from webapp.tables.charting.scales import Scale


@dataclass(frozen=True, slots=True)
class Spot:
    x: float
    y: float
    title: str


def scatter(spots: Sequence[Spot], across: Scale, up: Scale) -> Drawing:
    plot = plot_beside(up, bottom=TEXT + 2 * GAP)
    drawing = Drawing()
    draw_upright(drawing, plot, up)
    draw_level(drawing, plot, across)
    drawing.dots += [Dot(plot.x(across, spot.x), plot.y(up, spot.y), spot.title) for spot in spots]
    return drawing
