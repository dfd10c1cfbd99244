"""Rows in groups in a browser: they unfold by mouse and by keyboard, stay together with search and panels, and work
without JavaScript on a phone.
"""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.edit_states import change
from tests.browser.people import Cookies
from tests.browser.states import Place
from tests.browser.test_places import cell
from tests.servers import Server

NAMES = ".group-name"


def test_a_column_groups_the_rows_and_a_group_unfolds_them(home: Visit, planets: str) -> None:
    page = home.page
    page.locator("#column-4").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Group", exact=True).click()
    expect(page.locator(NAMES)).to_have_text(["no", "yes"])
    page.get_by_role("link", name="grouped by Rings").click()
    page.get_by_label("Moons").check()
    page.get_by_role("button", name="Group", exact=True).click()
    expect(page.locator(".group summary").nth(1)).to_have_text(re.compile(r"yes\s*4 rows\s*Sum of Moons: 285"))
    page.locator("[data-close-panel]").click()

    asked = len(home.asked("/groups/rows"))
    page.locator(".group summary").nth(1).press("Enter")
    rows = page.locator("#group-2 .group-rows tbody a")
    expect(rows).to_have_text(["5", "6", "7", "8"])
    assert len(home.asked("/groups/rows")) == asked + 1
    rows.nth(1).click()
    expect(page.get_by_role("heading", name="Row 6")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"\?group=4&sums=2&at=6$"))
    expect(rows.nth(1)).to_be_focused()

    page.get_by_role("searchbox").fill("an")
    expect(page.locator("#status")).to_have_text("1 of 8 rows matching “an”, in 1 group by Rings")
    page.locator("#filter-by summary").click()
    page.locator("#filter-by").get_by_role("link", name="Planet").click()
    expect(page.get_by_role("heading", name="Filter rows where Planet")).to_be_visible()
    page.get_by_role("link", name="Do not group").click()
    expect(page.locator("#grid tbody.rows td:nth-child(2)")).to_have_text(["Uranus"])


def test_keys_of_the_grid_do_no_harm_where_there_is_none(page: Page, planets: str) -> None:
    page.goto(f"{planets}?group=4")
    page.locator(".group summary").first.focus()
    for key in ("ArrowDown", "End", "Control+a", "Control+c", "Delete", "x", "Alt+g"):
        page.keyboard.press(key)
    expect(page.locator(NAMES)).to_have_text(["no", "yes"])
    expect(page.locator("#undo")).to_be_hidden()
    page.get_by_role("link", name="Do not group").click()
    expect(page.locator("#undo")).to_be_visible()
    expect(page.locator("#grid tbody.rows tr")).to_have_count(8)


def test_what_somebody_changes_is_offered_and_the_unfolded_groups_stay_so(
    home: Visit, visit: Callable[..., Visit], ada: Cookies, planets: str
) -> None:
    page, other = home.page, visit(home.server, ada)
    other.page.goto(planets)
    page.goto(f"{planets}?group=4&sums=2")
    expect(page.locator("#live[data-state=live]")).to_be_visible()
    page.locator(".group summary").nth(1).click()
    rows = page.locator("#group-2 .group-rows tbody tr")
    expect(rows).to_have_count(5)  # with the titles
    expect(page.locator("#news")).to_be_hidden()

    change(Place(other.page, home.server, home.server.data_dir), 3, 4, "yes")
    page.get_by_role("button", name="Show what has changed").click()

    expect(page.locator(".group summary").nth(1)).to_have_text(re.compile(r"yes\s*5 rows\s*Sum of Moons: 286"))
    expect(rows).to_have_count(6)
    expect(page.locator("#news")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?group=4&sums=2$"))


def test_figures_in_the_panel_say_that_they_are_old_once_something_has_changed(page: Page, planets: str) -> None:
    page.locator("#show-summary").click()
    moons = page.get_by_role("region", name="Moons")
    expect(moons).to_contain_text("Sum288")
    note = page.get_by_text("The table has changed since.")
    expect(note).to_be_hidden()

    cell(page, 3, 2).click()
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    expect(note).to_be_visible()
    expect(moons).to_contain_text("Sum288")
    page.get_by_role("button", name="Update").click()

    expect(moons).to_contain_text("Sum291")
    expect(note).to_be_hidden()
    expect(page.get_by_role("heading", name="Summary")).to_be_focused()


def test_groups_work_without_javascript_on_a_phone(
    visit: Callable[..., Visit], house: Server, ada: Cookies, planets: str
) -> None:
    page = visit(house, ada, java_script_enabled=False, viewport={"width": 375, "height": 740}).page
    page.goto(f"{planets}/groups")
    page.get_by_label("Group by").select_option("Rings")
    page.get_by_role("button", name="Group", exact=True).click()
    expect(page.locator(NAMES)).to_have_text(["no", "yes"])
    page.locator(".group summary").nth(1).click()
    page.get_by_role("link", name="Show these 4 rows in the table").click()
    expect(page.locator("#grid tbody.rows td:nth-child(2)")).to_have_text(["Jupiter", "Saturn", "Uranus", "Neptune"])
