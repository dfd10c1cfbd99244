"""Two people with the same table open: what one does, the other sees, and nothing is missed or moved."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import Cookies, settle, sign_up
from tests.helpers import Person
from tests.live.table_events import add_member, change, execute
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS, add_table

APP = "tests.live.apps:changing"
EVE = Person("eve.stone@example.org")
LOADS = r"/tables/\d+(/rows)?(\?|$)"  # addresses of rows, not of what an editor needs
Open = Callable[..., Visit]


class Shared:
    """A table of Ada's, open in a window of hers and in one of Eve's."""

    def __init__(self, server: Server, ada: Cookies, eve: Cookies, open_window: Open) -> None:
        self.server, self.ada, self.eve = server, ada, eve
        self._open = open_window
        self.table = add_table(server.data_dir, PLANETS, PLANET_ROWS)
        add_member(server, self.table, EVE.email)

    def window(self, cookies: Cookies, query: str = "") -> Visit:
        visit = self._open(self.server, cookies)
        visit.page.goto(f"/tables/{self.table}{query}")
        expect(visit.page.locator("#live[data-state=live]")).to_be_visible()
        return visit

    def change(self, **what: Any) -> int:
        """By Eve."""
        return change(self.server, self.eve, self.table, **what)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[tuple[Server, Cookies, Cookies]]:
    folder = shutil.copytree(migrated, tmp_path_factory.mktemp("live") / "data")
    with Server(APP, folder) as server:
        ada = sign_up(server)
        yield server, ada, settle(server, EVE)


@pytest.fixture
def shared(people: tuple[Server, Cookies, Cookies], visit: Open) -> Shared:
    return Shared(*people, visit)


def cell(page: Page, row: int, column: int) -> Locator:
    return page.locator(f"#r{row} > td").nth(column - 1)


def test_a_cell_that_another_changes_is_replaced_in_place_with_their_name(shared: Shared) -> None:
    page = shared.window(shared.ada).page
    page.evaluate("document.querySelector('#r3').marked = true")

    shared.change(cells=[[3, 1, "Earth", "Terra"]])

    expect(cell(page, 3, 1)).to_have_text("Terra")
    expect(cell(page, 3, 1)).to_have_attribute("title", "Changed by eve.stone")
    expect(cell(page, 3, 1)).not_to_have_class("changed")
    assert page.evaluate("document.querySelector('#r3').marked")


def test_text_of_others_is_never_markup_and_a_boolean_stays_a_mark(shared: Shared) -> None:
    page = shared.window(shared.ada).page
    text = "<img src=x onerror=alert(1)>"

    shared.change(cells=[[3, 1, "Earth", text], [4, 1, "Mars", "https://example.org/mars"], [3, 4, "no", "yes"]])

    expect(cell(page, 3, 1)).to_have_text(text)
    assert page.locator("#grid img").count() == 0
    expect(cell(page, 4, 1).locator("a")).to_have_attribute("href", "https://example.org/mars")
    expect(cell(page, 3, 4).locator("b")).to_have_text("yes")


def test_new_rows_wait_for_a_press_and_deleted_ones_leave_a_line(shared: Shared) -> None:
    page = shared.window(shared.ada).page

    shared.change(add=[{"1": "Ceres"}, {"1": "Pluto"}])
    shared.change(delete=[2])

    expect(page.get_by_role("button", name="2 new rows")).to_be_visible()
    expect(cell(page, 2, 1)).to_have_text("Deleted by eve.stone Undo")
    assert page.locator("#grid tbody.rows tr").count() == len(PLANET_ROWS)

    page.get_by_role("button", name="2 new rows").click()
    expect(page.locator("#r10 td").first).to_have_text("Pluto")
    expect(page.locator("#r2")).to_have_count(0)
    expect(page.locator("#news")).to_be_hidden()


def test_a_row_that_comes_back_is_shown_again_where_it_was(shared: Shared) -> None:
    page = shared.window(shared.ada).page
    shared.change(delete=[2])
    expect(cell(page, 2, 1)).to_have_text("Deleted by eve.stone Undo")

    shared.change(undo=True)

    expect(cell(page, 2, 1)).to_have_text("Venus")


def test_nothing_is_missed_while_the_network_is_gone(shared: Shared) -> None:
    visit = shared.window(shared.ada)
    visit.expect("ERR_INTERNET_DISCONNECTED")
    visit.page.context.set_offline(True)
    expect(visit.page.locator("#live")).to_have_attribute("data-state", "offline")
    for number in range(5):
        seen = f"Terra {number - 1}" if number else "Earth"
        shared.change(cells=[[3, 1, seen, f"Terra {number}"]])
    shared.change(cells=[[4, 1, "Mars", "Ares"]])

    visit.page.context.set_offline(False)

    expect(visit.page.locator("#live")).to_have_attribute("data-state", "live")
    expect(cell(visit.page, 3, 1)).to_have_text("Terra 4")
    expect(cell(visit.page, 4, 1)).to_have_text("Ares")


def test_a_listener_of_the_grid_may_keep_a_cell_as_it_is(shared: Shared) -> None:
    """An editor that is open over it, whose text must not be touched."""
    page = shared.window(shared.ada).page
    page.evaluate("""() => {
        window.heard = [];
        document.querySelector("#grid").addEventListener("rowcast:remote", (event) => {
            const { row, column, text, who, seq } = event.detail;
            window.heard.push([row, column, text, who, seq]);
            if (row === 3) event.preventDefault();
        });
    }""")

    seq = shared.change(cells=[[3, 1, "Earth", "Terra"], [4, 1, "Mars", "Ares"]])

    expect(cell(page, 4, 1)).to_have_text("Ares")
    expect(cell(page, 3, 1)).to_have_text("Earth")
    assert page.evaluate("window.heard") == [
        [3, 1, "Terra", "eve.stone", seq],
        [4, 1, "Ares", "eve.stone", seq],
    ]


def test_what_a_page_did_itself_is_no_news_to_it(shared: Shared) -> None:
    visit = shared.window(shared.ada)
    saved = visit.page.evaluate(
        """async (address) => {
            window.own = [];
            document.addEventListener("rowcast:remote", ({ detail }) => window.own.push(detail.own));
            const headers = { "X-Page": document.documentElement.dataset.page, "Content-Type": "application/json" };
            const body = JSON.stringify({ cells: [[3, 1, "Earth", "Terra"]], add: [{ 1: "Ceres" }] });
            return (await fetch(address, { method: "POST", headers, body })).status;
        }""",
        f"/changes/{shared.table}",
    )
    assert saved == 200
    shared.change(cells=[[4, 1, "Mars", "Ares"]])

    expect(cell(visit.page, 4, 1)).to_have_text("Ares")
    assert visit.page.evaluate("window.own") == [True, False]
    expect(cell(visit.page, 3, 1)).not_to_have_attribute("title", "Changed by ada")
    expect(visit.page.locator("#news")).to_be_hidden()


def test_nobody_can_hide_a_change_from_the_page_of_another(shared: Shared) -> None:
    """By sending the name of that page, which all who have the table open are told."""
    ada, eve = shared.window(shared.ada).page, shared.window(shared.eve).page
    name = ada.evaluate("document.documentElement.dataset.page")
    eve.evaluate(
        """async ([address, name]) => {
            const headers = { "X-Page": name, "Content-Type": "application/json" };
            const body = JSON.stringify({ cells: [[3, 1, "Earth", "Terra"]] });
            await fetch(address, { method: "POST", headers, body });
        }""",
        [f"/changes/{shared.table}", name],
    )

    expect(cell(ada, 3, 1)).to_have_attribute("title", "Changed by eve.stone")


def test_others_who_have_the_table_open_are_shown_and_where_they_are(shared: Shared) -> None:
    ada, eve = shared.window(shared.ada).page, shared.window(shared.eve).page

    expect(ada.locator("#live li")).to_have_text(["ES"])
    expect(eve.locator("#live li")).to_have_text(["A"])
    cell(eve, 5, 2).click()
    expect(cell(ada, 5, 2)).to_have_attribute("title", "eve.stone is here")
    cell(eve, 6, 2).click()
    expect(cell(ada, 6, 2)).to_have_attribute("title", "eve.stone is here")
    expect(cell(ada, 5, 2)).not_to_have_attribute("title", "eve.stone is here")

    eve.goto("/dashboard")
    expect(ada.locator("#live li")).to_have_count(0)
    expect(eve.locator("#live")).to_be_hidden()


def test_changes_of_others_are_announced_in_one_sentence(shared: Shared) -> None:
    page = shared.window(shared.ada).page

    shared.change(cells=[[3, 1, "Earth", "Terra"], [4, 1, "Mars", "Ares"]])

    expect(page.locator("#live-news")).to_have_text("eve.stone changed 2 cells")


def test_one_who_is_removed_is_taken_from_the_table(shared: Shared) -> None:
    visit = shared.window(shared.eve)
    visit.expect("404")

    execute(shared.server, "DELETE FROM table_members WHERE table_id = ?", shared.table)

    expect(visit.page.get_by_role("heading", level=1)).not_to_have_text("Planets")


def test_columns_that_the_page_does_not_show_are_not_sent_to_it(shared: Shared) -> None:
    page = shared.window(shared.ada, "?cols=2,1").page

    shared.change(cells=[[3, 3, "6371.0", "1.5"], [3, 2, "1", "2"], [3, 1, "Earth", "Terra"]])

    expect(cell(page, 3, 1)).to_have_text("2")
    expect(cell(page, 3, 2)).to_have_text("Terra")


@pytest.mark.parametrize("query", ["?q=earth", "?f.2=lt:10", "?cols=1&f.2=lt:10", "?sort=2", "?cols=1,3&sort=2"])
def test_a_row_that_another_s_change_takes_out_of_the_view_stays_and_is_marked(shared: Shared, query: str) -> None:
    page = shared.window(shared.ada, query).page
    before = page.locator("#grid tbody.rows > tr").all_inner_texts()
    column, text, other = (1, "Earth", "Terra") if "q=" in query else (2, "1", "50")  # which may be hidden

    shared.change(cells=[[3, column, text, other]])

    expect(page.locator("#r3")).to_have_class("unfit")
    expect(page.locator("#r3 th")).to_have_attribute("title", re.compile("^Row 3 no longer fits this view"))
    assert len(page.locator("#grid tbody.rows > tr").all_inner_texts()) == len(before)
    expect(page.locator("#grid tr.unfit")).to_have_count(1)

    shared.change(cells=[[3, column, other, text]])
    expect(page.locator("#r3")).not_to_have_class("unfit")


def test_rows_that_still_fit_the_view_are_not_marked_and_viewers_see_the_marks_too(shared: Shared) -> None:
    execute(shared.server, "UPDATE table_members SET role = 'viewer' WHERE table_id = ?", shared.table)
    page = shared.window(shared.eve, "?sort=-3&f.2=gt:0").page
    cells = [[6, 3, "58232.0", "58231.0"], [4, 2, "2", "0"], [7, 3, "25362.0", "1.0"]]
    change(shared.server, shared.ada, shared.table, cells=cells)

    expect(page.locator("#r4")).to_have_class("unfit")
    expect(page.locator("#r7")).to_have_class("unfit")
    expect(page.locator("#grid tr.unfit")).to_have_count(2)


def test_the_line_of_a_row_that_another_deleted_offers_to_bring_it_back(shared: Shared) -> None:
    page = shared.window(shared.ada).page
    shared.change(delete=[2, 3])
    expect(cell(page, 3, 1)).to_have_text("Deleted by eve.stone Undo")

    page.locator("#r3").get_by_role("button", name="Undo").click()

    expect(cell(page, 3, 1)).to_have_text("Earth")
    expect(cell(page, 2, 1)).to_have_text("Venus")
    expect(page.locator("#saving")).to_have_text("2 changes undone.")

    shared.change(delete=[5])
    expect(cell(page, 5, 1)).to_contain_text("Deleted by eve.stone")
    cell(page, 4, 2).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")  # into a column that no editor was opened in
    page.evaluate("new Promise((done) => setTimeout(done, 400))")  # in which it would read what the editor needs
    page.keyboard.press("Enter")
    expect(cell(page, 5, 1)).to_have_text("Jupiter")


def test_rows_are_loaded_once_when_one_brings_a_row_back_oneself(shared: Shared) -> None:
    """A second time would take away the line of a row that somebody has deleted meanwhile."""
    visit = shared.window(shared.ada)
    page = visit.page
    shared.change(delete=[2])
    expect(cell(page, 2, 1)).to_have_text("Deleted by eve.stone Undo")
    page.clock.install()
    page.locator("#r2").get_by_role("button", name="Undo").click()
    expect(cell(page, 2, 1)).to_have_text("Venus")
    expect(page.locator("#saving")).to_have_text("1 change undone.")
    shared.change(delete=[5])
    expect(cell(page, 5, 1)).to_contain_text("Deleted by eve.stone")
    requests = len(visit.asked(LOADS))

    page.clock.fast_forward(1_500)

    expect(cell(page, 5, 1)).to_contain_text("Deleted by eve.stone")
    assert len(visit.asked(LOADS)) == requests


def test_the_line_of_a_deleted_row_offers_nothing_to_viewers(shared: Shared) -> None:
    execute(shared.server, "UPDATE table_members SET role = 'viewer' WHERE table_id = ?", shared.table)
    page = shared.window(shared.eve).page
    ada = shared.window(shared.ada)
    change(shared.server, shared.ada, shared.table, delete=[2])

    expect(cell(page, 2, 1)).to_have_text("Deleted by ada")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert ada


@pytest.mark.parametrize("query", ["?sort=2", "?f.2=lt:10", "?cols=2,1&f.2=lt:10&q=a", "?cols=2"])
def test_a_view_goes_on_when_the_column_it_uses_is_deleted(shared: Shared, query: str) -> None:
    visit = shared.window(shared.ada, query)
    page = visit.page

    shared.change(delete_column=[2, "Moons"])

    expect(page.locator("#sort-2")).to_have_count(0)
    expect(page.locator("#main > .notice")).to_contain_text("“Moons” was deleted")
    expect(page.locator("#toolbar .chip")).to_have_count(0)
    expect(page).not_to_have_url(re.compile(r"sort=|f\.2|cols=2"))
    shared.change(cells=[[3, 1, "Earth", "Terra"]])
    if "cols=2,1" not in query:
        expect(cell(page, 3, 1)).to_have_text("Terra")
    page.reload()
    expect(page.locator("#grid tbody.rows")).to_be_visible()


@pytest.mark.parametrize(("columns", "status"), [("2", 200), ("1,2", 200), ("1-3", 200), ("99", 422)])
def test_the_stream_of_a_page_goes_on_without_columns_that_were_deleted(
    shared: Shared, columns: str, status: int
) -> None:
    page = shared.window(shared.ada).page
    shared.change(delete_column=[2, "Moons"])

    assert page.request.head(f"/live?table={shared.table}&cols={columns}").status == status


def test_what_is_typed_goes_on_while_another_changes_the_columns(shared: Shared) -> None:
    page = shared.window(shared.ada).page
    page.locator("summary").filter(has_text="Edit").click()
    page.get_by_role("link", name="Add a row").click()
    page.locator("#panel #cell1").fill("Ceres")
    cell(page, 3, 1).click()
    page.keyboard.type("Ter")

    shared.change(delete_column=[2, "Moons"])

    expect(page.locator("#sort-2")).to_have_count(0)
    expect(page.locator(".cell-editor textarea")).to_be_focused()
    page.keyboard.type("ra")
    page.keyboard.press("Enter")
    expect(page.locator("#saving")).to_have_text("Saved")
    expect(cell(page, 3, 1)).to_have_text("Terra")
    expect(page.locator("#panel #cell1")).to_have_value("Ceres")
    assert page.locator("#r3 > td").nth(1).evaluate("(cell) => getComputedStyle(cell).textAlign") == "right"
    assert page.locator("#r3 > td").nth(2).evaluate("(cell) => getComputedStyle(cell).textAlign") == "center"


def test_what_is_typed_into_a_column_that_another_deletes_is_kept_and_named(shared: Shared) -> None:
    visit = shared.window(shared.ada)
    visit.expect("answered 404", "status of 404")
    page = visit.page
    cell(page, 3, 2).click()
    page.keyboard.type("12")

    shared.change(delete_column=[2, "Moons"])

    card = page.locator(".edit-card")
    expect(card).to_contain_text("Moons, row 3")
    expect(card).to_contain_text("12")
    expect(card.get_by_role("button")).to_have_text(["Discard"])
    page.reload()
    expect(card).to_contain_text("12 in Moons, row 3")
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("button")).to_have_text(["Discard"])
    card.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Moons")


def test_who_has_an_editor_open_is_shown_as_editing(shared: Shared) -> None:
    ada, eve = shared.window(shared.ada).page, shared.window(shared.eve).page
    expect(ada.locator("#live li")).to_have_attribute("title", "eve.stone is looking")

    cell(eve, 5, 2).dblclick()

    expect(ada.locator("#live li")).to_have_attribute("title", "eve.stone is editing")
    expect(cell(ada, 5, 2)).to_have_attribute("title", "eve.stone is editing here")
    eve.keyboard.press("Escape")
    expect(ada.locator("#live li")).to_have_attribute("title", "eve.stone is looking")
