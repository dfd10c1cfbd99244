"""Edits that cannot be saved at once are never lost: conflicts, a lost connection, an ended session, a reload."""

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, give, let_go
from tests.browser.people import Cookies, settle, sign_in
from tests.browser.test_editing import Rows, card, cell, editor, field, paste, rows, saved, type_text  # noqa: F401
from tests.browser.test_keyboard import press
from tests.database import connect
from tests.helpers import Person
from tests.servers import Server, wait_for

GRACE = Person("grace@example.com", "a long enough password")
CUT = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "failed: net::")


@pytest.fixture
def share(house: Server) -> Callable[[str, str], None]:
    """`share(address, role)` makes Grace, who has an account, a member of a table."""

    def make(address: str, role: str) -> None:
        with closing(connect(house.data_dir / "rowcast.db")) as connection:
            connection.execute(
                "INSERT INTO table_members (table_id, user_id, role, added_at)"
                " SELECT ?, id, ?, '2026-11-22 12:00:00' FROM users WHERE email = ?",
                (int(address.rpartition("/")[2]), role, GRACE.email),
            )

    return make


@pytest.fixture(scope="package")
def grace(house: Server, ada: Cookies) -> Cookies:
    return settle(house, GRACE)


@pytest.fixture
def other(planets: str, visit: Callable[..., Visit], house: Server, grace: Cookies, share: Any) -> Visit:
    """Grace's window; she may edit the planets."""
    share(planets, "editor")
    return visit(house, grace)


@pytest.fixture
def together(page: Page, planets: str, other: Visit) -> tuple[Page, Page]:
    """Ada's window and Grace's, both on the planets. Grace's is not told of changes as they are made."""
    other.expect(*CUT)
    other.page.route("**/live?*", lambda route: route.abort())
    other.page.goto(planets)
    return page, other.page


def change(page: Page, row: int, column: int, text: str) -> None:
    cell(page, row, column).click()
    type_text(page, text)
    press(page, "Enter")


def test_a_conflict_shows_both_texts_and_mine_can_be_kept(together: tuple[Page, Page], rows: Rows) -> None:  # noqa: F811
    ada, grace = together
    change(ada, 3, 1, "Terra")
    saved(ada)
    change(grace, 3, 1, "Gaia")
    expect(card(grace).get_by_role("heading")).to_have_text("Planet, row 3")
    expect(card(grace).locator("p")).to_have_text(re.compile("^Ada changed this"))
    expect(card(grace).locator("dd")).to_have_text(["Terra", "Gaia"])
    expect(cell(grace, 3, 1)).to_have_text("Terra")
    expect(cell(grace, 4, 1)).to_be_focused()
    expect(grace.locator("#edit-alert")).to_contain_text("Press F8 to decide")
    assert rows()[3].startswith("Terra,")
    change(grace, 5, 1, "Zeus")  # the card is beside its column
    press(grace, "F8")
    expect(card(grace)).to_be_focused()
    press(grace, "Tab", "Enter")
    expect(card(grace)).to_have_count(0)
    expect(cell(grace, 3, 1)).to_be_focused()
    saved(grace)
    assert [line.split(",")[0] for line in rows()[3:6]] == ["Gaia", "Mars", "Zeus"]


def test_of_many_conflicts_all_of_theirs_can_be_taken(together: tuple[Page, Page], rows: Rows) -> None:  # noqa: F811
    ada, grace = together
    cell(ada, 1, 2).click()
    paste(ada, "10\n11\n12")
    expect(ada.locator("#saving")).to_have_text("3 cells saved")
    cell(grace, 1, 2).click()
    paste(grace, "20\n21\n22\n23")
    expect(card(grace).get_by_role("heading")).to_have_text("Moons, row 1: 1 of 3")
    expect(cell(grace, 4, 2)).to_have_text("23")
    card(grace).get_by_role("button", name="Keep mine").click()
    expect(card(grace).get_by_role("heading")).to_have_text("Moons, row 2: 1 of 2")
    card(grace).get_by_role("button", name="Take all 2 of theirs").click()
    expect(card(grace)).to_have_count(0)
    expect(cell(grace, 2, 2)).to_have_text("11")
    saved(grace)
    assert [line.split(",")[1] for line in rows()[1:5]] == ["20", "11", "12", "23"]


def test_an_edit_of_a_row_that_is_gone_is_kept_to_be_copied(
    together: tuple[Page, Page],
    other: Visit,
    rows: Rows,  # noqa: F811
) -> None:
    ada, grace = together
    other.expect("404")
    with ada.expect_response("**/cells/3/1/edit"):  # not while its row is deleted
        cell(ada, 3, 1).click()
    press(ada, "Shift+F10")
    ada.get_by_role("menuitem", name="Delete the row").click()
    expect(ada.locator("#r3")).to_have_count(0)
    change(grace, 3, 1, "Gaia")
    expect(card(grace).locator("p")).to_have_text(re.compile("^Ada deleted this row"))
    expect(card(grace).locator("dd")).to_have_text(["Gaia"])
    card(grace).get_by_role("button", name="Discard mine").click()
    expect(card(grace)).to_have_count(0)
    assert len(rows()) == 9


def test_what_others_change_is_told_under_the_editor_and_saving_is_a_conflict(
    page: Page,
    planets: str,
    other: Visit,
    rows: Rows,  # noqa: F811
) -> None:
    grace = other.page
    grace.goto(planets)
    cell(grace, 3, 1).click()
    press(grace, "Enter")
    type_text(grace, "!")
    change(page, 3, 1, "Terra")
    saved(page)
    expect(editor(grace)).to_contain_text("ada changed this to “Terra”")
    expect(field(grace)).to_have_value("Earth!")
    press(grace, "Enter")
    expect(card(grace).locator("dd")).to_have_text(["Terra", "Earth!"])
    assert rows()[3].startswith("Terra,")


def test_without_a_connection_edits_wait_and_go_in_order(home: Visit, page: Page, planets: str, rows: Rows) -> None:  # noqa: F811
    home.expect(*CUT)
    cell(page, 1, 1).click()
    page.context.set_offline(True)
    change(page, 1, 1, "One")
    change(page, 2, 1, "Two")
    change(page, 1, 1, "One again")
    expect(page.locator("#grid td.late")).to_have_count(2)
    expect(page.locator("#saving")).to_contain_text("Not saved yet: the server cannot be reached.")
    expect(cell(page, 1, 1)).to_have_attribute("title", "Not saved yet")
    assert rows()[1].startswith("Mercury,")
    page.context.set_offline(False)
    saved(page)
    expect(page.locator("#grid td.late")).to_have_count(0)
    assert [line.split(",")[0] for line in rows()[1:3]] == ["One again", "Two"]
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('drafts'))") == []


def test_at_most_four_are_on_their_way_and_one_of_a_cell(home: Visit, page: Page, planets: str, rows: Rows) -> None:  # noqa: F811
    held: list[Any] = []
    page.route("**/cells", lambda route: held.append(route))
    for row in range(1, 7):
        change(page, row, 1, f"number {row}")
    change(page, 1, 1, "number one")
    wait_for(lambda: page.evaluate("1") and len(held) == 4)
    expect(page.locator("#grid td.late")).not_to_have_count(0)
    page.unroute("**/cells")
    let_go(held)
    saved(page)
    names = [line.split(",")[0] for line in rows()[1:7]]
    assert names == ["number one", *[f"number {row}" for row in range(2, 7)]]
    sent = [found.post_data_json["edits"][0] for found in home.requests if found.url.endswith("/cells")]
    assert [edit["row"] for edit in sent] == [1, 2, 3, 4, *sorted(edit["row"] for edit in sent[4:])[1:], 1]
    assert (sent[-1]["seen"], sent[-1]["text"]) == ("number 1", "number one")


def test_a_cell_waits_for_its_earlier_save_and_others_do_not(page: Page, planets: str, rows: Rows) -> None:  # noqa: F811
    held: list[Any] = []
    page.route("**/cells", lambda route: held.append(route))
    change(page, 1, 1, "first")
    change(page, 1, 1, "second")
    change(page, 2, 1, "other")
    wait_for(lambda: page.evaluate("1") and len(held) == 2)
    assert [route.request.post_data_json["edits"][0]["text"] for route in held] == ["first", "other"]
    page.unroute("**/cells")
    let_go(held)
    saved(page)
    assert [line.split(",")[0] for line in rows()[1:3]] == ["second", "other"]


def test_leaving_the_page_asks_while_something_is_not_saved(page: Page, planets: str) -> None:
    held: list[Any] = []
    page.route("**/cells", lambda route: held.append(route))
    change(page, 1, 1, "Hermes")
    wait_for(lambda: page.evaluate("1") and held)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.evaluate("location.assign('/dashboard')")
    wait_for(lambda: page.evaluate("1") and asked)
    assert asked == ["beforeunload"]
    let_go(held)
    saved(page)


def test_a_draft_is_offered_after_a_reload_and_saved_once(home: Visit, page: Page, planets: str, rows: Rows) -> None:  # noqa: F811
    cell(page, 3, 1).click()
    type_text(page, "Terra")
    page.reload()
    expect(card(page)).to_contain_text("An edit was not saved:")
    expect(card(page).locator("li")).to_have_text("Terra in Planet, row 3")
    assert rows()[3].startswith("Earth,")
    card(page).get_by_role("button", name="Save").click()
    saved(page)
    assert rows()[3].startswith("Terra,")
    page.reload()
    expect(cell(page, 3, 1)).to_have_text("Terra")
    expect(card(page)).to_have_count(0)
    assert len(home.asked("/cells$", method="POST")) == 1


def test_a_draft_of_what_others_have_changed_since_is_a_conflict(together: tuple[Page, Page], rows: Rows) -> None:  # noqa: F811
    ada, grace = together
    cell(grace, 3, 1).click()
    type_text(grace, "Gaia")
    change(ada, 3, 1, "Terra")
    saved(ada)
    grace.reload()
    card(grace).get_by_role("button", name="Save").click()
    expect(card(grace).locator("dd")).to_have_text(["Terra", "Gaia"])
    assert rows()[3].startswith("Terra,")


@pytest.mark.parametrize("is_saved_first", [True, False])
def test_what_is_typed_while_the_session_ends_is_kept_and_offered_after_signing_in(
    visit: Callable[..., Visit], house: Server, grace: Cookies, planets: str, share: Any, is_saved_first: bool
) -> None:
    share(planets, "editor")
    window = visit(house, settle_again(house))
    window.expect("401", "status of 401")
    page = window.page
    page.goto(planets)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    cell(page, 3, 1).click()
    type_text(page, "Gaia")
    revoke(house)
    if is_saved_first:
        press(page, "Enter")
        expect(card(page)).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "offline")  # the stream has heard of it
    if not is_saved_first:
        press(page, "Enter")
    expect(card(page)).to_contain_text("Your session has ended. What you typed is kept in this tab")
    card(page).get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill(GRACE.email)
    page.get_by_label("Password", exact=True).fill(GRACE.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(f"{planets}$"))
    expect(card(page).locator("li")).to_have_text("Gaia in Planet, row 3")
    card(page).get_by_role("button", name="Save").click()
    saved(page)
    expect(cell(page, 3, 1)).to_have_text("Gaia")


def settle_again(house: Server) -> Cookies:
    """Another sign-in of Grace's."""
    return sign_in(house, GRACE)


def revoke(house: Server) -> None:
    """End all of Grace's sessions but the first, which other tests use."""
    with closing(connect(house.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = ?)"
            " AND id > (SELECT min(id) FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = ?))",
            (GRACE.email, GRACE.email),
        )


def test_viewers_get_no_editor(
    visit: Callable[..., Visit], house: Server, grace: Cookies, planets: str, share: Any
) -> None:
    share(planets, "viewer")
    window = visit(house, grace)
    page = window.page
    page.goto(planets)
    cell(page, 3, 1).click()
    type_text(page, "x")
    paste(page, "x")
    press(page, "Delete", "Control+d")
    expect(cell(page, 3, 1)).to_have_text("Earth")
    expect(editor(page)).to_have_count(0)
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Row 3")).to_be_focused()
    press(page, "Escape")
    cell(page, 4, 1).dblclick()
    expect(page.get_by_role("heading", name="Row 4")).to_be_visible()
    assert window.asked(r"js/grid/rows\.js")
    assert not window.asked("js/grid/edit/")


def test_edits_on_their_way_are_saved_while_another_table_is_shown(
    page: Page,
    planets: str,
    rows: Rows,  # noqa: F811
    table: Callable[..., str],
) -> None:
    other = table({"Name": "text"}, [("first",), ("second",), ("third",)], title="Others")
    page.reload()
    held: list[Any] = []
    page.route("**/cells", lambda route: held.append(route))
    change(page, 3, 1, "Terra")
    wait_for(lambda: page.evaluate("1") and held)
    page.get_by_role("link", name="Tables").first.click()
    page.get_by_role("link", name="Others").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Others")
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    expect(cell(page, 3, 1)).to_have_text("third")
    expect(page.locator("#grid td.saving")).to_have_count(0)
    with page.expect_response("**/cells"):
        let_go(held)
    page.unroute("**/cells")  # not before: without any route the browser would send by itself what is held
    wait_for(lambda: rows()[3].startswith("Terra,"))
    expect(cell(page, 3, 1)).to_have_text("third")
    change(page, 3, 1, "3rd")
    saved(page)
    assert rows()[3].startswith("Terra,")
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('drafts'))") == []
    page.goto(other)
    expect(cell(page, 3, 1)).to_have_text("3rd")


def test_what_is_typed_while_the_role_is_taken_away_stays_in_the_editor(
    visit: Callable[..., Visit],
    house: Server,
    grace: Cookies,
    planets: str,
    rows: Rows,  # noqa: F811
    share: Any,
) -> None:
    share(planets, "editor")
    window = visit(house, grace)
    window.expect("40[34]")
    page = window.page
    page.goto(planets)
    cell(page, 3, 1).click()
    type_text(page, "Gaia")
    with closing(connect(house.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE table_members SET role = 'viewer' WHERE table_id = ?", (planets.rpartition("/")[2],))
    press(page, "Enter")
    expect(field(page)).to_have_value("Gaia")
    expect(page.locator("#edit-alert")).to_contain_text("Not saved:")
    expect(cell(page, 3, 1)).to_have_text("Earth")
    assert rows()[3].startswith("Earth,")


def test_a_cell_edited_again_while_it_is_saved_does_not_conflict_with_itself(
    page: Page, house: Server, ada: Cookies, table: Callable[..., str]
) -> None:
    """The server writes the first text as the column does, with a comma."""
    page.goto(table({"Number": "integer"}, [("1,000",), ("2,000",), ("3,000",)]))
    held: list[Any] = []
    page.route("**/cells", lambda route: held.append(route))
    change(page, 2, 1, "5000")
    press(page, "ArrowUp", "Enter")
    expect(field(page)).to_have_value("5000")
    page.unroute("**/cells")
    wait_for(lambda: page.evaluate("1") and held)
    let_go(held)
    expect(cell(page, 2, 1)).to_have_text("5,000")
    type_text(page, "0")
    press(page, "Enter")
    expect(cell(page, 2, 1)).to_have_text("50,000")
    saved(page)
    expect(card(page)).to_have_count(0)


def test_drafts_are_offered_to_nobody_else_who_signs_in_in_the_same_tab(
    page: Page, home: Visit, planets: str, house: Server, grace: Cookies, ada: Cookies, share: Any
) -> None:
    home.expect("/edit answered 401", "status of 401")  # the editor's field, asked for while nobody is signed in
    share(planets, "editor")
    cell(page, 3, 1).click()
    type_text(page, "Terra")
    page.context.clear_cookies()
    give(page.context, house, grace)
    page.goto(planets)
    expect(cell(page, 3, 1)).to_have_text("Earth")
    expect(page.locator(".table-page")).to_have_attribute("data-may-edit", "")
    page.locator("#undo").hover()
    expect(card(page)).to_have_count(0)
    page.context.clear_cookies()
    give(page.context, house, ada)
    page.goto(planets)
    expect(card(page).locator("li")).to_have_text("Terra in Planet, row 3")


def test_texts_of_cells_are_never_markup(together: tuple[Page, Page], rows: Rows) -> None:  # noqa: F811
    """In the cell, in the card of a conflict, and in the notice of what others did."""
    ada, grace = together
    hostile = '<img src=x onerror="document.title=1">'
    change(ada, 3, 1, hostile)
    saved(ada)
    expect(cell(ada, 3, 1)).to_have_text(hostile)
    change(grace, 3, 1, hostile + "2")
    expect(card(grace).locator("dd")).to_have_text([hostile, hostile + "2"])
    press(grace, "F2")
    grace.evaluate(
        """(text) => document.querySelector('#grid').dispatchEvent(new CustomEvent('rowcast:remote', {
            bubbles: true, cancelable: true, detail: { row: 4, column: 1, text, who: text, seq: 1 } }))""",
        hostile,
    )
    expect(editor(grace)).to_contain_text(f"{hostile} changed this to “{hostile}”")
    assert grace.locator("#main img").count() == ada.locator("#main img").count() == 0
