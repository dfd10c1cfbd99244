"""A table is shown to people without an account: a link is made, used, watched through and revoked."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.edit_states import change
from tests.browser.states import Place
from tests.browser.test_editing import cell
from tests.tables import PLANET_ROWS, PLANETS


def test_a_stranger_with_a_link_looks_and_sees_changes_until_it_is_revoked(
    home: Visit, visit: Callable[..., Visit], table: Callable[..., str]
) -> None:
    address = table(PLANETS, PLANET_ROWS, "Planets for the press")
    home.page.goto(f"{address}?f.2=gt:0&cols=1,2")
    home.page.locator("#show-links").click()
    home.page.get_by_label("Name", exact=True).fill("Press")
    home.page.get_by_role("button", name="Make the link").click()
    link = home.page.locator("code.secret").text_content() or ""

    guest = visit(home.server)
    guest.page.goto(link)
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Planets for the press")
    expect(guest.page.locator("#status")).to_have_text("6 rows")
    expect(guest.page.locator("#grid tbody input")).to_have_count(0)
    guest.page.locator("#sort-2").click()
    expect(cell(guest.page, 3, 1)).to_have_text("Earth")
    guest.page.get_by_role("searchbox").fill("ur")
    expect(guest.page.locator("#status")).to_contain_text("2 rows matching")
    guest.page.locator("#grid tbody th a").first.click()
    expect(guest.page.locator("#panel h2")).to_be_focused()
    expect(guest.page.locator("#panel")).not_to_contain_text("Radius")
    guest.page.goto(link)
    expect(guest.page.locator("#live")).to_have_attribute("data-state", "live")
    expect(guest.page.locator("#live li")).to_have_count(0)

    home.page.goto(address)
    change(Place(home.page, home.server, home.server.data_dir), 5, 1, "Zeus")
    expect(cell(guest.page, 5, 1)).to_have_text("Zeus")
    expect(cell(guest.page, 5, 1)).to_have_attribute("title", "Changed by somebody")
    change(Place(home.page, home.server, home.server.data_dir), 5, 2, "0")
    expect(guest.page.locator("#r5")).to_have_count(0)
    expect(guest.page.locator("#status")).to_have_text("5 rows")

    guest.expect("status of 404", "answered 404")
    home.page.goto(f"{address}/links")
    home.page.get_by_role("button", name="Revoke Press").click()
    expect(home.page.get_by_text("The link “Press” does not work any more.")).to_be_visible()
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Not found")
    assert guest.page.context.cookies() == []
