"""Columns as wide as somebody wants them: by mouse, by keyboard, by buttons, and remembered on this device."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import Cookies
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS

# The width a column has when the first picture of the page is about to be drawn.
FIRST_FRAME = """requestAnimationFrame(function look() {
    const head = document.querySelector('#column-2')?.closest('th');
    if (head) window.first = Math.round(head.getBoundingClientRect().width);
    else requestAnimationFrame(look);
})"""

# Whose edge one would drag at a place of the window.
COLUMN_AT = """([x, y]) => {
    const grip = document.elementFromPoint(x, y)?.closest('.grip');
    return grip?.parentElement.querySelector('.column-menu').id;
}"""


def head(page: Page, number: int) -> Any:
    return page.locator(f"#grid thead th:has(#column-{number})")


def width(page: Page, number: int) -> int:
    return int(head(page, number).evaluate("(head) => Math.round(head.getBoundingClientRect().width)"))


def drag(page: Page, number: int, by: int) -> None:
    """The edge of a column, from its very middle, as far as `by` pixels."""
    box = head(page, number).locator(".grip").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + by / 2, box["y"] + 40, steps=2)
    page.mouse.move(box["x"] + box["width"] / 2 + by, box["y"] + 80, steps=2)


def test_dragging_the_edge_of_a_header_sets_a_width_that_is_remembered(page: Page, planets: str) -> None:
    wanted, beside = width(page, 2), width(page, 3)
    drag(page, 2, 90)
    assert width(page, 2) == wanted + 90, "One sees it while one drags."
    page.mouse.up()
    page.mouse.move(500, 500)
    assert (width(page, 2), width(page, 3)) == (wanted + 90, beside)
    expect(page).to_have_url(re.compile(f"{planets}$"))  # nothing was sorted by it

    page.add_init_script(FIRST_FRAME)
    page.reload()
    assert width(page, 2) == wanted + 90
    assert page.evaluate("window.first") == wanted + 90, "The page was drawn with another width first."


def test_a_double_click_on_the_edge_resets_the_width(page: Page, planets: str) -> None:
    wanted = width(page, 2)
    drag(page, 2, 90)
    page.mouse.up()
    head(page, 2).locator(".grip").dblclick()
    assert width(page, 2) == wanted
    page.reload()
    assert width(page, 2) == wanted
    expect(page).to_have_url(re.compile(f"{planets}$"))


def test_escape_cancels_a_drag_and_widths_have_limits(page: Page, planets: str) -> None:
    wanted = width(page, 1)
    drag(page, 1, 90)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert width(page, 1) == wanted
    drag(page, 1, -800)
    page.mouse.up()
    assert width(page, 1) == 48
    drag(page, 1, 2_000)
    page.mouse.up()
    assert width(page, 1) == round(0.6 * page.viewport_size["width"])  # type: ignore[index]


def test_alt_shift_and_an_arrow_on_a_header_change_its_width(page: Page, planets: str) -> None:
    wanted = width(page, 2)
    page.locator("#sort-2").focus()
    page.keyboard.press("Alt+Shift+ArrowRight")
    page.keyboard.press("Alt+Shift+ArrowRight")
    assert width(page, 2) == wanted + 32
    page.keyboard.press("Alt+Shift+ArrowLeft")
    assert width(page, 2) == wanted + 16
    expect(page.locator("#sort-2")).to_be_focused()
    page.reload()
    assert width(page, 2) == wanted + 16


def test_the_panel_of_a_column_has_buttons_for_its_width(page: Page, planets: str) -> None:
    wanted = width(page, 2)
    page.locator("#column-2").focus()
    page.keyboard.press("Enter")
    tools = page.get_by_role("group", name="Width")
    expect(tools).to_contain_text(f"{wanted} px")
    tools.get_by_role("button", name="Wider").click()
    expect(tools).to_contain_text(f"{wanted + 16} px")
    assert width(page, 2) == wanted + 16
    tools.get_by_role("button", name="Narrower").click(click_count=2)
    assert width(page, 2) == wanted - 16
    tools.get_by_role("button", name="Reset").click()
    expect(tools).to_contain_text(f"{wanted} px")
    assert width(page, 2) == wanted


def test_a_width_is_remembered_per_table_and_column(page: Page, planets: str, table: Callable[..., str]) -> None:
    wanted, beside = width(page, 2), width(page, 3)
    drag(page, 2, 90)
    page.mouse.up()
    page.locator("#sort-4").click()
    expect(page.locator("#status")).to_have_text("8 rows, by Rings, no first")
    assert width(page, 2) == wanted + 90, "Rows were exchanged."
    page.get_by_label("Search all columns").fill("u")
    expect(page.locator("#status")).to_contain_text("matching “u”")
    assert width(page, 2) == wanted + 90

    page.goto(f"{planets}?cols=3,2")
    assert (width(page, 2), width(page, 3)) == (wanted + 90, beside)
    page.goto(table(PLANETS, PLANET_ROWS))
    assert width(page, 2) == wanted


def test_another_window_gets_the_new_widths_at_once(home: Visit, planets: str) -> None:
    page = home.page
    wanted = width(page, 2)
    beside = page.context.new_page()
    beside.goto(planets)
    drag(page, 2, 60)
    page.mouse.up()
    expect(head(beside, 2)).to_have_js_property("offsetWidth", wanted + 60)
    beside.close()


@pytest.mark.parametrize("kept", ["{", "7", '{"1": null, "2": {"2": "} body { display: none"}}'])
def test_unreadable_remembered_widths_are_ignored(page: Page, planets: str, kept: str) -> None:
    wanted = width(page, 2)
    page.evaluate("(kept) => localStorage.setItem('widths', kept)", kept)
    page.reload()
    assert width(page, 2) == wanted
    drag(page, 2, 30)
    page.mouse.up()
    page.reload()
    assert width(page, 2) == wanted + 30


def test_headers_have_no_drag_handles_without_javascript(
    visit: Callable[..., Visit], house: Server, ada: Cookies, planets: str
) -> None:
    page = visit(house, ada, java_script_enabled=False).page
    page.goto(planets)
    expect(page.locator("#grid .grip").first).to_be_hidden()


def test_the_drag_handle_is_24_pixels_wide_and_does_not_cover_the_menu(page: Page, planets: str) -> None:
    box = head(page, 2).locator(".grip").bounding_box()
    middle = box["y"] + box["height"] / 2
    found = {page.evaluate(COLUMN_AT, [box["x"] + offset + 0.5, middle]) for offset in range(24)}
    assert found == {"column-2"}
    for number in (2, 5):  # a number, whose menu is on the left, and a date, whose menu is on the right
        menu = head(page, number).locator(".column-menu").bounding_box()
        middle = menu["y"] + menu["height"] / 2
        ends = [menu["x"] + 1, menu["x"] + menu["width"] - 1]
        assert [page.evaluate(COLUMN_AT, [x, middle]) for x in ends] == [None, None]
