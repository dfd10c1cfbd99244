"""The pages of members, history, columns and rows, in each state that looks different; see states.py."""

import secrets

from playwright.sync_api import expect

from tests.browser.edit_states import change
from tests.browser.people import settle
from tests.browser.states import LONG, Place, signed_in
from tests.browser.test_editing import cell
from tests.helpers import Person


def _somebody(at: Place, prefix: str = "somebody") -> str:
    """The address of somebody else who has an account."""
    person = Person(f"{prefix}-{secrets.token_hex(6)}@sub.domain.example.org")
    settle(at.server, person)
    return person.email


def _add(at: Place, typed: str, role: str = "viewer") -> None:
    at.page.get_by_label("Name or e-mail address").fill(typed)
    at.page.get_by_label("Role", exact=True).select_option(role)
    at.page.get_by_role("button", name="Add", exact=True).click()


def _shared(at: Place) -> tuple[str, str]:
    """The address of a table with an editor and a viewer, and the editor's address."""
    address, editor = at.table(), _somebody(at)
    at.page.goto(f"{address}/members")
    for email, role in ((editor, "editor"), (_somebody(at), "viewer")):
        _add(at, email, role)
        expect(at.page.locator(".notice.done")).to_contain_text(email.partition("@")[0])
    return address, editor


def _changed(at: Place) -> str:
    """The address of a table with a history: cells, a row, undo and redo."""
    address = at.table()
    at.page.goto(address)
    change(at, 3, 1, f"Earth and {LONG}")
    change(at, 4, 2, "")
    expect(at.page.locator("#saving")).to_have_text("Saved")
    at.page.goto(f"{address}/rows/6")
    at.page.get_by_role("button", name="Delete").click()
    expect(at.page.locator(".notice.done")).to_be_visible()
    at.page.goto(f"{address}/history")
    for name in ("Undo my last change", "Redo"):
        at.page.get_by_role("button", name=name, exact=True).click()
        expect(at.page.locator(".notice.done")).to_contain_text("undone" if name.startswith("Undo") else "redone")
    return address


@signed_in
def members(at: Place) -> None:
    _shared(at)


@signed_in
def members_where_several_may_be_meant(at: Place) -> None:
    address, prefix = at.table(), secrets.token_hex(4)
    for _ in range(2):
        _somebody(at, prefix)
    at.page.goto(f"{address}/members")
    _add(at, prefix)
    expect(at.page.get_by_role("heading", name="Who is meant?")).to_be_visible()


@signed_in
def members_and_somebody_without_an_account(at: Place) -> None:
    at.page.goto(f"{at.table()}/members")
    _add(at, f"{secrets.token_hex(20)}@sub.domain.example.org")
    expect(at.page.get_by_role("button", name="Invite", exact=True)).to_be_visible()


@signed_in
def members_and_an_invitation(at: Place) -> None:
    members_and_somebody_without_an_account(at)
    at.page.get_by_role("button", name="Invite", exact=True).click()
    expect(at.page.get_by_role("button", name="Withdraw")).to_be_visible()


@signed_in
def handing_a_table_over(at: Place) -> None:
    _shared(at)
    at.page.get_by_role("link", name="Hand over").first.click()
    expect(at.page.get_by_role("heading", level=1)).to_contain_text("Hand")


@signed_in
def who_can_see_a_table(at: Place) -> None:
    address, editor = _shared(at)
    at.page.goto(f"{address}/access?person={editor}")
    expect(at.page.get_by_role("heading", name=editor.partition("@")[0])).to_be_visible()


@signed_in
def who_can_see_a_table_asked_of_nobody(at: Place) -> None:
    at.page.goto(f"{at.table()}/access?person=nobody-{secrets.token_hex(6)}")
    expect(at.page.get_by_text("Nobody here")).to_be_visible()


@signed_in
def history(at: Place) -> None:
    _changed(at)


@signed_in
def history_where_nothing_matches(at: Place) -> None:
    at.page.goto(f"{_changed(at)}/history?kind=columns")
    expect(at.page.get_by_role("heading", name="No matching changes")).to_be_visible()


@signed_in
def history_of_a_table_without_changes(at: Place) -> None:
    at.page.goto(f"{at.table()}/history")


@signed_in
def a_change(at: Place) -> None:
    at.page.goto(f"{_changed(at)}/history/1")
    expect(at.page.get_by_role("button", name="Undo this")).to_be_visible()


@signed_in
def a_change_undone(at: Place) -> None:
    at.page.goto(f"{_changed(at)}/history/2")
    at.page.get_by_role("button", name="Undo this").click()
    expect(at.page.get_by_role("heading", level=1)).to_have_text("Undone")


@signed_in
def history_of_a_deleted_row(at: Place) -> None:
    at.page.goto(f"{_changed(at)}/rows/6/history")
    expect(at.page.get_by_text("This row is deleted.")).to_be_visible()


@signed_in
def history_of_a_cell_beside_the_table(at: Place) -> None:
    at.page.goto(_changed(at))
    at.page.locator("#r3 th a").click()
    at.page.get_by_role("link", name="History of Planet").click()
    expect(at.page.get_by_role("heading", name="Planet, row 3: history")).to_be_visible()


@signed_in
def adding_a_column(at: Place) -> None:
    at.page.goto(f"{at.table()}/columns/new")
    at.page.get_by_label("Title").fill("planet")  # as one that is there
    at.page.get_by_role("button", name="Add the column").click()
    expect(at.page.locator("[aria-invalid]")).to_be_attached()


@signed_in
def editing_a_column(at: Place) -> None:
    at.page.goto(f"{at.table()}/columns/4/edit")


@signed_in
def editing_a_column_beside_the_table(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("#column-4").focus()
    at.page.keyboard.press("Enter")
    at.page.locator("#panel").get_by_role("link", name="Edit").first.click()
    expect(at.page.get_by_role("button", name="Delete the column")).to_be_visible()


@signed_in
def changing_the_type_of_a_column(at: Place) -> None:
    at.page.goto(f"{at.table()}/columns/2/type")
    expect(at.page.get_by_role("button", name="Change the type")).to_be_visible()


@signed_in
def editing_a_row(at: Place) -> None:
    at.page.goto(f"{at.table()}/rows/5/edit")


@signed_in
def editing_a_row_refused(at: Place) -> None:
    at.page.goto(f"{at.table()}/rows/5/edit")
    at.page.get_by_label("Moons").fill("several")
    at.page.get_by_role("button", name="Save").click()
    expect(at.page.get_by_label("Keep it as text in this cell")).to_be_visible()


@signed_in
def editing_a_row_in_conflict(at: Place) -> None:
    address = at.table()
    other = at.page.context.new_page()
    at.page.goto(f"{address}/rows/3/edit")
    other.goto(address)
    change(Place(other, at.server, at.folder), 3, 1, "Terra")
    expect(other.locator("#saving")).to_have_text("Saved")
    other.close()
    at.page.get_by_label("Planet").fill("Gaia")
    at.page.get_by_role("button", name="Save").click()
    expect(at.page.get_by_role("button", name="Keep mine")).to_be_visible()


@signed_in
def adding_a_row(at: Place) -> None:
    at.page.goto(f"{at.table()}/rows/new")


@signed_in
def a_table_that_somebody_else_changes(at: Place) -> None:
    address = at.table()
    at.page.goto(address)
    other = at.page.context.new_page()
    other.goto(address)
    change(Place(other, at.server, at.folder), 3, 1, "Terra")
    expect(cell(at.page, 3, 1)).to_have_text("Terra")
    other.close()


@signed_in
def table_with_chosen_rows(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("#r3 th input").check()
    at.page.locator("#r4 th input").check()
    bar = at.page.get_by_role("region", name="Selected rows")
    bar.get_by_text("Change", exact=True).click()
    expect(bar.get_by_role("link", name="Find and replace")).to_be_visible()


@signed_in
def what_can_be_done_with_chosen_rows(at: Place) -> None:
    at.page.goto(f"{at.table()}/bulk?rows=2-4")


@signed_in
def the_preview_of_a_change_of_many_rows(at: Place) -> None:
    at.page.goto(f"{at.table()}/bulk/replace?rows=all&column=2")
    at.page.get_by_label("Find", exact=True).fill("1")
    at.page.get_by_label("Replace with").fill("some")
    at.page.get_by_role("button", name="Preview").click()
    expect(at.page.get_by_text("do not fit and stay as they are")).to_be_visible()
