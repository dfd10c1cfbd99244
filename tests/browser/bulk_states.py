"""Changes of many rows and what runs in the background, in each state that looks different; see states.py."""

from playwright.sync_api import expect

from tests.browser.files import parts
from tests.browser.states import LONG, WIDE, WIDE_ROWS, Place, signed_in
from tests.import_states import add_import
from tests.tables import add_table

MANY = [(str(number), LONG if number == 1 else f"name {number}") for number in range(1, 1_101)]


def _bulk(at: Place, action: str, rows: str = "2-6", query: str = "") -> None:
    at.page.goto(f"{at.table()}/bulk/{action}?{query}rows={rows}")


def _preview(at: Place) -> None:
    at.page.get_by_role("button", name="Preview").click()
    expect(at.page.get_by_role("region", name="Preview")).to_be_visible()


def _large(at: Place) -> None:
    table = f"/tables/{add_table(at.data, {'Number': 'integer', 'Name': 'text'}, MANY, title=LONG)}"
    at.page.goto(f"{table}/bulk/tidy?column=2&rows=all")
    at.page.get_by_label("UPPER").check()
    at.page.get_by_role("button", name="Preview").click()
    expect(at.page.get_by_role("button", name="Apply")).to_be_visible()


@signed_in
def table_with_the_menu_of_chosen_rows(at: Place) -> None:
    at.page.goto(f"/tables/{add_table(at.data, WIDE, WIDE_ROWS, title=LONG)}")
    for row in (2, 4):
        at.page.locator(f"#r{row} th input").check()
    bar = at.page.get_by_role("region", name="Selected rows")
    bar.get_by_text("Change", exact=True).click()
    expect(bar.get_by_role("link", name="Find and replace")).to_be_visible()


@signed_in
def find_and_replace_refused(at: Place) -> None:
    _bulk(at, "replace")
    at.page.get_by_label("Find", exact=True).fill("(")
    at.page.get_by_label("regular expression").check()
    at.page.get_by_role("button", name="Preview").click()
    expect(at.page.locator("[aria-invalid=true]")).to_be_visible()


@signed_in
def column_set_where_texts_do_not_fit(at: Place) -> None:
    _bulk(at, "set", query="column=2&")
    at.page.get_by_label("New text").fill(LONG)
    _preview(at)
    at.page.get_by_text("Which, and why").click()


@signed_in
def columns_joined(at: Place) -> None:
    _bulk(at, "join")
    _preview(at)


@signed_in
def column_split(at: Place) -> None:
    _bulk(at, "split", query="column=5&")
    at.page.get_by_label("Split at").fill("-")
    _preview(at)


@signed_in
def duplicates_of_rows(at: Place) -> None:
    _bulk(at, "distinct", rows="all")
    at.page.get_by_label("Columns that are compared").select_option("Rings")
    _preview(at)


@signed_in
def rows_about_to_be_deleted(at: Place) -> None:
    _bulk(at, "delete")


@signed_in
def rows_deleted_with_undo(at: Place) -> None:
    _bulk(at, "delete")
    at.page.get_by_role("button", name="Delete 5 rows").click()
    expect(at.page.get_by_role("button", name="Undo", exact=True)).to_be_visible()


@signed_in
def large_change_that_waits(at: Place) -> None:
    _large(at)


@signed_in
def large_change_done(at: Place) -> None:
    _large(at)
    at.page.get_by_role("button", name="Apply").click()
    expect(at.page.get_by_role("link", name="What was changed")).to_be_visible()
    expect(at.page.locator("#change[data-state=done]")).to_be_visible()


@signed_in
def what_runs(at: Place) -> None:
    _large(at)
    add_import(at.data, parts(at.folder / f"{LONG[:100]}.csv", 90), "loading")
    at.page.goto("/tables/running")


@signed_in
def menu_of_what_runs(at: Place) -> None:
    at.page.goto(add_import(at.data, parts(at.folder / "parts of a running import.csv", 90), "loading"))
    at.page.get_by_role("link", name="Tables").click()
    at.page.locator("#running summary").click()
    expect(at.page.locator("#running").get_by_role("link", name="parts of a running import.csv")).to_be_visible()
