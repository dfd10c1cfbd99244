"""Places in a large table, marked blocks of cells, columns that are moved, and the history of searches."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.test_grid import PLANET_NAMES, first_cells, head, status

COLUMNS = {"Name": "text", "Cents": "decimal", "Note": "text"}
LAST = 2_500


@pytest.fixture
def long_table(page: Page, table: Callable[..., str]) -> str:
    rows = [(f"row {n}", f"{n % 100 / 10:.1f}", 'a\t"b"' if n == 2 else "") for n in range(1, LAST + 1)]
    address = table(COLUMNS, rows, title="Long")
    page.goto(address)
    return address


def cell(page: Page, row: int, column: int) -> Any:
    return page.locator(f"#r{row} > :nth-child({column + 1})")


def copied(page: Page) -> dict[str, str]:
    """What the key for copying puts on the clipboard."""
    found: dict[str, str] = page.evaluate("""() => new Promise((done) => {
        const data = new DataTransfer();
        document.activeElement.dispatchEvent(new ClipboardEvent("copy", {
            clipboardData: data, bubbles: true, cancelable: true }));
        done(Object.fromEntries([...data.types].map((type) => [type, data.getData(type)])));
    })""")
    return found


def test_the_bar_reaches_any_row_in_one_drag(page: Page, long_table: str) -> None:
    rail = page.get_by_label("Place in the table")
    box = rail.bounding_box()
    assert box
    page.mouse.move(box["x"] + 12, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 12, box["y"] + box["height"] / 2, steps=4)
    expect(page.locator("#rail-note")).to_have_text(re.compile(r"^Row 1,[0-9]{3}$"))
    page.mouse.up()
    expect(page.locator("#r1250")).to_be_visible()
    expect(page.locator("#rail-note")).to_be_hidden()
    assert page.locator("#grid tbody.rows > tr").count() < 500


def test_the_ends_of_a_table_are_a_key_away(page: Page, long_table: str) -> None:
    cell(page, 1, 1).click()
    page.keyboard.press("Control+End")
    expect(cell(page, LAST, 3)).to_be_focused()
    expect(cell(page, LAST, 1)).to_be_in_viewport()
    page.keyboard.press("Control+Home")
    expect(page.locator("#r1 a").first).to_be_focused()
    head(page, "Cents").get_by_role("link").first.click()
    expect(head(page, "Cents")).to_have_attribute("aria-sort", "ascending")
    page.get_by_text("Go to", exact=False).first.click()
    page.get_by_role("link", name="Last row").click()
    expect(first_cells(page).last).to_have_text(f"row {LAST - 1}")


def test_a_row_is_gone_to_by_its_number_and_a_wrong_number_is_refused(page: Page, home: Visit, long_table: str) -> None:
    page.keyboard.press("Alt+g")
    page.keyboard.type("1,777")
    page.keyboard.press("Enter")
    expect(cell(page, 1777, 1)).to_be_focused()
    home.expect("422")
    page.keyboard.press("Alt+g")
    page.keyboard.type("9999")
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is no row 9,999: the last one is 2,500.")).to_be_visible()


def test_a_block_is_dragged_added_up_exactly_and_copied_without_row_numbers(page: Page, long_table: str) -> None:
    cell(page, 1, 1).hover()
    page.mouse.down()
    cell(page, 2, 2).hover()
    cell(page, 2, 3).hover()
    page.mouse.up()
    expect(page.locator("#selection")).to_have_text("6 cells: 2 numbers, sum 0.3, average 0.15")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#selection")).to_be_empty()
    cell(page, 1, 1).click()
    cell(page, 2, 3).click(modifiers=["Shift"])
    data = copied(page)
    assert data["text/plain"] == 'row 1\t0.1\t\nrow 2\t0.2\t"a\t""b"""'
    assert data["text/html"].count("<td>") == 6
    page.keyboard.press("Escape")
    expect(page.locator(".selection-frame")).to_have_count(0)


def test_a_block_ends_where_the_button_is_released_though_no_frame_came_between(page: Page, long_table: str) -> None:
    cell(page, 1, 1).hover()
    page.mouse.down()
    page.evaluate("""() => {
        const send = (type, row, column) => {
            const target = document.querySelector(`#r${row} > :nth-child(${column + 1})`);
            const area = target.getBoundingClientRect();
            target.dispatchEvent(new PointerEvent(type, {
                bubbles: true, buttons: 1, clientX: area.x + area.width / 2, clientY: area.y + area.height / 2 }));
        };
        send("pointermove", 2, 2);
        send("pointermove", 2, 3);
        send("pointerup", 2, 3);
    }""")
    page.mouse.up()
    expect(page.locator("#selection")).to_have_text("6 cells: 2 numbers, sum 0.3, average 0.15")


def test_the_sentence_is_of_the_last_selection_though_what_adds_up_was_loading_for_another(
    page: Page, long_table: str
) -> None:
    held: list[Route] = []
    page.route("**/totals.js", lambda route: held.append(route))
    cell(page, 1, 1).click()
    with page.expect_request("**/totals.js"):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    held[0].continue_()
    expect(page.locator("#selection")).to_have_text("4 cells: 2 numbers, sum 0.3, average 0.15")


def test_shift_and_the_arrows_select_and_ctrl_a_selects_the_page_then_everything(page: Page, long_table: str) -> None:
    cell(page, 1, 2).click()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("#selection")).to_have_text("3 cells: 3 numbers, sum 0.6, average 0.2")
    page.keyboard.press("Control+a")
    expect(page.locator("#selection")).to_contain_text("Ctrl+A again selects all of the view")
    page.keyboard.press("Control+a")
    expect(page.locator("#selection")).to_contain_text("All 2,500 rows of the view are selected. 7,500 cells")
    expect(page.locator("#selection")).to_contain_text("2,500 numbers, sum 12375.0, average 4.95")
    assert copied(page)["text/plain"].count("\n") == 2 + 2_497


def test_a_title_is_dragged_or_moved_by_keys(page: Page, planets: str) -> None:
    seen, moons = (head(page, title).bounding_box() for title in ("Seen", "Moons"))
    assert seen
    assert moons
    page.mouse.move(seen["x"] + 30, seen["y"] + 16)
    page.mouse.down()
    page.mouse.move(moons["x"] + 4, moons["y"] + 16, steps=5)
    expect(page.locator(".drop-line")).to_have_count(1)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"cols=1,5,2-4$"))
    titles = page.get_by_role("columnheader")
    expect(titles).to_have_text(["Row", "Planet", "Seen", "Moons", "Radius", "Rings"])
    head(page, "Seen").locator(".sort").focus()
    page.keyboard.press("Control+Shift+ArrowRight")
    expect(titles).to_have_text(["Row", "Planet", "Moons", "Seen", "Radius", "Rings"])
    expect(head(page, "Seen").locator(".sort")).to_be_focused()
    page.go_back()
    expect(titles).to_have_text(["Row", "Planet", "Seen", "Moons", "Radius", "Rings"])


def test_columns_are_hidden_in_a_list_beside_the_grid(page: Page, planets: str) -> None:
    page.locator("#show-columns").click()
    page.get_by_label("Moons", exact=True).uncheck()
    expect(page.get_by_role("columnheader")).to_have_text(["Row", "Planet", "Radius", "Rings", "Seen"])
    expect(page.get_by_label("Moons", exact=True)).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator("#popover")).to_be_hidden()
    expect(page.locator("#show-columns")).to_be_focused()


def test_the_list_of_columns_is_as_a_whole_on_a_narrow_screen(page: Page, planets: str) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    page.locator("#show-columns").click()
    expect(page.locator("#popover")).to_be_visible()
    expect(page.locator("#popover")).to_be_in_viewport(ratio=1)


def test_going_back_undoes_a_search_as_a_whole(page: Page, planets: str) -> None:
    page.get_by_label("Search all columns").press_sequentially("ur", delay=250)
    expect(status(page)).to_have_text("3 of 8 rows matching “ur”")
    page.get_by_label("Search all columns").press_sequentially("anus", delay=250)
    expect(first_cells(page)).to_have_text(["Uranus"])
    expect(page).to_have_url(re.compile(r"q=uranus$"))
    assert page.evaluate("CSS.highlights.get('found').size") == 1
    page.go_back()
    expect(first_cells(page)).to_have_text(PLANET_NAMES)
    expect(page.get_by_label("Search all columns")).to_have_value("")


def test_a_chip_opens_its_filter_and_another_is_added_to_it(page: Page, planets: str) -> None:
    page.goto(f"{planets}?f.2=ge:1&f.2=lt:100")
    page.locator(".chip a").first.click()
    panel = page.get_by_role("complementary", name="Details")
    expect(panel.get_by_label("Value", exact=True)).to_have_value("1")
    panel.get_by_label("Value", exact=True).fill("20")
    panel.get_by_role("button", name="Filter").click()
    expect(first_cells(page)).to_have_text(["Jupiter", "Uranus"])
    expect(page).to_have_url(re.compile(r"f.2=ge:20&f.2=lt:100$"))
    expect(panel.locator(".column-filters a").first).to_have_text("is at least 20")
    panel.get_by_role("link", name="Add another").click()
    panel.get_by_label("Together with the others").select_option("or")
    panel.get_by_label("Condition").select_option("eq")
    panel.get_by_label("Value", exact=True).fill("2")
    panel.get_by_role("button", name="Filter").click()
    expect(status(page)).to_have_text(
        "2 of 8 rows where Moons is at least 20 and (Moons is below 100 or is 2)", use_inner_text=True
    )


def test_headers_stay_without_results_and_rows_fill_the_width(page: Page, planets: str) -> None:
    page.goto(f"{planets}?q=nothing-of-the-kind")
    expect(page.get_by_role("columnheader")).to_have_count(6)
    expect(page.get_by_role("heading", name="No matching rows")).to_be_visible()
    widths = page.evaluate("() => ['#grid', '#grid > .grid'].map((it) => document.querySelector(it).clientWidth)")
    assert widths[0] == widths[1]


def test_the_keys_are_shown_and_a_guest_is_told_that_a_table_is_read_only(page: Page, planets: str) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    expect(page.get_by_text("Read-only for you")).to_have_count(0)
