"""One table, and everybody at it at once: its owner and an editor, a stranger with a link that edits, and people who
answer its form on a phone. All see what happens as it happens, one history has all of it, and nobody is sent anything
that is hidden from them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.edit_states import change
from tests.browser.form_states import address_of, post
from tests.browser.people import settle
from tests.browser.recorded import Recorded
from tests.browser.states import Place
from tests.browser.test_forms import PHONE
from tests.browser.test_places import cell
from tests.helpers import Person
from tests.live.table_events import add_member

COLUMNS = {"Task": "text", "Helper": "text", "Quokkaband": "text", "Wombatpay": "integer"}
OPEN, SHUT = "quokkaopen", "quokkashut"
ROWS = (
    ("Sweep", "", OPEN, "981101"),
    ("Paint", "", OPEN, "981102"),
    ("Platypus", "Numbat", SHUT, "981103"),
    ("Glaze", "", OPEN, "981104"),
)
EVE = Person("eve-at-once@example.org")
# What the link and the form hide: columns, cells, rows, and who the members are.
HIDDEN = ("quokka", "wombat", "9811", "platypus", "numbat", "eve-at-once", "ada@example.org")


@dataclass
class Everybody:
    """`sent` is all that people without an account were sent."""

    ada: Visit
    eve: Visit
    stranger: Visit
    table: str
    form: str
    sent: list[Recorded] = field(default_factory=list)

    def change(self, visit: Visit, row: int, column: int, text: str) -> None:
        change(Place(visit.page, visit.server, visit.server.data_dir), row, column, text)
        expect(visit.page.locator("#saving")).to_have_text("Saved")

    def see(self, row: int, column: int, text: str) -> None:
        for visit in (self.ada, self.eve, self.stranger):
            expect(cell(visit.page, row, column)).to_have_text(text)

    def show_new_rows(self, count: int) -> None:
        """What is new is offered to all who look, and shown once they want to see it."""
        for visit in (self.ada, self.eve, self.stranger):
            expect(visit.page.locator("#news")).to_have_text(f"{count} new row{'' if count == 1 else 's'}")
            visit.page.locator("#news").click()


@pytest.fixture
def everybody(home: Visit, visit: Callable[..., Visit], table: Callable[..., str]) -> Everybody:
    address = table(COLUMNS, ROWS, "Street party")
    eve, stranger = visit(home.server, settle(home.server, EVE)), visit(home.server)
    add_member(home.server, int(address.rpartition("/")[2]), EVE.email)
    found = Everybody(home, eve, stranger, address, make_form(home, address), [Recorded(stranger.page)])
    stranger.page.goto(make_link(home, address))
    for member in (home, eve):
        member.page.goto(address)
    for one in (home, eve, stranger):
        expect(one.page.locator("#live[data-state=live]")).to_be_visible()
    return found


def make_link(home: Visit, address: str) -> str:
    home.page.goto(f"{address}?f.3=eq:{OPEN}&cols=1,2")
    home.page.locator("#show-links").click()
    home.page.get_by_label("Name", exact=True).fill("Neighbours")
    home.page.locator("#may_edit").check()
    home.page.get_by_role("button", name="Make the link").click()
    return home.page.locator("code.secret").text_content() or ""


def make_form(home: Visit, address: str) -> str:
    """It asks for two columns, and fills in what has the row shown to whoever has the link."""
    at = Place(home.page, home.server, home.server.data_dir)
    columns = [("column", number) for number in "123"]
    page = post(at, f"{address}/forms", [("name", "Offers"), *columns])
    settings = {"ask-1": "shown", "ask-2": "shown", "ask-3": "fixed", "default-3": OPEN, "required-1": "1"}
    post(at, page, [("name", "Offers"), ("seen", "1"), *settings.items(), *columns, ("do", "save")])
    post(at, f"{page}/state", [("on", "1")])
    home.page.goto(page)
    return address_of(at)


def answer(page: Page, address: str, task: str) -> None:
    page.goto(address)
    page.get_by_label("Task").fill(task)
    page.get_by_label("Helper").fill("A neighbour")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Your answer is saved")).to_be_visible()


def test_all_work_on_one_table_and_nobody_is_sent_what_is_hidden_from_them(
    everybody: Everybody, visit: Callable[..., Visit]
) -> None:
    ada, eve, stranger = everybody.ada, everybody.eve, everybody.stranger
    expect(stranger.page.locator("#status")).to_have_text("3 rows")

    everybody.change(stranger, 1, 2, "Stranger")
    everybody.see(1, 2, "Stranger")
    everybody.change(eve, 2, 2, "Eve herself")
    everybody.see(2, 2, "Eve herself")
    everybody.change(eve, 1, 4, "981199")  # hidden
    everybody.change(ada, 3, 1, "Platypus house")  # of a row that is hidden
    everybody.change(ada, 4, 3, SHUT)
    expect(stranger.page.locator("#r4")).to_have_count(0)
    expect(stranger.page.locator("#status")).to_have_text("2 rows")

    with_script, without = visit(ada.server, **PHONE), visit(ada.server, java_script_enabled=False, **PHONE)
    for phone, row, task in ((with_script, 5, "Bake"), (without, 6, "Sing")):
        everybody.sent.append(Recorded(phone.page))
        answer(phone.page, everybody.form, task)
        everybody.show_new_rows(1)
        everybody.see(row, 1, task)
    expect(cell(ada.page, 6, 3)).to_have_text(OPEN)

    eve.page.goto(f"{everybody.table}/history")
    history = eve.page.locator("main")
    for told in (
        "A visitor via link “Neighbours”",
        "via form Offers",
        "Eve-at-once changed 1 cell",
        "Ada changed 1 cell",
    ):
        expect(history).to_contain_text(told)
    undone = eve.page.locator("li, tr").filter(has_text="A visitor via link “Neighbours”").first
    undone.get_by_role("button", name="Undo this").click()
    expect(cell(stranger.page, 1, 2)).to_have_text("")
    expect(cell(ada.page, 1, 2)).to_have_text("")

    ada.page.goto(f"{everybody.table}/links")
    stranger.expect("status of 404", "answered 404")
    ada.page.get_by_role("button", name="Revoke Neighbours").click()
    expect(stranger.page.get_by_role("heading", level=1)).to_have_text("Not found")

    watched = everybody.sent[0]
    assert {"message", "refresh", "access"} <= set(watched.told)
    assert [one.count("/f/") > 0 for one in everybody.sent] == [False, True, True]
    assert [found for one in everybody.sent for found in one.found(HIDDEN)] == []
    assert watched.found(["Stranger", "Sing"])  # it does hear
