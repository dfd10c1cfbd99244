"""What a chart shows, and its form in an address: `kind=bar&x=3&y=5&measure=sum&by=month`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from webapp.rowstore.aggregates import Axis, Function, Measure
from webapp.rowstore.errors import QueryError
from webapp.rowstore.histogram import MAX_BARS, CalendarUnit
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import SUMMED
from webapp.rowstore.table_ref import Field

Kind = Literal["bar", "line", "histogram", "scatter", "heat"]

KINDS: dict[Kind, str] = {
    "bar": "Bar chart",
    "line": "Line chart",
    "histogram": "Histogram",
    "scatter": "Scatter plot",
    "heat": "Heat map",
}
MEASURES: dict[Function, str] = {
    "count": "Number of rows",
    "sum": "Sum",
    "average": "Average",
    "min": "Lowest",
    "max": "Highest",
}
UNITS: dict[CalendarUnit, str] = {
    "day": "Day",
    "week": "Week",
    "month": "Month",
    "quarter": "Quarter",
    "year": "Year",
}
MAX_POINTS = 1_000
DATES = ("date", "datetime")
_UNORDERED = ("text", "boolean")
_MOST_TEXTS = {"bar": 20, "heat": 12}
_MOST_DATES = {"bar": 48, "line": 366, "heat": 24}
_MOST_NUMBERS = {"line": 60}


@dataclass(frozen=True, slots=True)
class Chart:
    """`x` is what rows are put together by, and `y` what is measured of them; of a scatter plot and a heat map both are
    axes. `unit` is for dates; None is whichever fits.
    """

    kind: Kind
    x: Field
    y: Field | None = None
    measure: Function = "count"
    unit: CalendarUnit | None = None

    @property
    def args(self) -> dict[str, str]:
        """Its parameters; what means nothing to this kind is left out."""
        args = {"kind": self.kind, "x": str(self.x.number)}
        if self.y:
            args["y"] = str(self.y.number)
        if self.measure != "count":
            args["measure"] = self.measure
        if self.unit:
            args["by"] = self.unit
        return args

    @property
    def axes(self) -> list[Axis]:
        """What the row store adds up by; of a scatter plot nothing."""
        if self.kind == "histogram":
            return [Axis(self.x.number, MAX_BARS, in_ranges=True)]
        fields = [self.x, self.y] if self.kind == "heat" else [self.x]
        return [Axis(field.number, self._most(field), self.unit) for field in fields if field]

    @property
    def asked(self) -> Measure:
        return Measure(self.measure, self.y.number if self.y and self.measure != "count" else None)

    @property
    def measured(self) -> Field | None:
        """The column whose numbers it shows; None if it counts rows."""
        return self.y if self.measure != "count" else None

    @property
    def has_units(self) -> bool:
        return self.kind in ("bar", "line", "heat") and any(field and field.type in DATES for field in (self.x, self.y))

    def _most(self, field: Field) -> int:
        if field.type == "text":
            return _MOST_TEXTS[self.kind]
        return (_MOST_DATES if field.type in DATES else _MOST_NUMBERS).get(self.kind, MAX_BARS)


def parse_chart(args: Mapping[str, str], query: TableQuery) -> Chart:
    """Raises `QueryError`, with the parameter that is wrong and what to do about it."""
    kind = cast("Kind", _one_of(args, "kind", get_args(Kind)))
    measure = cast("Function", _one_of(args, "measure", get_args(Function)))
    unit = cast("CalendarUnit | None", _one_of(args, "by", ("", *UNITS)) or None)
    x, y = _column(args, "x", query), _column(args, "y", query)
    x = x or _usual_column(query, kind)
    if kind in ("scatter", "heat"):
        measure = "count"
        if y is None:
            raise QueryError(f"A {KINDS[kind].lower()} is of two columns: choose the other one as well.", "y")
    elif kind == "histogram":
        measure, y = "count", None
    elif measure == "count":
        y = None
    chart = Chart(kind, x, y, measure, unit)
    _ensure_ordered(chart)
    _ensure_measured(chart)
    return chart if chart.has_units else Chart(kind, x, y, measure)


def _one_of(args: Mapping[str, str], name: str, values: Sequence[str]) -> str:
    """The first one if it is not given."""
    given = args.get(name) or values[0]
    if given not in values:
        raise QueryError("There is no such chart. Choose one of those in the list.", name)
    return given


def _column(args: Mapping[str, str], name: str, query: TableQuery) -> Field | None:
    number = args.get(name)
    return query.field(number, name) if number else None


def _usual_column(query: TableQuery, kind: Kind) -> Field:
    """The first one that is shown and suits this kind."""
    if not query.fields:
        raise QueryError("This table has no columns, so there is nothing to draw.", "x")
    suits = [field for field in query.visible if kind in _MOST_TEXTS or field.type not in _UNORDERED]
    return next(iter(suits), query.visible[0])


def _ensure_ordered(chart: Chart) -> None:
    if chart.kind in _MOST_TEXTS:
        return
    for name, field in (("x", chart.x), ("y", chart.y if chart.kind == "scatter" else None)):
        if field and field.type in _UNORDERED:
            kind = KINDS[chart.kind].lower()
            raise QueryError(
                f"A {kind} needs a column of numbers, dates or times, and “{field.title}” is none. A bar chart can show"
                " it.",
                name,
            )


def _ensure_measured(chart: Chart) -> None:
    if chart.measure == "count":
        return
    what = MEASURES[chart.measure].lower()
    if chart.y is None:
        raise QueryError(f"Choose the column of numbers whose {what} is to be shown.", "y")
    if chart.y.type not in SUMMED:
        raise QueryError(f"“{chart.y.title}” has no numbers, so there is no {what} of it. Choose another column.", "y")
