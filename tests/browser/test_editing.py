"""Editing cells in the grid: by keys and mouse, saved at once or kept until it can be."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, let_go
from tests.browser.people import Cookies
from tests.browser.test_keyboard import press
from tests.browser.test_places import cell
from tests.servers import Server

Rows = Callable[[], list[str]]


def editor(page: Page) -> Any:
    return page.locator(".cell-editor")


def field(page: Page) -> Any:
    return page.locator(".cell-editor :is(textarea, select)")


def card(page: Page) -> Any:
    return page.locator(".edit-card")


def type_text(page: Page, text: str) -> None:
    page.keyboard.type(text)


@pytest.fixture
def rows(house: Server, ada: Cookies, planets: str) -> Rows:
    """The lines of the planets' export, by the number of their row."""

    def read() -> list[str]:
        answer = house.ask("GET", f"{planets}/export?format=csv", Cookie="; ".join(f"{n}={v}" for n, v in ada))
        assert answer.status == 200
        return answer.body.decode("utf-8-sig").split("\r\n")

    return read


def saved(page: Page) -> None:
    expect(page.locator("#grid td.saving")).to_have_count(0)
    expect(page.locator("#saving")).to_have_text(re.compile("^Saved|saved"))


def test_typing_replaces_a_cell_and_enter_saves_and_goes_down(page: Page, planets: str, rows: Rows) -> None:
    cell(page, 3, 2).click()
    type_text(page, "2")
    expect(field(page)).to_be_focused()
    expect(field(page)).to_have_value("2")
    press(page, "Enter")
    expect(cell(page, 4, 2)).to_be_focused()
    expect(cell(page, 3, 2)).to_have_text("2")
    saved(page)
    assert rows()[3].startswith("Earth,2,")
    expect(editor(page)).to_have_count(0)


def test_keys_of_the_editor(page: Page, planets: str, rows: Rows) -> None:
    cell(page, 3, 1).click()
    press(page, "Enter")
    expect(field(page)).to_have_value("Earth")
    expect(field(page)).to_have_attribute("aria-label", "Planet, row 3")
    press(page, "End")
    type_text(page, " and Moon")
    press(page, "Tab")
    expect(cell(page, 3, 2)).to_be_focused()
    press(page, "F2")
    expect(field(page)).to_have_value("1")
    type_text(page, "1")
    press(page, "Shift+Enter")
    expect(cell(page, 2, 2)).to_be_focused()
    type_text(page, "5")
    press(page, "ArrowLeft")
    expect(cell(page, 2, 1)).to_be_focused()
    type_text(page, "lost")
    press(page, "Escape")
    expect(cell(page, 2, 1)).to_be_focused()
    expect(cell(page, 2, 1)).to_have_text("Venus")
    press(page, "F2", "Home", "Delete", "Escape")
    expect(cell(page, 2, 1)).to_have_text("Venus")
    cell(page, 4, 1).dblclick()
    press(page, "End", "Alt+Enter")
    type_text(page, "the red one")
    press(page, "Shift+Tab")
    expect(page.locator("#r3 td:nth-child(6)")).to_be_focused()
    saved(page)
    text = "\n".join(rows())
    assert "Earth and Moon,11," in text
    assert "Venus,5," in text
    assert '"Mars\nthe red one",2,' in text


def test_a_click_elsewhere_saves_and_space_toggles(page: Page, planets: str, rows: Rows) -> None:
    cell(page, 1, 1).click()
    type_text(page, "Hermes")
    cell(page, 5, 4).click()
    expect(editor(page)).to_have_count(0)
    expect(cell(page, 5, 4)).to_be_focused()
    press(page, " ")
    expect(cell(page, 5, 4).locator("i")).to_have_text("no")
    press(page, "Enter")
    expect(page.locator(".cell-editor select")).to_have_value("no")
    page.locator(".cell-editor select").select_option("yes")
    press(page, "Enter")
    expect(cell(page, 6, 4)).to_be_focused()
    press(page, "Delete")
    expect(cell(page, 6, 4)).to_have_text("")
    saved(page)
    found = rows()
    assert found[1].startswith("Hermes,")
    assert found[5].split(",")[3] == "yes"
    assert found[6].split(",")[3] == ""


def test_a_text_that_does_not_fit_opens_the_editor_again(page: Page, planets: str, rows: Rows) -> None:
    cell(page, 3, 2).click()
    type_text(page, "several")
    press(page, "Enter")
    expect(field(page)).to_have_value("several")
    expect(field(page)).to_be_focused()
    expect(cell(page, 3, 2)).to_have_text("1")
    reason = page.locator(".editor-note.refused p").inner_text()
    expect(page.locator("#edit-alert")).to_have_text(f"Not saved: {reason}")
    expect(page.get_by_role("link", name="Turn the column into text")).to_be_visible()
    type_text(page, "12")
    press(page, "Enter")
    saved(page)
    assert rows()[3].startswith("Earth,12,")
    cell(page, 4, 2).click()
    type_text(page, "many")
    press(page, "Enter")
    expect(field(page)).to_have_value("many")
    press(page, "Tab")
    expect(page.get_by_role("button", name="Keep as text")).to_be_focused()
    press(page, "Enter")
    saved(page)
    expect(cell(page, 4, 2)).to_have_text("many")
    assert rows()[4].startswith("Mars,many,")


def paste(page: Page, text: str, html: str = "") -> None:
    page.evaluate(
        """([text, html]) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            if (html) data.setData("text/html", html);
            document.activeElement.dispatchEvent(new ClipboardEvent("paste", {
                clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        [text, html],
    )


def test_a_block_is_pasted_as_one_change_and_undone_by_one_key(
    home: Visit, page: Page, planets: str, rows: Rows
) -> None:
    before = rows()
    cell(page, 2, 1).click()
    paste(page, "A\t1\nB\t2\n", "<table><tr><td>other</td></tr></table>")
    expect(cell(page, 3, 2)).to_have_text("2")
    expect(page.locator("#saving")).to_have_text("4 cells saved")
    assert [line.split(",")[:2] for line in rows()[2:4]] == [["A", "1"], ["B", "2"]]
    assert len(home.asked("/paste$", method="POST")) == 1
    expect(page.locator("#undo")).to_have_attribute("title", "Undo: 4 cells saved (Ctrl+Z)")
    press(page, "Control+z")
    expect(cell(page, 3, 2)).to_have_text("1")
    assert rows() == before
    press(page, "Control+y")
    expect(cell(page, 3, 2)).to_have_text("2")
    page.locator("#undo").click()
    expect(cell(page, 3, 2)).to_have_text("1")
    assert rows() == before
    page.locator("#redo").click()
    expect(cell(page, 3, 2)).to_have_text("2")


def test_pasting_past_the_last_row_asks_and_past_the_last_column_is_refused(
    page: Page, planets: str, rows: Rows
) -> None:
    cell(page, 8, 1).click()
    paste(page, "Neptune\t14\nPluto\t5\nCeres\t0")
    expect(page.get_by_role("alertdialog", name="Add 2 rows?")).to_be_visible()
    assert len(rows()) == 10
    press(page, "Escape")
    expect(card(page)).to_have_count(0)
    expect(page.locator("#saving")).to_have_text("Nothing was pasted.")
    expect(cell(page, 8, 1)).to_be_focused()
    paste(page, "Neptune\t14\nPluto\t5\nCeres\t0")
    page.get_by_role("button", name="Add them and paste").click()
    expect(page.locator("#r10")).to_be_visible()
    assert [line.split(",")[:2] for line in rows()[8:11]] == [["Neptune", "14"], ["Pluto", "5"], ["Ceres", "0"]]


def test_a_paste_wider_than_the_table_is_refused(home: Visit, page: Page, planets: str, rows: Rows) -> None:
    before = rows()
    home.expect("/paste answered 422", "status of 422")
    cell(page, 2, 5).click()
    paste(page, "a\tb\tc")
    expect(page.locator("#edit-alert")).to_contain_text("2 of its cells would be lost")
    assert rows() == before


def test_a_selection_is_filled_emptied_and_cut(page: Page, planets: str, rows: Rows) -> None:
    cell(page, 2, 2).click()
    press(page, "Shift+ArrowDown", "Shift+ArrowDown")
    type_text(page, "7")
    press(page, "Control+Enter")
    expect(cell(page, 4, 2)).to_have_text("7")
    assert [line.split(",")[1] for line in rows()[1:6]] == ["0", "7", "7", "7", "95"]
    cell(page, 1, 2).click()
    press(page, "Shift+ArrowDown", "Shift+ArrowRight", "Control+d")
    expect(cell(page, 2, 3)).to_have_text("2439.7")
    cell(page, 5, 2).click()
    press(page, "Shift+ArrowRight", "Control+r")
    expect(cell(page, 5, 3)).to_have_text("95.0")
    cell(page, 6, 1).click()
    press(page, "Shift+ArrowDown", "Delete")
    expect(cell(page, 7, 1)).to_have_text("")
    cell(page, 8, 1).click()
    press(page, "Shift+ArrowRight", "Control+x")
    expect(cell(page, 8, 2)).to_have_text("")
    expect(page.locator("#saving")).to_have_text("2 cells saved")
    press(page, "Escape")
    cell(page, 1, 1).click()
    press(page, "Control+v")
    expect(cell(page, 1, 1)).to_have_text("Neptune")
    saved(page)
    found = [line.split(",") for line in rows()]
    assert found[1][:2] == ["Neptune", "16"]
    assert found[2][1:3] == ["0", "2439.7"]
    assert found[5][1:3] == ["95", "95.0"]
    assert [found[6][0], found[7][0], found[8][0], found[8][1]] == ["", "", "", ""]


def test_the_menu_of_a_cell_adds_duplicates_and_deletes_rows(page: Page, planets: str, rows: Rows) -> None:
    before = rows()
    cell(page, 3, 1).click(button="right")
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem", name="Edit")).to_be_focused()
    menu.get_by_role("menuitem", name="Duplicate the row").click()
    expect(cell(page, 9, 1)).to_have_text("Earth")
    expect(cell(page, 9, 1)).to_be_focused()
    cell(page, 1, 1).click()
    press(page, "Shift+ArrowDown", "Shift+F10")
    expect(menu.get_by_role("menuitem", name="Edit")).to_be_focused()
    press(page, "ArrowUp", "Enter")  # the last: delete the rows selected
    expect(page.locator("#r1")).to_have_count(0)
    expect(page.locator("#saving")).to_have_text("2 rows deleted. Ctrl+Z brings back what was deleted. Undo")
    found = rows()
    assert [line.split(",")[0] for line in found[1:8]] == [
        "Earth",
        "Mars",
        "Jupiter",
        "Saturn",
        "Uranus",
        "Neptune",
        "Earth",
    ]
    page.locator("#r4 th").click(button="right")
    press(page, "Escape")
    expect(menu).to_be_hidden()
    press(page, "Control+z")
    expect(page.locator("#r1")).to_be_visible()
    press(page, "Control+z")
    expect(page.locator("#r9")).to_have_count(0)
    assert rows() == before
    cell(page, 3, 1).click()
    press(page, "Shift+Enter")
    expect(cell(page, 10, 1)).to_be_focused()
    type_text(page, "Pluto")
    press(page, "Enter")
    saved(page)
    assert rows()[9].startswith("Pluto,")


def test_what_an_editor_needs_is_not_read_from_a_row_that_is_being_deleted(page: Page, planets: str) -> None:
    held: list[Route] = []
    page.route("**/cells/2/1/edit", lambda route: held.append(route))
    with page.expect_request("**/cells/2/1/edit"):
        cell(page, 2, 1).click()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/cells/2/1/edit")):
        press(page, "Shift+F10", "ArrowUp", "Enter")
    expect(page.locator("#r2")).to_have_count(0)
    let_go(held)


def test_the_line_that_says_that_rows_were_deleted_offers_undo(page: Page, planets: str, rows: Rows) -> None:
    before = rows()
    cell(page, 2, 1).click()
    press(page, "Shift+ArrowDown", "Shift+F10", "ArrowUp", "Enter")
    expect(page.locator("#r2")).to_have_count(0)
    assert len(rows()) == len(before) - 2
    page.locator("#saving").get_by_role("button", name="Undo").click()
    expect(cell(page, 2, 1)).to_have_text("Venus")
    expect(page.locator("#saving")).to_have_text("2 changes undone.")
    assert rows() == before


def test_a_row_that_no_longer_fits_the_view_stays_and_is_marked(page: Page, planets: str) -> None:
    page.goto(f"{planets}?q=earth")
    expect(page.locator("#grid tbody.rows > tr")).to_have_count(1)
    cell(page, 3, 1).click()
    type_text(page, "Terra")
    press(page, "Enter")
    expect(page.locator("#r3")).to_have_class("unfit")
    expect(page.locator("#saving")).to_contain_text("Row 3 no longer fits this view.")
    expect(cell(page, 3, 1)).to_have_text("Terra")
    page.goto(f"{planets}?sort=2")
    cell(page, 3, 2).click()
    type_text(page, "50")
    press(page, "Tab")
    expect(page.locator("#r3")).to_have_class("unfit")
    press(page, "ArrowLeft")
    type_text(page, "1")
    press(page, "Tab")
    expect(page.locator("#r3")).not_to_have_class("unfit")


def test_texts_that_a_page_does_not_show_exactly_are_edited_as_they_are(
    page: Page, house: Server, ada: Cookies, table: Callable[..., str]
) -> None:
    """Line breaks of two kinds, a text that the grid cuts, and an empty cell that the file writes otherwise."""
    long = "long " * 300
    address = table({"Text": "text", "Number": "integer"}, [("one\r\ntwo\nthree", "1"), (long, "2")])
    page.goto(address)

    def exported() -> str:
        answer = house.ask("GET", f"{address}/export?format=csv", Cookie="; ".join(f"{n}={v}" for n, v in ada))
        return answer.body.decode("utf-8-sig")

    cell(page, 1, 1).click()
    press(page, "F2")
    expect(field(page)).to_have_value("one\ntwo\nthree")
    press(page, "Control+End")
    type_text(page, "!")
    press(page, "Enter")
    saved(page)
    press(page, "Enter")
    expect(field(page)).to_have_value(long)
    press(page, "Control+End")
    type_text(page, "end")
    press(page, "Enter")
    saved(page)
    assert exported() == f'Text,Number\r\n"one\r\ntwo\nthree!",1\r\n{long}end,2\r\n'
    cell(page, 1, 1).click()
    type_text(page, "over")
    press(page, "Enter")
    saved(page)
    cell(page, 2, 1).click()
    press(page, "Control+x")
    expect(page.locator("#edit-alert")).to_have_text(
        "This is too long to be cut. Copy it, and empty the cells with Delete."
    )
    assert exported() == f"Text,Number\r\nover,1\r\n{long}end,2\r\n"


LONG = [(f"row {n}", str(n)) for n in range(1, 1_001)]


@pytest.fixture
def exported(house: Server, ada: Cookies) -> Callable[[str], list[str]]:
    """The lines of a table's export."""

    def read(address: str) -> list[str]:
        answer = house.ask("GET", f"{address}/export?format=csv", Cookie="; ".join(f"{n}={v}" for n, v in ada))
        assert answer.status == 200
        return answer.body.decode("utf-8-sig").split("\r\n")

    return read


@pytest.mark.parametrize("way", ["paste", "Delete"])
def test_a_block_reaches_rows_that_are_not_on_the_page_once_that_is_confirmed(
    page: Page, table: Callable[..., str], exported: Callable[[str], list[str]], way: str
) -> None:
    address = table({"Name": "text", "Number": "integer"}, LONG)
    page.goto(address)

    def act() -> None:
        if way == "paste":
            cell(page, 2, 1).click()
            paste(page, "".join(f"new {n}\t{n + 1}\n" for n in range(1, 901)))
        else:
            cell(page, 2, 1).click()
            press(page, "Control+a", "Control+a")
            expect(page.locator("#selection")).to_contain_text("1,000 rows of the view")
            press(page, "Delete")

    act()
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("Paste into 900 rows?" if way == "paste" else "Empty 2,000 cells in 1,000 rows?")
    expect(question).to_contain_text("of these rows are not on this page.")
    press(page, "Escape")
    expect(question).to_have_count(0)
    expect(page.locator("#saving")).to_have_text("Nothing was changed.")
    assert exported(address)[1:3] == ["row 1,1", "row 2,2"]
    act()
    question.get_by_role("button", name="Paste" if way == "paste" else "Empty").click()
    expect(page.locator("#saving")).to_have_text("1,800 cells saved" if way == "paste" else "2,000 cells saved")
    lines = exported(address)
    if way == "paste":
        assert (lines[1], lines[2], lines[901], lines[902]) == ("row 1,1", "new 1,2", "new 900,901", "row 902,902")
    else:
        assert set(lines[1:1_001]) == {","}


def test_rows_of_the_view_that_are_not_on_the_page_are_deleted_once_that_is_confirmed(
    page: Page, table: Callable[..., str], exported: Callable[[str], list[str]]
) -> None:
    address = table({"Name": "text", "Number": "integer"}, LONG)
    page.goto(f"{address}?f.2=gt:500")
    cell(page, 501, 1).click()
    press(page, "Control+a", "Control+a")
    expect(page.locator("#selection")).to_contain_text("500 rows of the view")
    press(page, "Shift+F10", "ArrowUp", "Enter")
    question = page.get_by_role("alertdialog", name="Delete 500 rows?")
    question.get_by_role("button", name="Cancel").click()
    assert len(exported(address)) == 1_002
    press(page, "Shift+F10", "ArrowUp", "Enter")
    question.get_by_role("button", name="Delete").click()
    expect(page.locator("#saving")).to_contain_text("500 rows deleted.")
    lines = exported(address)
    assert (len(lines), lines[1], lines[500]) == (502, "row 1,1", "row 500,500")


def test_ctrl_space_selects_the_column_on_the_page_and_then_in_all_rows(
    page: Page, table: Callable[..., str], exported: Callable[[str], list[str]]
) -> None:
    address = table({"Name": "text", "Number": "integer"}, LONG)
    page.goto(address)
    cell(page, 2, 2).click()
    press(page, "Control+ ")
    expect(page.locator("#selection")).to_contain_text("Ctrl+Space again selects all of the view")
    press(page, "Control+ ")
    expect(page.locator("#selection")).to_contain_text(
        "1,000 rows of the view are selected. 1,000 cells: 1,000 numbers"
    )
    press(page, "Delete")
    page.get_by_role("alertdialog", name="Empty 1,000 cells in 1,000 rows?").get_by_role("button", name="Empty").click()
    expect(page.locator("#saving")).to_have_text("1,000 cells saved")
    assert [exported(address)[n] for n in (1, 1_000)] == ["row 1,", "row 1000,"]


def test_one_cell_fills_a_selection_and_a_block_repeats_only_if_it_fits_in(
    page: Page, planets: str, rows: Rows
) -> None:
    before = rows()
    cell(page, 2, 1).click()
    press(page, "Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight")
    paste(page, "7")
    expect(page.locator("#saving")).to_have_text("6 cells saved")
    assert [line.split(",")[:2] for line in rows()[2:5]] == [["7", "7"]] * 3
    cell(page, 5, 2).click()
    press(page, "Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown")
    paste(page, "1\n2\n")
    expect(page.locator("#saving")).to_have_text("4 cells saved")
    assert [line.split(",")[1] for line in rows()[5:9]] == ["1", "2", "1", "2"]
    cell(page, 5, 2).click()
    press(page, "Shift+ArrowDown", "Shift+ArrowDown")
    paste(page, "8\t1.5\n9\t2.5\n")  # twice does not fit into three rows, and it is wider than the selection
    expect(cell(page, 6, 3)).to_have_text("2.5")
    expect(page.locator("#saving")).to_have_text("4 cells saved")
    assert [line.split(",")[1:3] for line in rows()[5:8]] == [["8", "1.5"], ["9", "2.5"], ["1", "25362.0"]]
    press(page, "Control+z")
    expect(cell(page, 6, 3)).not_to_have_text("2.5")
    press(page, "Control+z")
    expect(cell(page, 8, 2)).to_have_text("16")
    press(page, "Control+z")
    expect(cell(page, 4, 2)).to_have_text("2")
    assert rows() == before


def test_a_block_is_pasted_into_the_rows_and_columns_that_the_view_shows(page: Page, planets: str, rows: Rows) -> None:
    before = [line.split(",") for line in rows()]
    page.goto(f"{planets}?f.2=gt:10&sort=-2&cols=3,1")  # Saturn, Jupiter, Uranus, Neptune
    cell(page, 6, 1).click()
    paste(page, "1.5\tA\n2.5\tB\n3.5\tC\n4.5\tD")
    expect(page.locator("#saving")).to_have_text("8 cells saved")
    after = [line.split(",") for line in rows()]
    assert [after[n][:3] for n in (6, 5, 7, 8)] == [
        ["A", "146", "1.5"],
        ["B", "95", "2.5"],
        ["C", "28", "3.5"],
        ["D", "16", "4.5"],
    ]
    assert after[:5] == before[:5]


def test_rows_added_by_a_paste_into_a_narrowed_view_are_asked_for_and_told(
    page: Page, planets: str, rows: Rows
) -> None:
    page.goto(f"{planets}?f.2=gt:90")
    cell(page, 6, 1).click()
    paste(page, "A\t1\nB\t2")
    question = page.get_by_role("alertdialog", name="Add 1 row?")
    expect(question).to_contain_text("behind the last row of the table, where this view may not show them")
    question.get_by_role("button", name="Add it and paste").click()
    expect(page.locator("#saving")).to_contain_text("1 row added. The new rows are behind the last row of the table.")
    expect(cell(page, 6, 1)).to_have_text("A")
    expect(page.locator("#r6")).to_have_class("unfit")
    found = [line.split(",")[:2] for line in rows()]
    assert (found[6], found[7], found[9]) == (["A", "1"], ["Uranus", "28"], ["B", "2"])


def test_filling_down_takes_the_row_above_also_from_the_page_before(
    page: Page, table: Callable[..., str], exported: Callable[[str], list[str]]
) -> None:
    address = table({"Name": "text", "Number": "integer"}, LONG)
    page.goto(address)
    first = page.locator("#grid tbody.rows").first.locator("tr").last
    number = int((first.get_attribute("id") or "")[1:])
    first.scroll_into_view_if_needed()
    page.locator("#grid tbody.rows + tbody.rows").wait_for()
    cell(page, number + 1, 1).click()
    press(page, "Shift+ArrowRight", "Control+d")
    expect(page.locator("#saving")).to_have_text("2 cells saved")
    assert exported(address)[number + 1] == f"row {number},{number}"
    cell(page, number + 1, 1).click()
    press(page, "Shift+ArrowRight", "Shift+ArrowDown", "Shift+ArrowDown", "Control+d")
    expect(page.locator("#saving")).to_have_text("4 cells saved")
    assert exported(address)[number + 1 : number + 4] == [f"row {number},{number}"] * 3


def test_on_a_phone_a_tap_opens_the_row_with_the_field_focused(
    visit: Callable[..., Visit], house: Server, ada: Cookies, planets: str
) -> None:
    page = visit(house, ada, viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True).page
    page.goto(planets)
    cell(page, 3, 2).tap()
    expect(page.get_by_role("heading", name="Edit row 3")).to_be_visible()
    expect(page.locator("#panel #cell2")).to_be_focused()
    expect(editor(page)).to_have_count(0)
    page.locator("#panel #cell2").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 cell saved.")).to_be_visible()


def test_the_form_of_a_row_suits_a_phone(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str]
) -> None:
    """Keys for numbers, no zoom into small fields, and what saves stays in sight in a long form."""
    columns = {"Name": "text", "Number": "integer", "Price": "decimal", "Since": "date"}
    long = {f"Remark {n}": "text" for n in range(20)}
    address = table(columns | long, [("Bolt", "-4", "1.50", "2024-02-29", *["x"] * 20)])
    page = visit(house, ada, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).page
    page.goto(address)
    cell(page, 1, 2).tap()
    expect(page.locator("#panel #cell2")).to_be_focused()
    expect(page.locator("#panel #cell2")).to_have_attribute("inputmode", "decimal")
    expect(page.locator("#panel #cell3")).to_have_attribute("inputmode", "decimal")
    expect(page.locator("#panel #cell1")).not_to_have_attribute("inputmode", "decimal")
    expect(page.locator("#panel #cell4")).not_to_have_attribute("inputmode", "decimal")
    sizes = page.locator(":is(#panel, .toolbar) :is(input, select, textarea):not([type=hidden])").evaluate_all(
        "(fields) => fields.map((field) => parseFloat(getComputedStyle(field).fontSize))"
    )
    assert len(sizes) > 20
    assert min(sizes) >= 16
    for place in ("1", "24"):
        page.locator(f"#panel #cell{place}").scroll_into_view_if_needed()
        expect(page.locator("#panel").get_by_role("button", name="Save")).to_be_in_viewport(ratio=1)
        expect(page.locator("#panel").get_by_role("link", name="Cancel")).to_be_in_viewport(ratio=1)
    page.locator("#panel #cell2").fill("-5")
    page.locator("#panel").get_by_role("button", name="Save").tap()
    expect(page.get_by_text("1 cell saved.")).to_be_visible()


def test_the_list_of_keys_names_those_that_edit(page: Page, planets: str) -> None:
    cell(page, 1, 1).click()
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Empty the selection")
