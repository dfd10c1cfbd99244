"""Endless scrolling in both directions: rows load in time, none is missing, and nothing visible moves."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import let_go
from tests.servers import wait_for

MANY = [(f"row {number:04}", str(number % 7), str(number)) for number in range(1, 601)]
MANY_COLUMNS = {"Name": "text", "Week day": "integer", "Number": "integer"}


@pytest.fixture
def many(table: Callable[..., str]) -> str:
    """The address of a table of six pages."""
    return table(MANY_COLUMNS, MANY, title="Many")


def numbers_present(page: Page) -> list[int]:
    """Of all rows in the page, from top to bottom."""
    return [int(number) for number in page.locator("#grid tbody.rows th").all_text_contents()]


def scroll(page: Page, pixels: int) -> None:
    page.locator("#grid").evaluate("(grid, pixels) => { grid.scrollTop += pixels }", pixels)


def place_of(page: Page, selector: str) -> int:
    """Pixels from the top of the window."""
    return round(page.locator(selector).evaluate("(element) => element.getBoundingClientRect().top"))


def scroll_until(page: Page, pixels: int, seen: str) -> None:
    """Scroll for as long as it takes, because the grid grows meanwhile."""

    def is_seen() -> bool:
        scroll(page, pixels)
        return bool(page.evaluate(IN_SIGHT, seen))

    wait_for(is_seen)


IN_SIGHT = """(selector) => {
    const boxes = ['#grid', selector].map((name) => document.querySelector(name)?.getBoundingClientRect());
    const [grid, row] = boxes;
    return row && row.top >= grid.top && row.bottom <= grid.bottom;
}"""


def test_scrolling_reaches_the_last_row_and_the_first_again(page: Page, many: str) -> None:
    page.goto(many)
    expect(page.locator("#status")).to_have_text("600 rows")
    scroll_until(page, 3_000, "#r600")
    assert numbers_present(page) == list(range(1, 601))

    scroll_until(page, -3_000, "#r1")
    assert page.url.endswith(many), "Scrolling is no new address."


def test_a_page_in_the_middle_of_a_table_loads_rows_above_and_below(page: Page, many: str) -> None:
    page.goto(f"{many}?at=300")
    expect(page.locator("#r300")).to_be_in_viewport()
    assert numbers_present(page)[0] > 1
    scroll_until(page, -1_000, "#r1")
    scroll_until(page, 3_000, "#r600")
    assert numbers_present(page) == list(range(1, 601)), "Rows are missing, twice there or out of order."


def test_scrolling_far_keeps_a_limited_number_of_rows_in_the_page(page: Page, table: Callable[..., str]) -> None:
    rows = [(str(number),) for number in range(1, 1801)]
    page.goto(table({"Number": "integer"}, rows))
    scroll_until(page, 3_000, "#r1800")
    present = numbers_present(page)
    assert len(present) < 1_600
    assert present == list(range(present[0], 1801))

    scroll_until(page, -3_000, "#r1")
    present = numbers_present(page)
    assert present == list(range(1, present[-1] + 1))


def test_marks_of_a_search_leave_with_their_rows(page: Page, table: Callable[..., str]) -> None:
    rows = [(str(number), "found") for number in range(1, 1801)]
    page.goto(table({"Number": "integer", "Word": "text"}, rows) + "?q=found")
    scroll_until(page, 3_000, "#r1800")
    assert page.evaluate("CSS.highlights.get('found').size") == len(numbers_present(page)) < 1_600


def test_rows_loaded_above_do_not_move_the_visible_rows(page: Page, many: str) -> None:
    held: list[Route] = []
    page.route(re.compile(r"/rows\?before="), lambda route: held.append(route))
    with page.expect_request(re.compile(r"/rows\?before=")):
        page.goto(f"{many}?at=300")
    present, place = len(numbers_present(page)), place_of(page, "#r300")
    let_go(held)
    wait_for(lambda: len(numbers_present(page)) > present)

    assert place_of(page, "#r300") == place
