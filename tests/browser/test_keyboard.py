"""Everything works with the keyboard alone, with the focus in the expected place and always visible."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, let_go
from tests.servers import wait_for

MANY = [(f"row {number:04}", str(number)) for number in range(1, 301)]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> Any:
    return page.locator(":focus")


def enter_grid(page: Page) -> None:
    """With Tab: the grid is a single tab stop."""
    page.get_by_label("Search all columns").focus()
    for _ in range(20):
        press(page, "Tab")
        if page.evaluate("document.activeElement.closest('#grid') !== null"):
            return
    raise AssertionError("Tab does not lead into the grid.")


def test_the_first_tab_stop_skips_to_the_content(page: Page) -> None:
    page.goto("/dashboard")
    press(page, "Tab")
    expect(focused(page)).to_have_text("Skip to the content")
    expect(focused(page)).to_be_in_viewport()
    press(page, "Enter")
    expect(page.locator("#main")).to_be_focused()


def test_every_tab_stop_has_a_visible_focus(page: Page, planets: str) -> None:
    seen = []
    for _ in range(16):
        press(page, "Tab")
        here = page.evaluate(
            """() => {
                const it = document.activeElement;
                const style = getComputedStyle(it);
                const box = it.getBoundingClientRect();
                const outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
                const name = it === document.body ? 'BODY' : it.id || it.innerText || it.tagName;
                return [name, outline || style.boxShadow !== 'none', box.width * box.height > 0];
            }"""
        )
        seen.append(here)
        if here[0] == "BODY":
            break
    dark = [name for name, shows_it, is_there in seen if name != "BODY" and not (shows_it and is_there)]
    assert len(seen) > 8
    assert not dark, "Nobody sees that the focus is on these."


def test_a_menu_opens_with_enter_and_escape_closes_it_and_returns_the_focus(page: Page, planets: str) -> None:
    menu = page.locator("summary").filter(has_text="Export")
    menu.focus()
    press(page, "Enter")
    expect(page.get_by_role("link", name=re.compile("^NDJSON"))).to_be_visible()
    press(page, "Tab")
    expect(focused(page)).to_contain_text("CSV")
    press(page, "Escape")
    expect(page.get_by_role("link", name=re.compile("^NDJSON"))).to_be_hidden()
    expect(menu).to_be_focused()


def is_in_grid(page: Page) -> bool:
    return bool(page.evaluate("document.activeElement.closest('#grid') !== null"))


def test_tab_goes_through_the_cells_row_by_row_and_leaves_from_the_last(page: Page, planets: str) -> None:
    enter_grid(page)
    expect(focused(page)).to_have_text("Mercury")
    press(page, "Tab")
    expect(focused(page)).to_have_text("0")
    press(page, "End", "Tab")
    expect(focused(page)).to_have_text("Venus")
    press(page, "Shift+Tab", "Shift+Tab")
    expect(page.locator("#r1 td").nth(3)).to_be_focused()
    press(page, "Home", "Tab")
    expect(focused(page)).to_have_text("Mercury")
    press(page, "Control+End")
    expect(focused(page)).to_have_text("1846-09-23")
    press(page, "Tab")
    assert not is_in_grid(page)
    press(page, "Shift+Tab", "Control+Home", "ArrowRight", "Shift+Tab")
    assert not is_in_grid(page)


def test_tab_leaves_a_table_of_which_more_rows_are_to_come(home: Visit, page: Page, table: Callable[..., str]) -> None:
    """Not to the link to these, which loads them and gives the focus back to a cell."""
    home.expect("Failed to load", "500")
    page.route("**/rows?after=*", lambda route: route.fulfill(status=500))
    page.goto(table({"Name": "text", "Number": "integer"}, MANY))
    enter_grid(page)
    press(page, "ArrowDown", "Escape", "Tab")
    expect(page.get_by_role("slider", name="Place in the table")).to_be_focused()
    page.locator("#grid").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator("tbody.more a")).to_have_attribute("tabindex", "0")  # asked for in vain: to be asked again


def test_escape_and_tab_leave_the_grid_from_any_cell_and_the_keys_say_so(page: Page, planets: str) -> None:
    enter_grid(page)
    press(page, "ArrowDown", "Escape")
    expect(page.locator("#selection")).to_have_text("Tab leaves the table now")
    press(page, "Tab")
    assert not is_in_grid(page)
    press(page, "Shift+Tab")
    expect(focused(page)).to_have_text("Venus")
    press(page, "Escape", "Shift+Tab")
    assert not is_in_grid(page)
    press(page, "Tab")
    expect(focused(page)).to_have_text("Venus")
    press(page, "Escape", "ArrowDown", "Tab")  # the next key goes on
    expect(page.locator("#r3 td").nth(1)).to_be_focused()
    expect(page.get_by_role("grid")).to_have_accessible_description(re.compile("Escape, then Tab, leaves the table"))
    press(page, "?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_contain_text("Escape, then TabLeave the table")
    expect(keys).to_contain_text("Enter, F2Edit the cell")
    press(page, "Escape", "?")
    expect(keys).to_have_count(1)


def test_tab_goes_on_to_rows_that_are_loaded_on_the_way(page: Page, table: Callable[..., str]) -> None:
    page.goto(table({"Name": "text", "Number": "integer"}, MANY))
    enter_grid(page)
    last = page.locator("#grid tbody.rows > tr").last.get_attribute("id") or ""
    number = int(last.removeprefix("r"))
    assert number < len(MANY)
    page.locator(f"#{last} td").last.click()
    page.locator("#grid tbody.rows + tbody.rows").wait_for()
    press(page, "Tab")
    expect(page.locator(f"#r{number + 1} td").first).to_be_focused()


def test_arrow_keys_move_between_cells_and_tab_leaves_the_titles(page: Page, planets: str) -> None:
    enter_grid(page)
    expect(focused(page)).to_have_text("Mercury")
    press(page, "ArrowDown", "ArrowDown", "ArrowRight")
    expect(focused(page)).to_have_text("1")
    press(page, "End")
    expect(focused(page)).to_have_text("")
    press(page, "Home")
    expect(focused(page)).to_have_text("3")
    press(page, "Control+End")
    expect(focused(page)).to_have_text("1846-09-23")
    press(page, "Control+Home", "ArrowRight")
    expect(focused(page)).to_have_text("Mercury")
    press(page, "ArrowUp")
    expect(focused(page)).to_contain_text("Planet")
    press(page, "Tab")
    assert page.evaluate("document.activeElement.closest('#grid')") is None
    press(page, "Shift+Tab")
    expect(focused(page)).to_contain_text("Planet")


def test_page_down_moves_through_a_long_table(page: Page, table: Callable[..., str]) -> None:
    page.goto(table({"Name": "text", "Number": "integer"}, MANY))
    enter_grid(page)
    press(page, "PageDown")
    first = int(focused(page).inner_text().split()[1])
    assert 8 < first < 40
    press(page, "PageDown")
    assert int(focused(page).inner_text().split()[1]) == 2 * first - 1
    press(page, "PageUp", "PageUp")
    expect(focused(page)).to_have_text("row 0001")

    def last_is_reached() -> bool:
        press(page, "PageDown")
        expect(focused(page)).to_be_in_viewport()
        return focused(page).inner_text() == "row 0300"

    wait_for(last_is_reached)


def test_tab_enters_the_grid_at_a_cell_in_the_middle_of_a_table(page: Page, table: Callable[..., str]) -> None:
    held: list[Route] = []
    page.route(re.compile(r"/rows\?"), lambda route: held.append(route))  # the rows above and below are long in coming
    page.goto(table({"Name": "text", "Number": "integer"}, MANY) + "?at=150")
    enter_grid(page)
    expect(focused(page)).to_have_text(re.compile(r"^row \d{4}$"))
    number = int(focused(page).inner_text().split()[1])
    press(page, "ArrowDown")
    expect(focused(page)).to_have_text(f"row {number + 1:04}")
    let_go(held)


def test_space_opens_a_row_and_escape_returns_to_its_cell(page: Page, planets: str) -> None:
    """Enter edits the cell; of those who may not edit, it opens the row as well."""
    enter_grid(page)
    press(page, "ArrowDown", " ")
    expect(page.get_by_role("heading", name="Row 2")).to_be_focused()
    press(page, "Escape")
    expect(page.get_by_role("complementary", name="Details")).to_be_hidden()
    expect(focused(page)).to_have_text("Venus")


def test_headers_sort_with_enter_and_open_their_panel_with_alt_and_down(page: Page, planets: str) -> None:
    enter_grid(page)
    press(page, "ArrowRight", "ArrowUp", "Enter")
    expect(page.locator("#status")).to_have_text("8 rows, by Moons, lowest first")
    expect(focused(page)).to_contain_text("Moons")
    press(page, "Enter")
    expect(page.locator("#status")).to_have_text("8 rows, by Moons, highest first")
    expect(focused(page)).to_contain_text("Moons")
    press(page, "ArrowRight", "Shift+Enter")
    expect(page.locator("#status")).to_have_text("8 rows, by Moons, highest first, then by Radius, lowest first")

    expect(focused(page)).to_contain_text("Radius")
    press(page, "ArrowDown", "Alt+ArrowDown")
    expect(page.get_by_role("heading", name="Radius", exact=True)).to_be_focused()
    press(page, "Escape")
    expect(focused(page)).to_have_text("58232.0")


def test_a_focused_cell_shows_its_whole_text(page: Page, table: Callable[..., str]) -> None:
    text = "one after another " * 30
    page.goto(table({"Name": "text", "Text": "text"}, [("a", text)]))
    enter_grid(page)
    expect(page.locator("#peek")).to_be_hidden()
    press(page, "ArrowRight")
    expect(page.locator("#peek")).to_be_visible()
    expect(page.locator("#peek")).to_have_text(text)
    press(page, "ArrowLeft")
    expect(page.locator("#peek")).to_be_hidden()


def test_closing_the_menu_of_a_cell_shows_its_whole_text_again(page: Page, table: Callable[..., str]) -> None:
    """The menu gives the focus back while it closes, when the browser refuses to show anything."""
    page.goto(table({"Name": "text", "Text": "text"}, [("a", "one after another " * 30)]))
    enter_grid(page)
    press(page, "ArrowRight", "Shift+F10")
    expect(page.get_by_role("menuitem", name="Edit")).to_be_focused()
    expect(page.locator("#peek")).to_be_hidden()
    press(page, "Escape")
    expect(page.locator("#cell-menu")).to_be_hidden()
    expect(page.locator("#peek")).to_be_visible()


def test_a_refused_form_focuses_its_first_invalid_field(home: Visit, planets: str) -> None:
    home.expect("422")
    page = home.page
    page.goto(f"{planets}/edit")
    page.get_by_label("Title", exact=True).fill("   ")
    press(page, "Enter")
    expect(page.get_by_text("Give it a title.")).to_be_visible()
    expect(page.get_by_label("Title", exact=True)).to_be_focused()


def test_a_new_page_moves_the_focus_to_its_title(page: Page, planets: str) -> None:
    page.get_by_role("link", name="Rename or delete this table").focus()
    press(page, "Enter")
    expect(page.get_by_role("heading", level=1, name="Rename or delete")).to_be_focused()
