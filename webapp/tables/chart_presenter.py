"""A chart for its page: the drawing, what it says in words, and the figures beneath as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from webapp.rowstore.aggregates import Aggregate, Places, Points, Total
from webapp.rowstore.query import describe_query
from webapp.rowstore.table_ref import Field
from webapp.tables.charting.banded import Mark, line, lying_bars, standing_bars
from webapp.tables.charting.chart import KINDS, MEASURES, UNITS, Chart
from webapp.tables.charting.drawing import Drawing
from webapp.tables.charting.heat import heat_map, level_ranges
from webapp.tables.charting.labels import (
    Label,
    cell_text,
    isolated,
    measure_text,
    place_label,
    plain_number,
)
from webapp.tables.charting.scales import number_scale, position, value_scale
from webapp.tables.charting.scatter import Spot, scatter
from webapp.tables.table_urls import TableUrls
from webapp.types.text import defuse_formula
from webapp.web.formatting import capitalise, format_number, plural

_LYING = ("text", "boolean")
_FROM_ZERO = ("count", "sum")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: the name of a place, a link to its rows (None: there is none), and its figures."""

    name: str
    url: str | None
    figures: list[str]


@dataclass(frozen=True, slots=True)
class ChartView:
    """`drawing` is None if there is nothing to draw. `level` and `upright` name the axes. `legend` has styles and what
    they mean. `records` are the same figures for programs, with their titles first.
    """

    title: str
    description: str
    drawing: Drawing | None
    level: str
    upright: str
    head: list[str]
    lines: list[Line]
    records: list[list[str]]
    notes: list[str] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)


def present_chart(chart: Chart, found: Aggregate | Points, urls: TableUrls) -> ChartView:
    if isinstance(found, Points):
        return _present_points(chart, found, urls)
    return _present_heat(chart, found, urls) if chart.kind == "heat" else _present_bands(chart, found, urls)


def chart_title(chart: Chart, unit: str | None = None) -> str:
    by = f"{chart.x.title}, by {unit}" if unit else chart.x.title
    if chart.kind == "histogram":
        return f"Histogram of {chart.x.title}"
    if chart.kind == "scatter" and chart.y:
        return f"{chart.y.title} against {chart.x.title}"
    if chart.kind == "heat" and chart.y:
        return f"Number of rows by {chart.x.title} and {chart.y.title}"
    return f"{_measure_title(chart)} by {by}"


def _measure_title(chart: Chart) -> str:
    return f"{MEASURES[chart.measure]} of {chart.y.title}" if chart.measured and chart.y else MEASURES["count"]


# -- bars, histograms, lines -------------------------------------------------------------------------------------------


def _present_bands(chart: Chart, found: Aggregate, urls: TableUrls) -> ChartView:
    (axis,) = found.axes
    totals = [found.totals.get((index,)) for index in range(len(axis.places))]
    marks = [
        _mark(chart, place_label(chart.x, place, axis.unit), total)
        for place, total in zip(axis.places, totals, strict=True)
    ]
    values = [mark.value for mark in marks if mark.value is not None]
    is_counted = chart.measured is None
    head = [chart.x.title, "Rows"] if is_counted else [chart.x.title, "Rows", _measure_title(chart)]
    lines, records = list[Line](), [[*map(defuse_formula, head)]]
    for mark, place, total in zip(marks, axis.places, totals, strict=True):
        rows = total.rows if total else 0
        url = urls.table(place.query) if place.query and rows else None
        lines.append(Line(mark.label.text, url, [format_number(rows), *([] if is_counted else [mark.text])]))
        plain = [] if is_counted else [plain_number(chart.measured, chart.measure, mark.value)]
        records.append([_safe(chart.x, mark.label.text), str(rows), *plain])
    return ChartView(
        chart_title(chart, axis.unit),
        _describe_marks(chart, marks, found.rows),
        _draw(chart, marks, values) if values else None,
        *_axis_titles(chart),
        head,
        lines,
        records,
        _notes(chart, found, urls),
    )


def _mark(chart: Chart, label: Label, total: Total | None) -> Mark:
    value = total.value if total else 0.0 if chart.measured is None else None
    return Mark(label, value, measure_text(chart.measured, chart.measure, value))


def _draw(chart: Chart, marks: Sequence[Mark], values: Sequence[float]) -> Drawing:
    has_zero = chart.kind != "line" or chart.measure in _FROM_ZERO
    scale = number_scale(chart.measured, values, has_zero=has_zero)
    if chart.kind == "line":
        return line(marks, scale)
    if chart.x.type in _LYING:
        return lying_bars(marks, scale)
    return standing_bars(marks, scale, is_histogram=chart.kind == "histogram")


def _axis_titles(chart: Chart) -> tuple[str, str]:
    """Of the level axis, and of the upright one."""
    titles = chart.x.title, _measure_title(chart)
    return (titles[1], titles[0]) if chart.kind == "bar" and chart.x.type in _LYING else titles


def _describe_marks(chart: Chart, marks: Sequence[Mark], rows: int) -> str:
    known = [mark for mark in marks if mark.value is not None]
    if not known:
        return f"{KINDS[chart.kind]} of {plural(rows, 'row')}, without a value to show."
    most, least = (choose(known, key=lambda mark: mark.value or 0.0) for choose in (max, min))
    named = [
        f"{what} {isolated(mark.label.text)}, {mark.text}" for what, mark in (("highest", most), ("lowest", least))
    ]
    places = plural(len(known), "point" if chart.kind == "line" else "bar")
    return f"{KINDS[chart.kind]} of {plural(rows, 'row')}: {places}; {'; '.join(named)}."


# -- heat maps ---------------------------------------------------------------------------------------------------------


def _present_heat(chart: Chart, found: Aggregate, urls: TableUrls) -> ChartView:
    fields = [chart.x, *([chart.y] if chart.y else [])]
    across, down = (
        [place_label(by, place, axis.unit) for place in axis.places]
        for by, axis in zip(fields, found.axes, strict=True)
    )
    counts = {(x, y): total.rows for (x, y), total in found.totals.items()}
    texts = {count: format_number(count) for count in {0, *counts.values()}}
    lines = [
        Line(label.text, _url(urls, found.axes[1], y), [texts[counts.get((x, y), 0)] for x in range(len(across))])
        for y, label in enumerate(down)
    ]
    records = [[*(defuse_formula(by.title) for by in fields), "Rows"]]
    records += [
        [_safe(fields[0], across[x].text), _safe(fields[1], down[y].text), str(counts.get((x, y), 0))]
        for y in range(len(down))
        for x in range(len(across))
    ]
    most = max(counts.values(), default=0)
    legend = [
        (f"heat heat-{level}", format_number(high) if low == high else f"{format_number(low)} to {format_number(high)}")
        for level, low, high in level_ranges(most)
    ]
    return ChartView(
        chart_title(chart),
        _describe_heat(across, down, counts),
        heat_map(across, down, counts, texts) if counts else None,
        fields[0].title,
        fields[1].title,
        [f"{fields[1].title} / {fields[0].title}", *(label.text for label in across)],
        lines,
        records,
        _notes(chart, found, urls),
        legend,
    )


def _url(urls: TableUrls, axis: Places, index: int) -> str | None:
    query = axis.places[index].query
    return urls.table(query) if query else None


def _describe_heat(across: Sequence[Label], down: Sequence[Label], counts: dict[tuple[int, int], int]) -> str:
    size = f"Heat map of {plural(sum(counts.values()), 'row')}: {len(across)} by {len(down)} fields"
    if not counts:
        return f"{size}."
    (x, y), most = max(counts.items(), key=lambda item: item[1])
    return f"{size}; most rows, {format_number(most)}, at {isolated(across[x].text)} and {isolated(down[y].text)}."


# -- scatter plots -----------------------------------------------------------------------------------------------------


def _present_points(chart: Chart, found: Points, urls: TableUrls) -> ChartView:
    x, y = chart.x, chart.y or chart.x
    spots, lines = list[Spot](), list[Line]()
    for row_id, across, up in found.points:
        texts = [cell_text(x, across), cell_text(y, up)]
        title = f"Row {format_number(row_id)}: {', '.join(texts)}"
        spots.append(Spot(position(x, across), position(y, up), title))
        lines.append(Line(format_number(row_id), urls.row(str(row_id)), texts))
    scales = [value_scale(by, [point[place] for point in found.points]) for place, by in ((1, x), (2, y))]
    records = [["Row", defuse_formula(x.title), defuse_formula(y.title)]]
    records += [[str(row_id), x.print_value(across), y.print_value(up)] for row_id, across, up in found.points]
    return ChartView(
        chart_title(chart),
        _describe_points(x, y, found),
        scatter(spots, *scales) if spots else None,
        x.title,
        y.title,
        ["Row", x.title, y.title],
        lines,
        records,
        _point_notes(found, urls),
    )


def _describe_points(x: Field, y: Field, found: Points) -> str:
    text = f"Scatter plot of {plural(len(found.points), 'point')}"
    if not found.points:
        return f"{text}."
    ends = []
    for place, by in ((1, x), (2, y)):
        values = [point[place] for point in found.points]
        ends.append(f"{isolated(by.title)} from {cell_text(by, min(values))} to {cell_text(by, max(values))}")
    return f"{text}; {'; '.join(ends)}."


def _point_notes(found: Points, urls: TableUrls) -> list[str]:
    notes = [f"{_rows(found.rows, found.sample, urls)}, with a value in both columns."]
    if len(found.points) < found.rows:
        notes.append(f"Drawn are {format_number(len(found.points))} of them, spread evenly over the table.")
    return notes


# -- notes -------------------------------------------------------------------------------------------------------------


def _rows(rows: int, sample: int | None, urls: TableUrls) -> str:
    """How many, and which: `About 412 rows where city is Oslo`."""
    return f"{'About ' if sample else ''}{plural(rows, 'row')}{describe_query(urls.query.sorted_by())}"


def _notes(chart: Chart, found: Aggregate, urls: TableUrls) -> list[str]:
    """What a reader has to know to trust the figures."""
    notes = [f"{_rows(found.rows, found.sample, urls)}."]
    if found.sample:
        ends = {"min": "lower", "max": "higher"}.get(chart.measure)
        more = f" There may be {ends} values in the others." if ends else ""
        notes.append(f"Estimated from {format_number(found.sample)} rows spread over the table.{more}")
    for by, axis in zip((chart.x, chart.y), found.axes, strict=False):
        notes += _axis_notes(chart, by or chart.x, axis)
    return notes


def _axis_notes(chart: Chart, by: Field, axis: Places) -> list[str]:
    notes = list[str]()
    if axis.left_out:
        verb = "is" if axis.left_out == 1 else "are"
        notes.append(f"{plural(axis.left_out, 'row')} without a value in {isolated(by.title)} {verb} left out.")
    if any(place.kind == "other" for place in axis.places):
        shown = sum(place.kind == "value" for place in axis.places)
        which = "most rows" if chart.measured is None else "highest figures"
        notes.append(f"The {shown} values of {isolated(by.title)} with the {which}, and all others together.")
    if chart.unit and axis.places and by.type in ("date", "datetime") and axis.unit != chart.unit:
        longer = UNITS[axis.unit].lower() if axis.unit else "longer spans"
        wanted = UNITS[chart.unit].lower()
        notes.append(f"{capitalise(wanted)}s would be too many here, or finer than the column: shown by {longer}.")
    return notes


def _safe(by: Field, text: str) -> str:
    """For a file that a spreadsheet opens: a text is not a formula."""
    return defuse_formula(text) if by.type in _LYING else text
