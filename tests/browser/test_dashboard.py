"""The dashboard: its list is searched as one types, and imports that wait are put away without leaving it."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.import_states import add_import
from tests.tables import add_table

CORPUS = Path(__file__).parents[1] / "corpus"


def test_the_list_of_tables_is_searched_while_one_types(home: Visit) -> None:
    page = home.page
    for title in ("Harvest of apples", "Harvest of pears"):
        add_table(home.server.data_dir, {"Name": "text"}, [("x",)], title=title)
    page.goto("/dashboard")
    page.get_by_label("Search table titles").fill("of pea")

    expect(page.get_by_role("link", name="Harvest of apples")).to_have_count(0)
    expect(page.get_by_role("link", name="Harvest of pears")).to_be_visible()
    expect(page.get_by_label("Search table titles")).to_be_focused()
    page.get_by_label("Search table titles").fill("no such title")
    page.get_by_role("link", name="Clear the search").click()
    expect(page.get_by_role("link", name="Harvest of apples")).to_be_visible()


def test_the_menu_of_a_table_opens_beside_it(home: Visit) -> None:
    page = home.page
    add_table(home.server.data_dir, {"Name": "text"}, [("x",)], title="With a menu")
    page.goto("/dashboard")
    row = page.get_by_role("row", name="With a menu")
    row.locator("summary").click()
    row.get_by_role("link", name="Rename or delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rename or delete")


def test_pending_imports_are_dismissed_on_the_dashboard(home: Visit) -> None:
    page = home.page
    add_import(home.server.data_dir, CORPUS / "ragged.csv", "ready")
    page.goto("/dashboard")
    pending = page.locator(".pending")
    expect(pending.get_by_role("button", name="Dismiss all")).to_be_hidden()
    pending.locator("summary").click()
    pending.get_by_role("button", name="Dismiss all").click()
    expect(page.get_by_text("Pending imports")).to_have_count(0)


def test_no_shadow_of_the_hidden_skip_link_is_on_a_page(page: Page) -> None:
    page.goto("/dashboard")
    skip = page.locator(".skip")
    expect(skip).to_have_css("box-shadow", "none")
    skip.focus()
    expect(skip).not_to_have_css("box-shadow", "none")
