"""Saved views in a browser: the menu, the mark that what is seen differs, and the same without JavaScript."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import Cookies
from tests.browser.test_widths import drag, width
from tests.servers import Server

SHOWN = "#grid tbody.rows td:nth-child(2)"
LARGEST = ["Saturn", "Jupiter", "Uranus", "Neptune"]


def row_height(page: Page) -> int:
    return int(
        page.locator("#grid tbody.rows tr").first.evaluate("row => Math.round(row.getBoundingClientRect().height)")
    )


@pytest.fixture
def menu(page: Page) -> Any:
    return page.locator("#views")


def test_a_view_is_saved_changed_saved_over_reset_and_shared(page: Page, planets: str, menu: Any) -> None:
    page.goto(f"{planets}?f.2=gt:10&sort=-2")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Save as a view").click()
    panel = page.get_by_role("complementary", name="Details")
    panel.get_by_label("Name").fill("Giants")
    panel.get_by_role("button", name="Save the view").click()

    expect(menu.locator("summary")).to_have_text("Giants")
    expect(page.locator(SHOWN)).to_have_text(LARGEST)
    expect(page).to_have_url(re.compile(r"view=\d+$"))
    mark = page.locator("#view-mark")
    expect(mark).to_be_hidden()

    page.get_by_role("searchbox").fill("an")
    expect(page.locator(SHOWN)).to_have_text(["Uranus"])
    expect(mark).to_contain_text("Changed")
    mark.get_by_role("link", name="Reset").click()
    expect(page.locator(SHOWN)).to_have_text(LARGEST)
    expect(mark).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_have_value("")

    page.locator("#sort-1").click()
    expect(page.locator(SHOWN)).to_have_text(sorted(LARGEST))
    mark.get_by_role("button", name="Save").click()
    expect(mark).to_be_hidden()
    page.goto(planets)
    expect(page.locator(SHOWN)).to_have_count(8)
    menu.locator("summary").click()
    menu.get_by_role("link", name="Giants", exact=True).click()
    expect(page.locator(SHOWN)).to_have_text(sorted(LARGEST))


def test_the_menu_works_by_keyboard_and_leads_back_to_the_whole_table(page: Page, planets: str, menu: Any) -> None:
    page.goto(f"{planets}/views/new?sort=-2&cols=1,2")
    page.get_by_label("Name").fill("By moons")
    page.get_by_label("For all members").check()
    page.get_by_role("button", name="Save the view").click()
    menu.locator("summary").press("Enter")
    menu.get_by_role("link", name="Rename, share or delete: By moons").press("Enter")
    panel = page.get_by_role("complementary", name="Details")
    expect(panel.get_by_role("heading", name="Edit By moons")).to_be_focused()
    panel.get_by_label("The table opens with this view").press("Space")
    with page.expect_response(lambda answer: answer.request.method == "POST"):  # the words were there before
        panel.get_by_label("Name").press("Enter")
    expect(page.get_by_text("The view “By moons” is saved.")).to_be_visible()

    page.goto(planets)
    expect(page.locator(SHOWN).first).to_have_text("Saturn")
    menu.locator("summary").press("Enter")
    expect(menu.get_by_role("link", name="By moons Default")).to_have_attribute("aria-current", "true")
    menu.locator("summary").press("Escape")
    expect(menu.get_by_role("link", name="All rows and columns")).to_be_hidden()
    menu.locator("summary").press("Enter")
    menu.get_by_role("link", name="All rows and columns").press("Enter")
    expect(page.locator(SHOWN).first).to_have_text("Mercury")
    page.locator("#sort-2").click()  # twice more, and the order is that of the file again
    expect(page.locator(SHOWN).last).to_have_text("Saturn")
    page.get_by_role("link", name="Do not sort").click()
    expect(page.locator(SHOWN).first).to_have_text("Mercury")


def test_a_view_keeps_the_widths_and_the_row_height_that_one_sees(
    visit: Callable[..., Visit], house: Server, ada: Cookies, page: Page, planets: str, menu: Any
) -> None:
    drag(page, 2, 60)
    page.mouse.up()
    wide, beside = width(page, 2), width(page, 3)
    page.goto(f"{planets}?sort=-2")
    menu.locator("summary").click()
    menu.get_by_role("link", name="Save as a view").click()
    page.get_by_label("Name").fill("Wide")
    page.get_by_role("button", name="Save the view").click()
    expect(menu.locator("summary")).to_have_text("Wide")
    mark = page.locator("#view-mark")
    expect(mark).to_be_hidden()
    assert width(page, 2) == wide

    drag(page, 3, 40)
    page.mouse.up()
    expect(mark).to_be_visible()
    page.get_by_role("button", name="Comfortable rows").click()
    expect(page.locator("#density-comfortable")).to_have_attribute("aria-pressed", "true")
    height = row_height(page)
    page.reload()
    expect(mark).to_be_visible()
    assert (width(page, 3), row_height(page)) == (beside + 40, height)
    mark.get_by_role("link", name="Reset").click()
    expect(mark).to_be_hidden()
    assert (width(page, 2), width(page, 3)) == (wide, beside)
    assert row_height(page) < height

    drag(page, 3, 40)
    page.mouse.up()
    page.get_by_role("button", name="Comfortable rows").click()
    mark.get_by_role("button", name="Save").click()
    expect(page.get_by_text("shows this from now on")).to_be_visible()
    expect(mark).to_be_hidden()
    assert (width(page, 3), row_height(page)) == (beside + 40, height)
    address = page.url
    page.goto(planets)
    assert (width(page, 2), width(page, 3)) == (wide, beside), "The table without a view is as it was."
    assert row_height(page) < height

    other = visit(house, ada, java_script_enabled=False).page
    other.goto(address)
    assert [width(other, 2), width(other, 3), row_height(other)] == [wide, beside + 40, height]


def test_views_work_without_javascript_on_a_phone(
    visit: Callable[..., Visit], house: Server, ada: Cookies, planets: str
) -> None:
    page = visit(house, ada, java_script_enabled=False, viewport={"width": 375, "height": 740}).page
    page.goto(f"{planets}?sort=-2")
    page.locator("#views summary").click()
    page.get_by_role("link", name="Saved views").click()
    page.get_by_role("link", name="Save as a view").click()
    page.get_by_label("Name").fill("By moons")
    page.get_by_role("button", name="Save the view").click()
    expect(page.locator("#views summary")).to_have_text("By moons")

    page.goto(f"{page.url}&q=ur")
    page.locator("#view-mark").get_by_role("button", name="Save").click()
    expect(page.locator("#view-mark")).to_be_hidden()
    page.locator("#views summary").click()
    page.get_by_role("link", name="Saved views").click()
    page.get_by_role("link", name="Rename, share or delete: By moons").click()
    page.get_by_role("button", name="Delete the view").click()
    expect(page.locator("#views summary")).to_have_text("Views")
    expect(page.locator(SHOWN)).to_have_text(["Saturn", "Uranus", "Mercury"])
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#views summary")).to_have_text("By moons")
