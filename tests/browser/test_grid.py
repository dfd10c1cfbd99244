"""The table page: searching, sorting, filtering, and the address that holds all of it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, let_go
from tests.browser.people import Cookies
from tests.servers import Server
from tests.tables import PLANET_ROWS

PLANET_NAMES = [row[0] for row in PLANET_ROWS]


def first_cells(page: Page) -> Any:
    return page.locator("#grid tbody.rows td:nth-child(2)")


def status(page: Page) -> Any:
    return page.locator("#status")


def head(page: Page, title: str) -> Any:
    return page.get_by_role("columnheader").filter(has_text=title)


def stays(page: Page) -> Callable[[], bool]:
    """Whether the page is still the same document, without a reload."""
    page.evaluate("window.stayed = true")
    return lambda: bool(page.evaluate("window.stayed === true"))


def test_the_header_of_a_boolean_column_is_centred_and_its_menu_covers_no_text(page: Page, planets: str) -> None:
    middles = page.evaluate("""() => ["thead th:nth-child(5) .sort", "tbody.rows td:nth-child(5)"].map((place) => {
        const range = document.createRange();
        range.selectNodeContents(document.querySelector(`#grid ${place}`));
        const { left, right } = range.getBoundingClientRect();
        return (left + right) / 2;
    })""")

    assert middles[0] == pytest.approx(middles[1], abs=3)
    title = head(page, "Rings")
    title.hover()
    menu = title.get_by_role("link", name="Column Rings: filter and profile").bounding_box()
    words = title.locator(".sort span").bounding_box()
    assert menu
    assert words
    assert menu["x"] + menu["width"] <= words["x"]


def test_search_results_appear_while_typing(page: Page, planets: str) -> None:
    is_kept = stays(page)
    page.keyboard.press("/")
    page.keyboard.type("ur")

    expect(first_cells(page)).to_have_text(["Mercury", "Saturn", "Uranus"])
    expect(status(page)).to_have_text("3 of 8 rows matching “ur”")
    expect(page).to_have_url(re.compile(r"\?q=ur$"))
    expect(page.get_by_label("Search all columns")).to_be_focused()
    page.keyboard.type("anus")
    expect(first_cells(page)).to_have_text(["Uranus"])
    page.keyboard.type("!")
    expect(page.get_by_role("heading", name="No matching rows")).to_be_visible()
    page.get_by_role("link", name="Clear search and filters").click()
    expect(first_cells(page)).to_have_text(PLANET_NAMES)
    expect(page.get_by_label("Search all columns")).to_have_value("")
    assert is_kept()


def test_the_results_of_the_last_search_are_shown_even_if_an_earlier_one_arrives_later(
    page: Page, planets: str
) -> None:
    held: list[Route] = []
    page.route(re.compile(r"\?q=ur$"), lambda route: held.append(route))
    with page.expect_request(re.compile(r"\?q=ur$")):
        page.get_by_label("Search all columns").press_sequentially("ur")
    page.get_by_label("Search all columns").press_sequentially("anus")
    expect(first_cells(page)).to_have_text(["Uranus"])
    let_go(held)

    expect(first_cells(page)).to_have_text(["Uranus"])
    expect(page).to_have_url(re.compile(r"\?q=uranus$"))
    expect(page.get_by_label("Search all columns")).to_have_value("uranus")


def test_clicks_on_a_header_sort_ascending_descending_and_not_at_all(page: Page, planets: str) -> None:
    is_kept = stays(page)
    expect(head(page, "Moons")).not_to_have_attribute("aria-sort", re.compile("."))
    head(page, "Moons").get_by_role("link").first.click()
    expect(head(page, "Moons")).to_have_attribute("aria-sort", "ascending")
    expect(first_cells(page).last).to_have_text("Saturn")
    expect(status(page)).to_have_text("8 rows, by Moons, lowest first")
    head(page, "Moons").get_by_role("link").first.click()
    expect(head(page, "Moons")).to_have_attribute("aria-sort", "descending")
    expect(first_cells(page).first).to_have_text("Saturn")
    head(page, "Moons").get_by_role("link").first.click()
    expect(head(page, "Moons")).not_to_have_attribute("aria-sort", re.compile("."))
    expect(first_cells(page)).to_have_text(PLANET_NAMES)
    assert is_kept()


def test_a_shift_click_adds_a_column_to_the_sort_and_headers_show_the_order(page: Page, planets: str) -> None:
    head(page, "Rings").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"sort=4$"))
    expect(page.locator("#grid sup")).to_have_count(0)
    head(page, "Radius").get_by_role("link").first.click(modifiers=["Shift"])

    expect(page).to_have_url(re.compile(r"sort=4%2C3$|sort=4,3$"))
    expect(head(page, "Rings").locator("sup")).to_have_text("1")
    expect(head(page, "Radius").locator("sup")).to_have_text("2")
    expect(first_cells(page)).to_have_text(
        ["Mercury", "Mars", "Venus", "Earth", "Neptune", "Uranus", "Saturn", "Jupiter"]
    )
    page.get_by_role("link", name="Do not sort").click()
    expect(first_cells(page)).to_have_text(PLANET_NAMES)


@pytest.mark.parametrize(
    ("column", "operator", "fields", "left", "said"),
    [
        ("Planet", "contains", {"Value": "us"}, ["Venus", "Uranus"], "Planet contains us"),
        ("Radius", "between", {"Value": "6000", "and": "7000"}, ["Venus", "Earth"], "Radius is between 6000 and 7000"),
        ("Planet", "oneof", {"One value a line": "Mars\nEarth"}, ["Earth", "Mars"], "Planet is one of Mars or Earth"),
        ("Seen", "empty", {}, ["Mercury", "Venus", "Earth"], "Seen is empty"),
        ("Seen", "before", {"Value": "1610-07-01"}, ["Jupiter"], "Seen is before 1610-07-01"),
        ("Rings", "eq", {"Value": "yes"}, ["Jupiter", "Saturn", "Uranus", "Neptune"], "Rings is yes"),
    ],
)
def test_a_filter_is_set_in_the_panel_of_the_column_and_removed_by_its_chip(
    page: Page, planets: str, column: str, operator: str, fields: dict[str, str], left: list[str], said: str
) -> None:
    head(page, column).hover()
    page.get_by_role("link", name=f"Column {column}: filter and profile").click()
    panel = page.get_by_role("complementary", name="Details")
    panel.get_by_label("Condition").select_option(operator)
    for label in ("Value", "and", "One value a line"):
        field = panel.get_by_label(label, exact=True)
        if label in fields:
            field.fill(fields[label])
        else:
            expect(field).to_be_hidden()
    panel.get_by_role("button", name="Filter").click()

    expect(first_cells(page)).to_have_text(left)
    expect(page.locator(".chip")).to_contain_text([said])
    expect(status(page)).to_have_text(f"{len(left)} of 8 rows where {said}")
    expect(panel.get_by_label("Condition")).to_have_value(operator)
    page.get_by_role("link", name=f"Remove the filter: {said}").click()
    expect(first_cells(page)).to_have_text(PLANET_NAMES)
    expect(page.locator(".chip")).to_have_count(0)


def test_columns_are_hidden_and_reordered_on_their_page(page: Page, planets: str) -> None:
    page.goto(f"{planets}/columns")
    expect(page.get_by_role("heading", level=1)).to_have_text("Columns")
    page.get_by_label("Moons", exact=True).uncheck()
    page.get_by_role("button", name="Move Seen up").click()
    expect(page.locator("li > label > span")).to_have_text(["Planet", "Moons", "Radius", "Seen", "Rings"])
    page.get_by_role("button", name="Move Seen up").click()
    expect(page.locator("li > label > span")).to_have_text(["Planet", "Moons", "Seen", "Radius", "Rings"])
    expect(page.get_by_label("Moons", exact=True)).not_to_be_checked()
    page.get_by_role("button", name="Show these columns").click()

    expect(page.get_by_role("columnheader")).to_have_text(["Row", "Planet", "Seen", "Radius", "Rings"])
    expect(page.locator("#r5 td")).to_have_text(["Jupiter", "1610-01-07", "69911.0", "yes"])
    expect(page.get_by_text("1 hidden")).to_be_visible()
    page.get_by_label("Search all columns").fill("jupiter")
    expect(first_cells(page)).to_have_text(["Jupiter"])
    expect(page.get_by_role("columnheader")).to_have_count(5)


def test_the_address_holds_the_whole_state(
    home: Visit, planets: str, visit: Callable[..., Visit], house: Server, ada: Cookies
) -> None:
    page = home.page
    page.get_by_label("Search all columns").fill("u")
    expect(status(page)).to_contain_text("matching “u”")
    head(page, "Radius").get_by_role("link").first.click()
    expect(head(page, "Radius")).to_have_attribute("aria-sort", "ascending")
    head(page, "Radius").get_by_role("link").first.click()
    expect(head(page, "Radius")).to_have_attribute("aria-sort", "descending")
    shown = first_cells(page).all_inner_texts()
    said = status(page).inner_text()
    assert shown == ["Jupiter", "Saturn", "Uranus", "Neptune", "Venus", "Mercury"]

    page.reload()
    expect(first_cells(page)).to_have_text(shown)
    expect(status(page)).to_have_text(said)
    expect(page.get_by_label("Search all columns")).to_have_value("u")

    elsewhere = visit(house, ada).page
    elsewhere.goto(page.url)
    expect(first_cells(elsewhere)).to_have_text(shown)
    expect(status(elsewhere)).to_have_text(said)


def test_back_and_forward_show_the_previous_and_next_view(page: Page, planets: str) -> None:
    head(page, "Moons").get_by_role("link").first.click()
    expect(status(page)).to_have_text("8 rows, by Moons, lowest first")
    expect(page).to_have_url(re.compile("sort=2"))
    head(page, "Radius").get_by_role("link").first.click()
    expect(status(page)).to_have_text("8 rows, by Radius, lowest first")
    expect(page).to_have_url(re.compile("sort=3"))  # the address follows the rows: only then is there a way back

    page.go_back()
    expect(status(page)).to_have_text("8 rows, by Moons, lowest first")
    expect(head(page, "Moons")).to_have_attribute("aria-sort", "ascending")
    page.go_back()
    expect(first_cells(page)).to_have_text(PLANET_NAMES)
    page.go_forward()
    page.go_forward()
    expect(status(page)).to_have_text("8 rows, by Radius, lowest first")
    expect(first_cells(page).first).to_have_text("Mercury")


def test_going_back_from_another_site_shows_the_whole_page(page: Page, planets: str) -> None:
    head(page, "Moons").get_by_role("link").first.click()
    expect(status(page)).to_have_text("8 rows, by Moons, lowest first")
    page.goto("about:blank")
    page.go_back()

    expect(page.get_by_role("banner")).to_be_visible()
    expect(status(page)).to_have_text("8 rows, by Moons, lowest first")
    expect(page.locator("link[rel=stylesheet]").first).to_be_attached()


def test_the_row_height_is_remembered_on_this_device(page: Page, planets: str) -> None:
    row = page.locator("#r1")
    page.get_by_role("button", name="Compact rows").click()
    expect(page.get_by_role("button", name="Compact rows")).to_have_attribute("aria-pressed", "true")
    compact = row.bounding_box()
    page.reload()
    expect(page.get_by_role("button", name="Compact rows")).to_have_attribute("aria-pressed", "true")
    assert row.bounding_box() == compact
    page.get_by_role("button", name="Comfortable rows").click()
    comfortable = row.bounding_box()
    assert compact
    assert comfortable
    assert comfortable["height"] > compact["height"] + 10
