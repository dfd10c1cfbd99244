"""The panel beside the grid: a row, and a column with its profile."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, let_go
from tests.browser.people import Cookies
from tests.servers import Server, wait_for

# Whether what a column's page answers is dealt with.
ANSWERED = """() => document.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
    window.answered ||= /\\/columns\\/2\\//.test(ctx.request.action);
})"""


@pytest.fixture
def panel(page: Page) -> Any:
    return page.get_by_role("complementary", name="Details")


def test_a_row_opens_in_a_panel_beside_the_grid(page: Page, planets: str, panel: Any) -> None:
    wide = page.locator("#grid").bounding_box()
    page.locator("#r5").get_by_role("link").click()

    expect(panel.get_by_role("heading", name="Row 5")).to_be_focused()
    expect(panel.locator("dd")).to_have_text(["Jupiter", "95", "69911.0", "yes", "1610-01-07"])
    expect(page).to_have_url(re.compile(r"/rows/5$"))
    expect(page).to_have_title("Row 5 of Planets · Rowcast")
    narrow = page.locator("#grid").bounding_box()
    assert wide
    assert narrow
    assert narrow["width"] < wide["width"] - 200
    expect(page.locator("#r5")).to_have_class("open")


def test_the_menu_of_filters_leads_to_the_columns_of_the_view(page: Page, planets: str, panel: Any) -> None:
    page.goto(f"{planets}?cols=3,1")
    menu = page.locator("#filter-by")
    menu.locator("summary").click()
    expect(menu.get_by_role("link")).to_have_text(["Radius", "Planet"])
    expect(menu.locator("svg")).to_have_count(3)  # one is that of the menu itself

    page.get_by_label("Search all columns").fill("ur")  # the tools are swapped while the menu is open
    expect(page.locator("#grid tbody.rows tr")).to_have_count(3)
    menu.evaluate("menu => { menu.open = true; }")
    expect(menu.get_by_role("link")).to_have_text(["Radius", "Planet"])
    menu.get_by_role("link", name="Radius").click()

    expect(panel.get_by_role("heading", name="Radius", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/columns/3\?q=ur&cols=3,1$"))


def test_a_long_panel_scrolls_by_itself_and_the_tools_stay(page: Page, table: Callable[..., str], panel: Any) -> None:
    page.goto(table({f"Column {number}": "text" for number in range(40)}, [["cell"] * 40] * 30))
    page.locator("#r5").get_by_role("link").click()
    expect(panel.get_by_role("heading", name="Row 5")).to_be_focused()
    panel.get_by_role("link", name="History of Column 39").focus()

    assert panel.evaluate("element => element.scrollTop") > 0
    heights = page.locator("main").evaluate(
        "element => [element.scrollTop, element.scrollHeight, element.clientHeight]"
    )
    assert heights[0] == 0
    assert heights[1] == heights[2]
    expect(page.get_by_label("Search all columns")).to_be_in_viewport(ratio=1)


def test_the_panel_moves_between_rows_in_the_order_of_the_table(page: Page, planets: str, panel: Any) -> None:
    page.goto(f"{planets}?sort=-2")
    page.locator("#r6").get_by_role("link").click()
    expect(panel.get_by_role("heading", name="Row 6")).to_be_visible()
    expect(panel.get_by_role("link", name="Previous row")).to_have_count(0)
    panel.get_by_role("link", name="Next row").click()
    expect(panel.locator("dd").first).to_have_text("Jupiter")
    panel.get_by_role("link", name="Next row").click()
    expect(panel.locator("dd").first).to_have_text("Uranus")
    expect(page.locator("#grid tr.open")).to_have_attribute("id", "r7")
    panel.get_by_role("link", name="Previous row").click()
    expect(panel.locator("dd").first).to_have_text("Jupiter")
    page.go_back()  # walking is no history
    expect(page.get_by_role("heading", level=1)).to_have_text("Planets")
    expect(panel).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/tables/\d+\?sort=-2$"))


def test_closing_the_panel_restores_the_address_of_the_table(page: Page, planets: str, panel: Any) -> None:
    page.goto(f"{planets}?sort=-2")
    page.locator("#r6").get_by_role("link").click()
    panel.get_by_role("link", name="Close").click()

    expect(panel).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/tables/\d+\?sort=-2$"))
    expect(page).to_have_title("Planets · Rowcast")
    expect(page.locator("#grid tr.open")).to_have_count(0)


def test_the_address_of_a_row_is_also_a_page(
    home: Visit, planets: str, panel: Any, visit: Callable[..., Visit], house: Server, ada: Cookies
) -> None:
    page = home.page
    page.locator("#r5").get_by_role("link").click()
    expect(panel.get_by_role("heading", name="Row 5")).to_be_visible()

    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Row 5")
    expect(page.get_by_text("1610-01-07")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Row 6")
    page.get_by_role("link", name="Back to table").click()
    expect(page.locator("#r6")).to_be_in_viewport()


def test_going_back_after_leaving_a_panel_shows_a_whole_page(page: Page, planets: str, panel: Any) -> None:
    page.locator("#r5").get_by_role("link").click()
    expect(panel.get_by_role("heading", name="Row 5")).to_be_visible()
    page.goto("about:blank")
    page.go_back()

    expect(page.get_by_role("banner")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Row 5")


def open_column(page: Page, title: str) -> None:
    page.get_by_role("columnheader").filter(has_text=title).hover()
    page.get_by_role("link", name=f"Column {title}: filter and profile").click()


def test_the_panel_of_a_number_column_has_a_histogram(page: Page, planets: str, panel: Any) -> None:
    open_column(page, "Radius")
    facts = panel.get_by_role("region", name="Summary")
    expect(facts).to_contain_text("Lowest")
    expect(facts).to_contain_text("2439.7")
    expect(facts).to_contain_text("69911.0")
    bars = facts.locator(".histogram .bar")
    expect(bars.first).to_be_attached()
    heights = bars.evaluate_all("(bars) => bars.map((bar) => Number(bar.getAttribute('height')))")
    assert max(heights) == 40
    assert sum(height > 0 for height in heights) >= 2


def test_the_panel_of_a_text_column_has_its_top_values_as_links_that_filter(page: Page, table: Any, panel: Any) -> None:
    rows = [(city, str(number)) for number, city in enumerate(["Oslo"] * 6 + ["Graz"] * 3 + ["Rome"] + [""])]
    page.goto(table({"City": "text", "Number": "integer"}, rows))
    open_column(page, "City")
    facts = panel.get_by_role("region", name="Summary")
    expect(facts.locator("tbody th")).to_have_text(["Oslo", "Graz", "Rome"])
    expect(facts.locator("tbody td.number")).to_have_text(["6", "3", "1"])
    widths = facts.locator("tbody .bar").evaluate_all("(bars) => bars.map((bar) => Number(bar.getAttribute('width')))")
    assert widths == [100, 50, pytest.approx(16.667)]

    places = facts.locator("tbody tr:first-child > *").evaluate_all("(cells) => cells.map((cell) => cell.offsetWidth)")
    assert places[1] > places[2], "The bars have less room than their numbers."

    facts.get_by_role("link", name="Graz").click()
    expect(page.locator("#status")).to_have_text("3 of 11 rows where City is Graz")
    expect(page.locator("#grid tbody.rows tr")).to_have_count(3)


def test_an_invalid_filter_stays_in_the_panel_with_its_error(home: Visit, page: Page, planets: str, panel: Any) -> None:
    home.expect("422")
    page.get_by_role("link", name="Column Moons: filter and profile").click()
    panel.get_by_label("Condition").select_option("is at least")
    value = panel.get_by_label("Value", exact=True)
    value.fill("many")
    address = page.url
    panel.get_by_role("button", name="Filter").click()

    expect(panel.get_by_role("alert")).to_have_text("“many” does not fit the column Moons: it needs a number.")
    expect(value).to_have_value("many")
    expect(value).to_be_focused()
    expect(page).to_have_url(address)
    expect(page.locator("#grid tbody.rows tr")).to_have_count(8)
    expect(page.locator("#grid")).not_to_have_attribute("aria-busy", "true")

    value.fill("28")
    panel.get_by_role("button", name="Filter").click()
    expect(page.locator("#grid tbody.rows tr")).to_have_count(3)
    expect(page).to_have_url(re.compile(r"\?f\.2=ge:28$"))
    expect(panel.get_by_role("alert")).to_have_count(0)
    expect(panel.get_by_role("link", name="Remove", exact=True)).to_be_visible()


def test_the_panel_follows_the_filters_of_the_table(page: Page, planets: str, panel: Any) -> None:
    open_column(page, "Moons")
    expect(panel.get_by_role("heading", name="Moons", exact=True)).to_be_visible()
    page.get_by_label("Search all columns").fill("ur")
    expect(page.locator("#status")).to_have_text("3 of 8 rows matching “ur”")
    link = panel.get_by_role("link", name="Highest first")
    expect(link).to_have_attribute("href", re.compile("q=ur"))
    link.click()

    expect(page.locator("#status")).to_have_text("3 of 8 rows matching “ur”, by Moons, highest first")
    link = panel.get_by_role("link", name="Hide")
    expect(link).to_have_attribute("href", re.compile("sort=-2"))
    link.click()
    expect(page.get_by_role("columnheader")).to_have_text(["Row", "Planet", "Radius", "Rings", "Seen"])
    expect(page.locator("#status")).to_have_text("3 of 8 rows matching “ur”, by Moons, highest first")


def test_a_table_is_renamed_and_deleted(home: Visit, planets: str) -> None:
    page = home.page
    page.get_by_role("link", name="Rename or delete this table").click()
    page.get_by_label("Title", exact=True).fill("The eight planets")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The eight planets")

    page.get_by_role("link", name="Rename or delete this table").click()
    page.get_by_role("button", name="Delete the table").click()
    expect(page.get_by_role("status").filter(has_text="“The eight planets” is in the trash")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/dashboard\?deleted=\d+$"))
    assert page.request.get(planets).status == 404


def test_a_column_gets_another_type_from_its_panel(page: Page, planets: str, panel: Any) -> None:
    page.locator("#column-2").click()
    panel.get_by_role("link", name="Change type").click()
    expect(panel.get_by_role("heading", name="Type of Moons")).to_be_visible()
    expect(page.locator("#grid")).to_be_visible()  # beside it
    expect(panel.get_by_text("All 8 values convert without loss").first).to_be_visible()
    panel.get_by_role("radio", name="Text").check()
    panel.get_by_role("button", name="Change the type").click()

    expect(page.get_by_text("The type of “Moons” is changed.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/tables/\d+$"))
    page.goto(f"{planets}?sort=2")
    expect(page.locator("#grid tbody.rows td:nth-child(3)")).to_have_text(["0", "0", "1", "146", "16", "2", "28", "95"])


def test_the_panel_goes_back_from_the_types_to_the_column(page: Page, planets: str, panel: Any) -> None:
    page.locator("#column-2").click()
    panel.get_by_role("link", name="Change type").click()
    panel.get_by_role("link", name="Cancel").click()
    expect(panel.get_by_role("heading", name="Moons", exact=True)).to_be_visible()


@pytest.mark.parametrize("name", ["Change type", "Edit column"])
def test_an_answer_that_comes_after_the_panel_was_closed_does_not_open_it_again(
    page: Page, planets: str, panel: Any, name: str
) -> None:
    page.locator("#column-2").click()
    link = panel.get_by_role("link", name=name)
    expect(link).to_be_visible()
    held: list[Route] = []
    page.route(re.compile(r"/columns/2/(type|edit)"), lambda route: held.append(route))
    link.click()
    wait_for(lambda: page.evaluate("1") and held)
    page.evaluate(ANSWERED)
    panel.get_by_role("link", name="Close").press("Enter")
    expect(panel).to_be_hidden()
    let_go(held)
    wait_for(lambda: page.evaluate("Boolean(window.answered)"))

    expect(panel).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/tables/\d+$"))
    expect(page).to_have_title("Planets · Rowcast")
    page.locator("#column-3").click()  # the next one opens as ever
    expect(panel.get_by_role("heading", name="Radius", exact=True)).to_be_visible()


def test_the_types_lead_back_to_the_view_the_table_shows_and_are_found_once(
    home: Visit, page: Page, planets: str, panel: Any
) -> None:
    page.goto(f"{planets}?sort=2")
    page.locator("#column-2").click()
    panel.get_by_role("link", name="Change type").click()
    expect(panel.get_by_role("heading", name="Type of Moons")).to_be_visible()
    page.get_by_label("Search all columns").fill("ur")
    expect(page.locator("#grid tbody.rows tr")).to_have_count(3)
    panel.get_by_role("link", name="Cancel").click()
    expect(panel.get_by_role("heading", name="Moons", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/columns/2\?q=ur&sort=2$"))
    panel.get_by_role("link", name="Change type").click()
    expect(panel.get_by_role("heading", name="Type of Moons")).to_be_visible()
    panel.get_by_role("link", name="Close").click()
    expect(page).to_have_url(re.compile(r"/tables/\d+\?q=ur&sort=2$"))
    assert len(home.asked(r"/type\?")) == 2
