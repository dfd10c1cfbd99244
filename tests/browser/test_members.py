"""A table is shared, seen by somebody else, opened for changes, closed to them: by mouse, by keyboard, on a phone."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import Cookies, settle
from tests.helpers import Person
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS


def test_a_table_is_shared_with_somebody_made_an_editor_and_removed(
    home: Visit, visit: Callable[..., Visit], table: Callable[..., str]
) -> None:
    address = table(PLANETS, PLANET_ROWS, "Shared planets")
    eve = visit(home.server, settle(home.server, Person("evelyn@example.org")))
    eve.expect(f"{address}.* answered 404", "status of 404")

    home.page.goto(address)
    home.page.locator("#show-members").click()
    expect(home.page.get_by_role("heading", level=1)).to_have_text("Share this table")
    home.page.get_by_label("Name or e-mail address").press_sequentially("evel")
    expect(home.page.locator("#people option[value='evelyn@example.org']")).to_be_attached()
    home.page.get_by_label("Name or e-mail address").fill("evelyn@example.org")
    home.page.get_by_role("button", name="Add", exact=True).click()
    expect(home.page.get_by_text("evelyn is a viewer of this table now.")).to_be_visible()

    eve.page.goto("/dashboard?show=shared")
    row = eve.page.get_by_role("row", name="Shared planets")
    expect(row.locator(".owner")).to_contain_text("Viewer")
    row.get_by_role("link", name="Shared planets").first.click()
    expect(eve.page.get_by_text("Read-only for you")).to_be_visible()
    expect(eve.page.locator("[data-may-edit]")).to_have_count(0)

    home.page.get_by_label("What evelyn may do").select_option("editor")
    home.page.get_by_role("button", name="Change what evelyn may do").click()
    expect(home.page.get_by_text("evelyn is an editor of this table now.")).to_be_visible()
    expect(eve.page.locator("[data-may-edit]")).to_have_count(1)

    home.page.get_by_role("button", name="Remove evelyn").click()
    expect(home.page.get_by_text("evelyn can no longer see this table.")).to_be_visible()
    expect(eve.page.get_by_role("heading", level=1)).to_have_text("Not found")


def tab_to(page: Page, target: Locator) -> None:
    """As somebody without a mouse gets there, who has to see where they are."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    expect(target).to_be_focused()
    assert target.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_a_table_is_shared_and_a_change_undone_by_keyboard_alone(home: Visit, table: Callable[..., str]) -> None:
    address, page = table(PLANETS, PLANET_ROWS, "Planets by keyboard"), home.page
    settle(home.server, Person("frances@example.org"))
    page.goto(address)
    tab_to(page, page.locator("#show-members"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Share this table")
    tab_to(page, page.get_by_label("Name or e-mail address"))
    page.keyboard.type("frances@example.org")
    tab_to(page, page.get_by_label("Role", exact=True))
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("button", name="Add", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("frances is an editor of this table now.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Remove frances"))
    page.keyboard.press("Space")
    expect(page.get_by_text("frances can no longer see this table.")).to_be_visible()

    page.goto(f"{address}/rows/3")
    tab_to(page, page.get_by_role("button", name="Delete"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 row deleted.")).to_be_visible()
    page.goto(f"{address}/history")
    tab_to(page, page.get_by_role("button", name="Undo this"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Undone")
    tab_to(page, page.get_by_role("link", name="Back to the table"))
    page.keyboard.press("Enter")
    expect(page.locator("#r3")).to_be_visible()


def test_a_table_is_shared_and_a_change_undone_on_a_phone(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str]
) -> None:
    address = table(PLANETS, PLANET_ROWS, "Planets on a phone")
    settle(house, Person("grace-on-a-phone@example.org"))
    phone = visit(house, ada, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).page
    phone.goto(address)
    phone.locator("#show-members").tap()
    phone.get_by_label("Name or e-mail address").fill("grace-on-a-phone@example.org")
    phone.get_by_role("button", name="Add", exact=True).tap()
    expect(phone.get_by_text("is a viewer of this table now.")).to_be_visible()

    phone.goto(address)
    phone.locator("#r3 td").first.tap()
    phone.get_by_label("Planet", exact=True).fill("Terra")
    phone.get_by_role("button", name="Save").tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Row 3")
    expect(phone.get_by_text("1 cell saved.")).to_be_visible()
    expect(phone.get_by_role("definition").first).to_have_text("Terra")
    phone.get_by_role("link", name="History of this row").tap()
    expect(phone.get_by_role("heading", name="Row 3: history")).to_be_visible()
    phone.get_by_role("button", name="Undo this").tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Undone")
    phone.get_by_role("link", name="Back to the table").tap()
    expect(phone.locator("#r3 td").first).to_have_text("Earth")
