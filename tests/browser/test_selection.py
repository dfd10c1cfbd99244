"""The active cell and the selection of the grid: what they survive, how far keys reach, and what is copied."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_grid import head
from tests.browser.test_keyboard import enter_grid, press
from tests.browser.test_places import cell, copied
from tests.browser.test_scrolling import scroll_until
from tests.servers import wait_for

ROWS = 2_500
COLUMNS = {"Name": "text", "Number": "integer", "Part": "integer", "Note": "text"}
EMPTY_PART, FILLED_NOTE = 1_801, 2_222


@pytest.fixture
def long_table(page: Page, table: Callable[..., str]) -> str:
    """`Part` has one gap, far from the first page; `Note` is empty but for one cell, farther still."""
    rows = [
        (f"row {n}", str(ROWS - n), "" if n == EMPTY_PART else "7", "here" if n == FILLED_NOTE else "")
        for n in range(1, ROWS + 1)
    ]
    address = table(COLUMNS, rows, title="Long")
    page.goto(address)
    return address


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def tab_stops(page: Page) -> list[str]:
    found: list[str] = page.locator("#grid .grid [tabindex='0']").all_inner_texts()
    return found


def test_rows_tell_screen_readers_their_place_in_the_table(page: Page, long_table: str) -> None:
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", str(ROWS + 1))
    expect(page.locator("#r1")).to_have_attribute("aria-rowindex", "2")
    page.goto(f"{long_table}?at=1200")
    expect(page.locator("#r1200")).to_have_attribute("aria-rowindex", "1201")
    page.goto(f"{long_table}?sort=-1&last=1")
    expect(page.locator("#grid tbody.rows > tr").last).to_have_attribute("aria-rowindex", str(ROWS + 1))
    page.goto(f"{long_table}?q=row+24")
    expect(grid).to_have_attribute("aria-rowcount", "-1")
    expect(page.locator("#grid tbody.rows > tr").first).to_have_attribute("aria-rowindex", "2")


def test_only_the_active_cell_is_in_the_tab_order(page: Page, long_table: str) -> None:
    enter_grid(page)
    press(page, "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert tab_stops(page) == [str(ROWS - 2)]
    assert page.locator("#grid tbody.rows td[tabindex]").count() == 1
    press(page, "Home")
    expect(page.locator("#r2 th a")).to_be_focused()
    assert tab_stops(page) == ["2"]
    assert page.locator("#grid tbody.rows td[tabindex]").count() == 0


def test_ctrl_and_arrows_go_to_the_edge_of_filled_cells(page: Page, planets: str) -> None:
    cell(page, 8, 5).click()
    for key, reached in (
        ("ArrowUp", cell(page, 4, 5)),
        ("ArrowUp", cell(page, 1, 5)),
        ("ArrowUp", page.locator("thead th:nth-child(6) .sort")),
        ("ArrowDown", cell(page, 1, 5)),
        ("ArrowDown", cell(page, 4, 5)),
        ("ArrowLeft", cell(page, 4, 1)),
        ("ArrowLeft", page.locator("#r4 th a")),
    ):
        press(page, f"Control+{key}")
        expect(reached).to_be_focused()
    press(page, "Control+ArrowRight", "Control+ArrowRight")
    expect(cell(page, 4, 5)).to_be_focused()
    press(page, "Control+Shift+ArrowDown")
    expect(cell(page, 8, 5)).to_be_focused()
    assert copied(page)["text/plain"].splitlines() == [
        "1610-09-01",
        "1610-01-07",
        "1610-07-25",
        "1781-03-13",
        "1846-09-23",
    ]


def test_ctrl_and_arrows_reach_rows_that_are_not_on_the_page(page: Page, long_table: str) -> None:
    cell(page, 3, 3).click()
    press(page, "Control+ArrowDown")
    expect(cell(page, EMPTY_PART - 1, 3)).to_be_focused()
    press(page, "Control+ArrowDown")
    expect(cell(page, EMPTY_PART + 1, 3)).to_be_focused()
    press(page, "Control+ArrowDown")
    expect(cell(page, ROWS, 3)).to_be_focused()
    press(page, "Control+ArrowUp")
    expect(cell(page, EMPTY_PART + 1, 3)).to_be_focused()
    page.goto(f"{long_table}?sort=-1")
    page.locator("#grid tbody.rows td:nth-child(5)").first.click()
    press(page, "Control+ArrowDown")
    expect(cell(page, FILLED_NOTE, 4)).to_be_focused()


def test_rows_that_cannot_be_asked_for_leave_the_active_cell_and_say_so(
    home: Visit, page: Page, long_table: str
) -> None:
    home.expect("503")
    page.route(re.compile(r"/rows\?"), lambda route: route.fulfill(status=503))
    cell(page, 3, 3).click()
    press(page, "Control+ArrowDown")
    expect(page.locator("#selection")).to_have_text("The rows could not be read. Try again.")
    expect(cell(page, 3, 3)).to_be_focused()


def test_keys_of_the_browser_itself_are_left_to_it(page: Page, planets: str) -> None:
    cell(page, 3, 3).click()
    page.evaluate("""addEventListener('keydown', (event) => { window.isTaken = event.defaultPrevented; })""")
    for key in ("Control+PageDown", "Control+PageUp", "Control+Shift+A", "Alt+ArrowLeft"):
        press(page, key)
        assert page.evaluate("window.isTaken") is False, key
    expect(cell(page, 3, 3)).to_be_focused()
    expect(page.locator("#selection")).to_be_empty()


@pytest.mark.parametrize("query", ["", "?sort=-2"])
def test_a_selection_survives_scrolling_and_is_copied_as_a_whole(page: Page, long_table: str, query: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(long_table + query)
    cell(page, 2, 1).click()
    scroll_until(page, 3_000, "#r1700")
    expect(page.locator("#r2")).to_have_count(0)
    cell(page, 1700, 2).click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_have_text("Selected from row 2 to row 1700")
    expect(page.locator(".selection-frame")).to_have_count(1)
    press(page, "Control+c")
    expect(page.locator("#selection")).to_have_text("Copied 3,398 cells")
    lines = clipboard(page).splitlines()
    assert lines == [f"row {n}\t{ROWS - n}" for n in range(2, 1701)]
    scroll_until(page, -3_000, "#r2")
    assert page.locator("#r2").evaluate("(row) => row.matches('.chosen')")
    assert not page.locator("#r1").evaluate("(row) => row.matches('.chosen')")


def test_a_jump_with_shift_selects_all_between_and_copies_it(page: Page, long_table: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{long_table}?sort=-2")
    cell(page, 11, 1).click()
    press(page, "Control+Shift+End")
    expect(cell(page, ROWS, 4)).to_be_focused()
    press(page, "Control+c")
    expect(page.locator("#selection")).to_have_text("Copied 9,960 cells")
    lines = clipboard(page).splitlines()
    assert (lines[0], len(lines)) == ("row 11\t2489\t7\t", ROWS - 10)


def test_more_cells_than_can_be_copied_are_refused(page: Page, home: Visit, table: Callable[..., str]) -> None:
    page.goto(table({f"C{n}": "integer" for n in range(60)}, [["1"] * 60] * 1_800))
    cell(page, 1, 1).click()
    press(page, "Control+Shift+End")
    expect(cell(page, 1_800, 60)).to_be_focused()
    press(page, "Control+c")
    expect(page.locator("#selection")).to_have_text("The selection has more than 100,000 cells: export it instead")


def test_ctrl_shift_c_copies_titles_too(page: Page, planets: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell(page, 1, 1).click()
    press(page, "Shift+ArrowRight", "Shift+ArrowDown", "Control+Shift+C")
    expect(page.locator("#selection")).to_have_text("Copied 6 cells")
    assert clipboard(page) == "Planet\tMoons\nMercury\t0\nVenus\t0"


def test_without_access_to_the_clipboard_the_browser_s_own_key_copies_with_titles(page: Page, planets: str) -> None:
    page.evaluate("() => { navigator.clipboard.write = () => Promise.reject(); }")
    cell(page, 1, 2).click()
    for _ in range(2):
        press(page, "Control+Shift+C")
        expect(page.locator("#selection")).to_have_text("Press Ctrl+C to copy 2 cells")
    assert copied(page)["text/plain"] == "Moons\n0"
    expect(page.locator("#selection")).to_have_text("Copied 2 cells")
    assert copied(page)["text/plain"] == "0"


def test_cells_that_are_shown_in_part_are_counted_when_they_are_copied(page: Page, table: Callable[..., str]) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(table({"Name": "text"}, [("long " * 2_000 if n == 2 else "short",) for n in range(1_500)]))
    cell(page, 1, 1).click()
    press(page, "Control+Shift+End")
    expect(cell(page, 1_500, 1)).to_be_focused()
    press(page, "Control+c")
    expect(page.locator("#selection")).to_have_text("Copied 1,500 cells; 1 of them only as far as shown")


def test_the_active_cell_survives_scrolling_sorting_filtering_and_back(page: Page, long_table: str) -> None:
    cell(page, 5, 2).click()
    scroll_until(page, 3_000, "#r2100")
    press(page, "ArrowDown")
    expect(cell(page, 6, 2)).to_be_focused()
    head(page, "Name").get_by_role("link").first.click()
    expect(head(page, "Name")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Search all columns").fill(str(ROWS - 6))
    expect(page.locator("#status")).to_contain_text("matching")
    expect(cell(page, 6, 2)).to_have_attribute("tabindex", "0")
    page.get_by_role("link", name="Tables").click()
    expect(page).to_have_url(re.compile("/dashboard$"))
    page.go_back()
    expect(cell(page, 6, 2)).to_have_attribute("tabindex", "0")
    page.reload()
    expect(cell(page, 6, 2)).to_have_attribute("tabindex", "0")
    assert tab_stops(page) == [str(ROWS - 6)]


def test_the_nearest_row_takes_the_place_of_an_active_row_that_left_the_view(page: Page, planets: str) -> None:
    cell(page, 3, 2).click()
    page.get_by_label("Search all columns").fill("ur")
    expect(page.locator("#selection")).to_have_text("Row 3 is no longer in this view; row 7 took its place")
    expect(cell(page, 7, 2)).to_have_attribute("tabindex", "0")


def test_the_active_cell_stays_in_its_column_when_columns_move(page: Page, planets: str) -> None:
    cell(page, 3, 3).click()
    page.locator("#show-columns").click()
    page.get_by_label("Moons", exact=True).uncheck()
    expect(page.get_by_role("columnheader")).to_have_count(5)
    expect(cell(page, 3, 2)).to_have_attribute("tabindex", "0")
    assert tab_stops(page) == ["6371.0"]


def test_space_opens_the_row_and_shift_space_selects_it(page: Page, planets: str) -> None:
    cell(page, 3, 2).click()
    press(page, "Shift+Space")
    expect(page.locator("#selection")).to_have_text(re.compile("^5 cells"))
    expect(page.get_by_role("heading", name="Row 3")).to_have_count(0)
    press(page, "Escape", "Space")
    expect(page.get_by_role("heading", name="Row 3")).to_be_focused()


def test_only_one_scroll_bar_stands_beside_the_rows(page: Page, long_table: str) -> None:
    rail, area = (page.locator(name).bounding_box() for name in ("#rail", "#grid"))
    assert rail
    assert area
    native = page.locator("#grid").evaluate("(grid) => grid.offsetWidth - grid.clientWidth")
    assert round(area["x"] + area["width"] - native) == round(rail["x"]), (
        "The bar covers the browser's own, and no cell."
    )
    page.mouse.move(rail["x"] + 12, rail["y"] + 300)
    page.mouse.wheel(0, 200)
    wait_for(lambda: page.locator("#grid").evaluate("(grid) => grid.scrollTop") == 200)


def test_a_long_press_selects_and_another_extends_the_selection(
    visit: Callable[..., Visit], house: Any, ada: Any, planets: str
) -> None:
    page = visit(house, ada, viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True).page
    page.goto(planets)
    touch = page.context.new_cdp_session(page)

    def hold(row: int, column: int) -> None:
        box = cell(page, row, column).bounding_box()
        assert box
        point = {"x": box["x"] + 10, "y": box["y"] + 10}
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        expect(cell(page, row, column)).to_be_focused()
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    hold(1, 1)
    expect(page.locator("#selection")).to_have_text("1 cell")
    hold(3, 2)
    expect(page.locator("#selection")).to_have_text("6 cells: 3 numbers, sum 1, average ≈ 0.33")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()
    place = cell(page, 2, 1).bounding_box()
    assert place
    page.touchscreen.tap(place["x"] + 10, place["y"] + 10)
    expect(page.locator("#selection")).to_be_empty()
    expect(page.locator("#panel #cell1")).to_be_focused()  # a tap opens the form of the row
