"""Charts: what is drawn is what the rows add up to, at the right places, in words that can be read, as CSV as well."""

import csv
import io
import math
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_tables import PARTIAL, get, planets, tree
from tests.tables import PLANET_ROWS, add_table
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.sql import aggregating
from webapp.rowstore.sql.aggregating import Aggregator
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sqlite.connection import SqliteConnection

__all__ = ["planets"]  # the fixture

HOSTILE = ["<script>alert(1)</script>", '"><img src=x>', "שלום (עולם)", "=1+1", "a" * 3_000, " ", "two\nlines", "&amp;"]


class Page:
    """A page with a chart, without namespaces."""

    def __init__(self, html: str) -> None:
        self.root = tree(html)
        for element in self.root.iter():
            if isinstance(element.tag, str):  # no comment
                element.tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        self.svg = next((svg for svg in self.root.iter("svg") if svg.attrib.get("role") == "img"), None)

    def marks(self, tag: str, style: str = "") -> list[Any]:
        assert self.svg is not None
        return [mark for mark in self.svg.iter(tag) if style in mark.attrib.get("class", "").split() or not style]

    def titles(self, tag: str, style: str = "") -> list[str]:
        return [text_of(mark.find("title")) for mark in self.marks(tag, style)]

    def words(self, style: str = "") -> list[str]:
        return [text_of(mark) for mark in self.marks("text") if mark.attrib.get("class", "") == style]

    def figures(self) -> list[list[str]]:
        """The lines of the table, its head first."""
        table = next(table for table in self.root.iter("table"))
        return [[text_of(cell) for cell in row] for row in table.iter("tr")]

    def links(self) -> dict[str, str]:
        table = next(table for table in self.root.iter("table"))
        return {text_of(link): link.attrib["href"] for link in table.iter("a")}

    @property
    def text(self) -> str:
        return " ".join(text_of(self.root.find("body")).split())

    def chosen(self) -> dict[str, str]:
        return {
            select.attrib["name"]: option.attrib["value"]
            for select in self.root.iter("select")
            for option in select.iter("option")
            if "selected" in option.attrib
        }


def text_of(element: Any) -> str:
    return "".join(element.itertext())


def number(mark: Any, name: str) -> float:
    return float(mark.attrib[name])


def proportional(sizes: list[float], values: list[float]) -> bool:
    """Whether each size is its value times the same number, but for rounding."""
    unit = max(sizes) / max(values)
    return all(math.isclose(size, value * unit, abs_tol=0.02) for size, value in zip(sizes, values, strict=True))


async def open_chart(client: QuartClient, address: str, query: str, status: int = 200) -> Page:
    return Page(await get(client, f"{address}/chart?{query}", status))


@pytest.fixture
async def numbers(client: QuartClient, settings: Settings) -> str:
    """The URL of a table with losses, dates, a gap, empty cells and prices."""
    await sign_up(client)
    rows = [
        ("Oslo", "-20", "2024-01-05", "$1,500.50"),
        ("Oslo", "5", "2024-01-20", "$2.00"),
        ("Bergen", "30", "2024-02-10", "$0.25"),
        ("Rome", "", "2024-05-01", "$10.00"),
        ("", "45", "", "$100.00"),
    ]
    columns = {"City": "text", "Net": "integer", "Day": "date", "Price": "decimal"}
    return f"/tables/{add_table(settings.data_dir, columns, rows, title='Sales')}"


async def test_lying_bars_are_as_long_as_the_rows_of_their_value_are_many(client: QuartClient, numbers: str) -> None:
    page = await open_chart(client, numbers, "kind=bar&x=1")

    assert page.titles("rect", "column") == ["Oslo: 2", "Bergen: 1", "Rome: 1", "Empty: 1"]
    assert proportional([number(bar, "width") for bar in page.marks("rect", "column")], [2, 1, 1, 1])
    tops = [number(bar, "y") for bar in page.marks("rect", "column")]
    assert tops == sorted(tops)
    assert page.words("name") == ["Oslo", "Bergen", "Rome", "Empty"]
    assert page.words("figure") == ["2", "1", "1", "1"]
    assert page.titles("rect", "striped") == ["Empty: 1"]
    assert page.figures() == [["City", "Rows"], ["Oslo", "2"], ["Bergen", "1"], ["Rome", "1"], ["Empty", "1"]]


async def test_numbers_below_zero_go_the_other_way(client: QuartClient, numbers: str) -> None:
    page = await open_chart(client, numbers, "kind=bar&x=1&y=2&measure=sum")

    assert page.titles("rect", "column") == ["Bergen: 30", "Oslo: -15", "Empty: 45"]
    bars = {title: bar for title, bar in zip(page.titles("rect", "column"), page.marks("rect", "column"), strict=True)}
    zero = number(next(line for line in page.marks("line", "zero")), "x1")
    assert number(bars["Bergen: 30"], "x") == number(bars["Empty: 45"], "x") == zero
    assert math.isclose(number(bars["Oslo: -15"], "x") + number(bars["Oslo: -15"], "width"), zero, abs_tol=0.02)
    assert proportional([number(bar, "width") for bar in bars.values()], [30, 15, 45])
    assert page.words("faint") == ["no value"]  # Rome has no number
    assert page.figures()[-2:] == [["Rome", "1", ""], ["Empty", "1", "45"]]


async def test_standing_bars_of_dates_have_a_place_for_each_month_also_without_rows(
    client: QuartClient, numbers: str
) -> None:
    page = await open_chart(client, numbers, "kind=bar&x=3&by=month")

    assert page.titles("rect", "column") == ["Jan 2024: 2", "Feb 2024: 1", "Mar 2024: 0", "Apr 2024: 0", "May 2024: 1"]
    bars = page.marks("rect", "column")
    assert proportional([number(bar, "height") for bar in bars], [2, 1, 0, 0, 1])
    assert len({number(bar, "y") + number(bar, "height") for bar in bars}) == 1
    lefts = [number(bar, "x") for bar in bars]
    assert all(math.isclose(right - left, lefts[1] - lefts[0], abs_tol=0.02) for left, right in zip(lefts, lefts[1:]))  # noqa: B905, RUF007
    assert "1 row without a value in \u2068Day\u2069 is left out." in page.text
    assert page.chosen() == {"kind": "bar", "x": "3", "measure": "count", "by": "month"}


async def test_a_line_is_interrupted_where_there_is_no_figure(client: QuartClient, numbers: str) -> None:
    page = await open_chart(client, numbers, "kind=line&x=3&y=2&measure=average&by=month")

    (path,) = page.marks("polyline")
    points = [tuple(map(float, point.split(","))) for point in path.attrib["points"].split()]
    dots = [(number(dot, "cx"), number(dot, "cy")) for dot in page.marks("circle")]
    assert page.titles("circle") == ["Jan 2024: -7.50", "Feb 2024: 30.00"]
    assert points == dots
    assert points[0][0] < points[1][0]
    assert points[0][1] > points[1][1]
    assert [line[2] for line in page.figures()[1:]] == ["-7.50", "30.00", "", "", ""]


async def test_a_line_with_one_point_is_a_dot(client: QuartClient, numbers: str) -> None:
    page = await open_chart(client, numbers, "kind=line&x=3&y=2&measure=max&by=year")

    assert page.titles("circle") == ["2024: 30"]
    assert page.marks("polyline") == []


async def test_a_histogram_has_a_bar_for_each_range_between_round_numbers(client: QuartClient, planets: str) -> None:
    page = await open_chart(client, planets, "kind=histogram&x=2")

    bars = page.marks("rect", "column")
    assert page.titles("rect", "column") == ["0 to 49: 6", "50 to 99: 1", "100 to 149: 1"]
    assert proportional([number(bar, "height") for bar in bars], [6, 1, 1])
    below = [text for text in page.marks("text") if text_of(text) in ("0", "50", "100", "150")]
    edges = {text_of(text): number(text, "x") for text in below if number(text, "y") > number(bars[0], "y")}
    assert set(edges) == {"0", "50", "100", "150"}
    assert math.isclose(edges["100"] - edges["50"], edges["150"] - edges["100"], abs_tol=0.02)
    assert edges["50"] <= number(bars[1], "x") <= edges["50"] + 5


async def test_a_scatter_plot_has_a_dot_for_each_row_with_both_values(client: QuartClient, planets: str) -> None:
    page = await open_chart(client, planets, "kind=scatter&x=2&y=3")

    dots = page.marks("circle")
    assert len(dots) == len(PLANET_ROWS)
    for name, place in (("cx", 1), ("cy", 2)):
        by_place = sorted(range(8), key=lambda row: number(dots[row], name))
        values = [float(PLANET_ROWS[row][place]) for row in by_place]
        assert values == sorted(values, reverse=name == "cy")
    span = number(dots[5], "cx") - number(dots[0], "cx")
    assert math.isclose((number(dots[4], "cx") - number(dots[0], "cx")) / span, 95 / 146, abs_tol=0.001)
    assert page.figures()[:2] == [["Row", "Moons", "Radius"], ["1", "0", "2439.7"]]
    assert page.links()["3"] == f"{planets}/rows/3"


async def test_a_heat_map_has_a_field_for_each_pair_with_its_number_in_it(client: QuartClient, planets: str) -> None:
    page = await open_chart(client, planets, "kind=heat&x=4&y=2")

    assert "no, 0: 2" in page.titles("rect", "heat")
    assert page.figures()[:3] == [["Moons / Rings", "yes", "no"], ["0", "0", "2"], ["1", "0", "1"]]
    darkest = page.titles("rect", "heat-5")
    assert darkest == ["no, 0: 2"]
    written = [int(text) for text in [*page.words("figure"), *page.words("on-dark")]]
    assert sorted(written) == [1, 1, 1, 1, 1, 1, 2]
    fields = page.marks("rect", "heat")[: len(written)]
    assert len({(number(rect, "x"), number(rect, "y")) for rect in fields}) == 7


async def test_what_the_table_shows_is_what_is_drawn(client: QuartClient, planets: str) -> None:
    page = await open_chart(client, planets, "kind=bar&x=4&q=ur&f.2=gt:0&sort=-2")

    assert page.titles("rect", "column") == ["yes: 2", "no: 0"]
    assert "2 rows matching “ur” and where Moons is above 0." in page.text
    assert page.links() == {"yes": f"{planets}?q=ur&f.2=gt:0&f.4=eq:yes&sort=-2"}


async def test_figures_lead_to_the_rows_that_they_are_of(client: QuartClient, numbers: str) -> None:
    links = (await open_chart(client, numbers, "kind=bar&x=1")).links()
    months = (await open_chart(client, numbers, "kind=bar&x=3&by=month")).links()

    assert links["Oslo"] == f"{numbers}?f.1=eq:Oslo"
    assert links["Empty"] == f"{numbers}?f.1=empty"
    assert months["Jan 2024"] == f"{numbers}?f.3=between:2024-01-01,2024-01-31"
    assert "Mar 2024" not in months


async def test_amounts_are_written_as_their_column_does(client: QuartClient, numbers: str) -> None:
    page = await open_chart(client, numbers, "kind=bar&x=1&y=4&measure=sum")

    assert page.titles("rect", "column")[0] == "Oslo: $1,502.50"
    assert "$1,000" in page.words()


async def test_many_values_are_put_together_behind_the_largest(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [(f"name {number % 2_000}",) for number in range(2_020)]
    address = f"/tables/{add_table(settings.data_dir, {'Name': 'text'}, rows)}"

    page = await open_chart(client, address, "kind=bar&x=1")

    assert len(page.marks("rect", "column")) == 21
    assert page.titles("rect", "striped") == ["Other values: 1,980"]
    assert "The 20 values of \u2068Name\u2069 with the most rows, and all others together." in page.text


@pytest.mark.parametrize(
    "values",
    [
        ["0.000000001", "0.000000005"],
        ["999999999999999", "1"],
        ["-5", "-5"],
        ["0", "0"],
        ["7"],
        ["-0.5", "1000000.25"],
    ],
)
@pytest.mark.parametrize("kind", ["histogram&x=1", "bar&x=2&y=1&measure=sum", "line&x=1", "scatter&x=1&y=1"])
async def test_numbers_of_any_size_are_drawn_within_the_picture(
    client: QuartClient, settings: Settings, values: list[str], kind: str
) -> None:
    await sign_up(client)
    columns = {"Number": "decimal" if "." in "".join(values) else "integer", "Name": "text"}
    address = f"/tables/{add_table(settings.data_dir, columns, [(value, 'x') for value in values])}"

    page = await open_chart(client, address, f"kind={kind}")

    assert page.svg is not None
    _, _, width, height = map(float, page.svg.attrib["viewBox"].split())
    marks = [*page.marks("rect", "column"), *page.marks("circle"), *page.marks("line"), *page.marks("text")]
    assert page.marks("rect", "column") or page.marks("circle")
    for mark in marks:
        places = {name: float(value) for name, value in mark.attrib.items() if name in ("x", "x1", "x2", "cx")}
        assert all(0 <= place <= width for place in places.values())
        places = {name: float(value) for name, value in mark.attrib.items() if name in ("y", "y1", "y2", "cy")}
        assert all(0 <= place <= height for place in places.values())
    assert "nan" not in page.text
    assert len(set(page.words())) > 1


async def test_no_text_of_a_cell_or_title_becomes_markup(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [(text, "1", text) for text in HOSTILE]
    columns = {"<b>Name</b>": "text", "<i>Number</i>": "integer", "Other": "text"}
    address = f"/tables/{add_table(settings.data_dir, columns, rows, title='<u>T</u>')}"

    for query in ("kind=bar&x=1", "kind=bar&x=1&y=2&measure=sum", "kind=heat&x=1&y=3", "kind=histogram&x=2"):
        page = await open_chart(client, address, query)
        for tag in ("b", "i", "u", "img"):
            assert next(page.root.iter(tag), None) is None
        assert all("alert(1)" not in text_of(script) for script in page.root.iter("script"))
    page = await open_chart(client, address, "kind=bar&x=1")
    names = [line[0] for line in page.figures()[1:]]
    assert {HOSTILE[0], HOSTILE[1], HOSTILE[2], "“ ”", "two lines", "a" * 200 + "…"} <= set(names)
    assert max(map(len, page.words("name"))) < 60
    assert all(
        next(cell.iter("bdi"), None) is not None for cell in page.root.iter("th")
    )  # its direction concerns nothing else


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("kind=histogram&x=1", "x", "needs a column of numbers, dates or times"),
        ("kind=line&x=4", "x", "needs a column of numbers, dates or times"),
        ("kind=scatter&x=2&y=1", "y", "needs a column of numbers, dates or times"),
        ("kind=scatter&x=2", "y", "choose the other one as well"),
        ("kind=bar&x=1&measure=sum", "y", "Choose the column of numbers whose sum"),
        ("kind=bar&x=1&y=1&measure=average", "y", "“Planet” has no numbers"),
        ("kind=bar&x=99", "x", "no column number 99"),
        ("kind=pie", "kind", "no such chart"),
        ("measure=median", "measure", "no such chart"),
        ("by=century", "by", "no such chart"),
    ],
)
async def test_what_cannot_be_drawn_says_so_beside_the_field_that_is_wrong(
    client: QuartClient, planets: str, query: str, field: str, said: str
) -> None:
    page = await open_chart(client, planets, query, 422)

    assert page.svg is None
    (error,) = [p for p in page.root.iter("p") if p.attrib.get("id") == f"{field}-error"]
    assert said in text_of(error)
    (select,) = [select for select in page.root.iter("select") if select.attrib["name"] == field]
    assert select.attrib["aria-describedby"] == f"{field}-error"


async def test_without_rows_there_is_nothing_to_draw(client: QuartClient, planets: str) -> None:
    for query in ("kind=bar&x=1", "kind=histogram&x=2", "kind=scatter&x=2&y=3", "kind=heat&x=1&y=4", "kind=line&x=5"):
        page = await open_chart(client, planets, f"{query}&q=nowhere")
        assert page.svg is None
        assert "Nothing to draw" in page.text


async def test_without_a_choice_the_first_column_that_is_shown_is_counted(client: QuartClient, planets: str) -> None:
    page = await open_chart(client, planets, "cols=4,1")

    assert page.chosen() == {"kind": "bar", "x": "4", "measure": "count"}
    assert page.titles("rect", "column") == ["yes: 4", "no: 4"]


async def test_what_takes_too_long_says_so_or_is_estimated(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Aggregator.select

    def slow(self: Aggregator, *args: Any, **options: Any) -> Any:
        if self.sample is None:
            raise QueryTimeout
        return real(self, *args, **options)

    monkeypatch.setattr(Aggregator, "select", slow)
    page = await open_chart(client, planets, "kind=bar&x=4")
    assert page.svg is None
    assert str(QueryTimeout()) in page.text

    monkeypatch.setattr(aggregating, "SAMPLE", 4)
    page = await open_chart(client, planets, "kind=bar&x=4&y=2&measure=max")
    assert page.svg is not None
    assert "Estimated from 4 rows spread over the table. There may be higher values in the others." in page.text


async def test_the_figures_are_a_file_as_well(client: QuartClient, settings: Settings) -> None:
    await sign_up(client)
    rows = [("=1+1", "1,000.5", "2024-01-05"), ("=1+1", "0.25", "2024-02-05"), ("Ulm", "-3", "")]
    columns = {"=Name": "text", "Price": "decimal", "Day": "date"}
    address = f"/tables/{add_table(settings.data_dir, columns, rows, title='Sales')}"

    async def export(query: str) -> list[list[str]]:
        answer = await client.get(f"{address}/chart/export?{query}")
        assert answer.mimetype == "text/csv"
        assert "attachment" in answer.headers["Content-Disposition"]
        text = (await answer.get_data()).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text)))

    assert await export("kind=bar&x=1&y=2&measure=sum") == [
        ["'=Name", "Rows", "Sum of Price"],
        ["'=1+1", "2", "1000.75"],
        ["Ulm", "1", "-3.00"],
    ]
    assert await export("kind=scatter&x=3&y=2") == [
        ["Row", "Day", "Price"],
        ["1", "2024-01-05", "1,000.5"],
        ["2", "2024-02-05", "0.25"],
    ]
    assert (await export("kind=heat&x=1&y=3&by=month"))[1] == ["'=1+1", "Jan 2024", "1"]
    assert (await client.get(f"{address}/chart/export?kind=pie")).status_code == 422


async def test_the_picture_is_described_for_those_who_do_not_see_it(client: QuartClient, numbers: str) -> None:
    for query in ("kind=bar&x=1", "kind=line&x=3", "kind=histogram&x=2", "kind=scatter&x=2&y=4", "kind=heat&x=1&y=3"):
        page = await open_chart(client, numbers, query)
        assert page.svg is not None
        named = {element.attrib.get("id"): text_of(element) for element in page.svg.iter() if "id" in element.attrib}
        assert named[page.svg.attrib["aria-labelledby"]]
        assert "of" in named[page.svg.attrib["aria-describedby"]]
        assert next(page.svg.iter("a"), None) is None  # an image has nothing inside that could be reached
    page = await open_chart(client, numbers, "kind=bar&x=1&y=2&measure=sum")
    assert page.svg is not None
    desc = text_of(page.svg.find("desc"))
    assert desc == "Bar chart of 5 rows: 3 bars; highest \u2068Empty\u2069, 45; lowest \u2068Oslo\u2069, -15."


async def test_the_table_leads_to_its_chart_which_keeps_what_the_table_shows(client: QuartClient, planets: str) -> None:
    for headers in ({}, PARTIAL):
        html = await get(client, f"{planets}?sort=-2", **headers)
        assert f'id="show-chart" class="button quiet" href="{planets}/chart?sort=-2"' in html

    page = await open_chart(client, planets, "kind=bar&x=1&q=ur&cols=1,2&view=0")
    hidden = [(i.attrib["name"], i.attrib["value"]) for i in page.root.iter("input") if i.attrib["type"] == "hidden"]
    assert hidden == [("q", "ur"), ("cols", "1,2"), ("view", "0")]
    crumbs = [a.attrib["href"] for nav in page.root.iter("nav") for a in nav.iter("a")]
    assert crumbs[-1] == f"{planets}?q=ur&cols=1,2&view=0"


async def test_it_is_read_in_the_time_that_it_has(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row store's own limit is for all rows; what a page waits for has room for a sample after that."""
    seconds = list[float]()

    def note(connection: type[Connection]) -> None:
        real = connection.cancellable

        def noted(self: Any, limit: float, cancelled: Any) -> Any:
            seconds.append(limit)
            return real(self, limit, cancelled)

        monkeypatch.setattr(connection, "cancellable", noted)

    note(SqliteConnection)
    note(PostgresqlConnection)
    await open_chart(client, planets, "kind=bar&x=1")

    assert seconds == [5.0]
