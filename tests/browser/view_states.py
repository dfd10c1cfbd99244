"""The pages of saved views, in each state that looks different; see states.py."""

from playwright.sync_api import expect

from tests.browser.edit_states import change
from tests.browser.states import LONG, Place, signed_in
from tests.saved_views import add_view


def _with_views(at: Place) -> tuple[str, int]:
    """The address of a table, and a view of it with a long name."""
    address = at.table()
    table_id = int(address.rpartition("/")[2])
    add_view(at.data, table_id, owner=1, name="Mine")
    return address, add_view(at.data, table_id, owner=None, name=LONG)


@signed_in
def views_of_a_table(at: Place) -> None:
    address, view_id = _with_views(at)
    at.page.goto(f"{address}/views?sort=1&view={view_id}")


@signed_in
def menu_of_views_and_a_changed_view(at: Place) -> None:
    address, view_id = _with_views(at)
    at.page.goto(f"{address}?q=ur&sort=-2&view={view_id}")
    at.page.locator("#views summary").click()
    expect(at.page.get_by_text("Only for you")).to_be_visible()


@signed_in
def view_to_change_in_the_panel(at: Place) -> None:
    menu_of_views_and_a_changed_view(at)
    at.page.get_by_role("link", name="Rename, share or delete: Mine").click()
    expect(at.page.get_by_role("heading", name="Edit Mine")).to_be_focused()
    expect(at.page.get_by_text("Only for you")).to_be_hidden()


@signed_in
def rows_in_groups(at: Place) -> None:
    at.page.goto(f"{at.table()}?group=4&sums=2,3&f.1=contains:u")
    at.page.locator(".group summary").first.click()
    expect(at.page.locator(".group-rows").first).to_be_visible()


@signed_in
def form_of_groups(at: Place) -> None:
    rows_in_groups(at)
    at.page.get_by_role("link", name="grouped by Rings").click()
    expect(at.page.get_by_role("heading", name="Group rows")).to_be_focused()


@signed_in
def groups_that_somebody_has_changed(at: Place) -> None:
    address = at.table()
    at.page.goto(f"{address}?group=4&sums=2")
    change_elsewhere(at, address)
    expect(at.page.get_by_role("button", name="Show what has changed")).to_be_visible()


@signed_in
def summary_that_somebody_has_changed(at: Place) -> None:
    address = at.table()
    at.page.goto(address)
    at.page.locator("#show-summary").click()
    expect(at.page.get_by_role("heading", name="Summary")).to_be_focused()
    change_elsewhere(at, address)
    expect(at.page.get_by_text("The table has changed since.")).to_be_visible()


@signed_in
def summary(at: Place) -> None:
    at.page.goto(f"{at.table()}/summary")


def change_elsewhere(at: Place, address: str) -> None:
    """Jupiter has lost all its moons but two, in another window."""
    expect(at.page.locator("#live[data-state=live]")).to_be_visible()
    other = at.page.context.new_page()
    other.goto(address)
    change(Place(other, at.server, at.folder), 5, 2, "2")
    expect(other.locator("#saving")).to_have_text("Saved")
    other.close()


@signed_in
def view_without_a_name(at: Place) -> None:
    at.page.goto(f"{at.table()}/views/new?sort=1")
    at.page.locator("#view-new").evaluate("form => { form.noValidate = true; }")
    at.page.get_by_role("button", name="Save the view").click()
    expect(at.page.get_by_text("Give the view a name.")).to_be_visible()
