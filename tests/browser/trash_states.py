"""The pages of the trash, of tables and of rows and columns, in each state that looks different; see states.py."""

from playwright.sync_api import expect

from tests.browser.states import LONG, WIDE, WIDE_ROWS, Place, signed_in
from tests.tables import add_table


def _thrown_away(at: Place) -> str:
    """The address of a table in the trash."""
    address = f"/tables/{add_table(at.data, WIDE, WIDE_ROWS, title=LONG)}"
    at.page.goto(f"{address}/edit")
    at.page.get_by_role("button", name="Delete the table").click()
    expect(at.page.get_by_role("button", name="Undo")).to_be_visible()
    return address


def _with_deletions(at: Place) -> str:
    """The address of a table whose trash has rows with long texts, and a column."""
    address = f"/tables/{add_table(at.data, WIDE, WIDE_ROWS, title='Much deleted')}"
    for rows in ([1, 2, 3, 4, 5], [9]):
        at.page.request.post(f"{address}/rows/deletion", data={"ids": rows}, headers={"Sec-Fetch-Site": "same-origin"})
    form = {"seen": "Column 3 with a title"}
    at.page.request.post(f"{address}/columns/3/deletion", form=form, headers={"Sec-Fetch-Site": "same-origin"})
    at.page.goto(f"{address}/trash")
    expect(at.page.get_by_text("The column Column 3 with a title", exact=True)).to_be_visible()
    return address


@signed_in
def table_just_deleted(at: Place) -> None:
    _thrown_away(at)


@signed_in
def trash_of_tables(at: Place) -> None:
    _thrown_away(at)
    at.page.goto("/tables/trash")


@signed_in
def table_about_to_be_purged(at: Place) -> None:
    address = _thrown_away(at)
    at.page.goto(f"/tables/trash/{address.rpartition('/')[2]}/purge")
    at.page.get_by_label("Type its title").fill("something else")
    at.page.get_by_role("button", name="Delete for good").click()
    expect(at.page.get_by_role("alert")).to_be_visible()


@signed_in
def trash_about_to_be_emptied(at: Place) -> None:
    _thrown_away(at)
    at.page.goto("/tables/trash/purge")


@signed_in
def table_in_the_trash_404(at: Place) -> None:
    at.page.goto(_thrown_away(at))


@signed_in
def deleted_rows_and_columns(at: Place) -> None:
    _with_deletions(at)


@signed_in
def rows_of_a_deletion(at: Place) -> None:
    _with_deletions(at)
    at.page.get_by_role("link", name="Choose rows").click()
    expect(at.page.get_by_role("button", name="Restore the chosen rows")).to_be_visible()


@signed_in
def deletions_about_to_be_purged(at: Place) -> None:
    _with_deletions(at)
    for box in at.page.get_by_role("checkbox").all():
        box.check()
    at.page.get_by_role("button", name="Delete what is chosen for good").click()
    expect(at.page.get_by_role("heading", name="for good?")).to_be_visible()


@signed_in
def no_deletions(at: Place) -> None:
    at.page.goto(f"{at.table()}/trash")
