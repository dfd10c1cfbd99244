"""The page of charts, in each state that looks different; see states.py."""

from tests.browser.states import LONG, Place, signed_in
from tests.tables import add_table

SALES = {"Place": "text", "Net": "integer", "Day": "date"}
SALE_ROWS = [
    (place, str(net), f"2024-{month:02}-15")
    for month, (place, net) in enumerate([(LONG, 20), ("Oslo", -15), ("<b>", 5), ("", 30), ("שלום", 12)] * 2, 1)
]


def _sales(at: Place) -> str:
    return f"/tables/{add_table(at.data, SALES, SALE_ROWS, title='Sales')}/chart"


@signed_in
def chart_of_lying_bars(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=bar&x=1&y=2&measure=sum")


@signed_in
def chart_of_standing_bars(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=bar&x=3&y=2&measure=average&by=month")


@signed_in
def line_chart(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=line&x=3&y=2&measure=max&q=o")


@signed_in
def scatter_plot(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=scatter&x=3&y=2")


@signed_in
def heat_map(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=heat&x=1&y=3&by=quarter")


@signed_in
def chart_that_cannot_be_drawn(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=histogram&x=1")


@signed_in
def chart_of_nothing(at: Place) -> None:
    at.page.goto(f"{_sales(at)}?kind=bar&x=1&q=nowhere")
