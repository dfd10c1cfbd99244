"""Choosing rows and changing all of them: boxes, the bar, the preview, the change and its undo."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Visit, let_go
from tests.browser.people import Cookies
from tests.browser.test_keyboard import press
from tests.servers import Server

ROWS = [(f"row {n}", str(n), "Oslo" if n % 3 else "oslo  city") for n in range(1, 251)]
COLUMNS = {"Name": "text", "Number": "integer", "City": "text"}


@pytest.fixture
def cities(page: Page, table: Callable[..., str]) -> str:
    address = table(COLUMNS, ROWS, title="Cities")
    page.goto(address)
    return address


def box(page: Page, row: int) -> Locator:
    return page.locator(f"#r{row} th input")


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Selected rows")


def choose_action(page: Page, name: str) -> None:
    bar(page).get_by_text("Change", exact=True).click()
    bar(page).get_by_role("link", name=name).click()


def test_rows_chosen_by_boxes_are_changed_and_undone(page: Page, cities: str) -> None:
    box(page, 3).check()
    box(page, 6).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("4 rows selected")

    choose_action(page, "Find and replace")
    page.get_by_label("Column", exact=True).select_option("City")
    page.get_by_label("Find", exact=True).fill("oslo")
    page.get_by_label("Replace with").fill("Bergen")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Of 4 rows: 4 cells change.")).to_be_visible()
    page.get_by_role("button", name="Change 4 cells").click()

    expect(page.get_by_text("4 cells changed.")).to_be_visible()
    expect(page.locator("#r3 td").nth(2)).to_have_text("Bergen city")
    expect(bar(page)).to_have_count(0)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("4 changes undone.")).to_be_visible()
    expect(page.locator("#r3 td").nth(2)).to_have_text("oslo city")


def test_a_range_is_chosen_even_if_the_script_of_it_comes_late(page: Page, cities: str) -> None:
    held: list[Route] = []
    page.route("**/bulk.js", lambda route: held.append(route))
    page.reload()
    with page.expect_request("**/bulk.js"):
        box(page, 3).check()
    box(page, 6).click(modifiers=["Shift"])
    page.unroute("**/bulk.js")
    let_go(held)
    expect(bar(page)).to_contain_text("4 rows selected")


def test_all_rows_of_a_view_are_chosen_by_their_query(page: Page, cities: str) -> None:
    page.goto(f"{cities}?f.3=eq:Oslo")
    page.get_by_label("All rows on this page").check()
    expect(bar(page)).to_contain_text("100 rows selected")
    bar(page).get_by_role("button", name="Select all rows where City is Oslo").click()
    expect(bar(page)).to_contain_text("All rows where City is Oslo selected")
    page.locator("#grid").evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    expect(box(page, 200)).to_be_checked()

    bar(page).get_by_role("link", name="Delete").click()

    expect(page).to_have_url(
        f"http://localhost:{page.url.split(':')[2].split('/')[0]}{cities}/bulk/delete?f.3=eq:Oslo&rows=all"
    )
    page.get_by_role("button", name="Delete 167 rows").click()
    expect(page.get_by_text("167 rows deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="No matching rows")).to_be_visible()


def test_what_is_chosen_outlives_a_look_elsewhere_and_scrolling_but_no_other_view(page: Page, cities: str) -> None:
    box(page, 2).check()
    choose_action(page, "Trim and change case")
    expect(page.get_by_role("heading", name="Trim and change case")).to_be_visible()
    page.go_back()
    expect(box(page, 2)).to_be_checked()
    expect(bar(page)).to_contain_text("1 row selected")

    page.locator("#q").fill("row 2")
    expect(page.locator("#r20")).to_be_visible()
    expect(page.locator("#r3")).to_have_count(0)
    expect(bar(page)).to_have_count(0)
    expect(box(page, 2)).not_to_be_checked()


def test_rows_are_chosen_by_keys(page: Page, cities: str) -> None:
    page.locator("#r2 td").first.click()
    press(page, "Home", " ")
    expect(box(page, 2)).to_be_checked()
    press(page, "ArrowDown", " ")
    expect(bar(page)).to_contain_text("2 rows selected")
    press(page, " ")
    expect(bar(page)).to_contain_text("1 row selected")
    bar(page).get_by_role("button", name="Select no rows").click()
    expect(bar(page)).to_have_count(0)

    page.locator("#r5 td").first.click()
    press(page, "Shift+ ", "Shift+ArrowDown", "Shift+ArrowDown")
    expect(bar(page)).to_contain_text("3 rows selected")
    bar(page).get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        bar(page).get_by_role("link", name="CSV Cells exactly as they came in").click()
    assert download.value.path().read_text(encoding="utf-8").splitlines()[1:] == [
        "row 5,5,Oslo",
        "row 6,6,oslo  city",
        "row 7,7,Oslo",
    ]


def test_rows_are_changed_and_undone_by_keys_alone(page: Page, cities: str) -> None:
    page.locator("#r2 td").first.click()
    press(page, "Home", " ", "ArrowDown", " ")
    expect(bar(page)).to_contain_text("2 rows selected")
    press(page, "Escape")  # Tab leaves the table now
    tab_to(page, "Change")
    press(page, "Enter")
    tab_to(page, "Set a column")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Set a column")).to_be_focused()
    tab_to(page, "Column")
    page.keyboard.type("City")
    tab_to(page, "New text")
    page.keyboard.type("Bergen")
    tab_to(page, "Preview")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Change 2 cells")).to_be_visible()
    tab_to(page, "Change 2 cells")
    press(page, "Enter")
    expect(page.get_by_text("2 cells changed.")).to_be_visible()
    expect(page.locator("#r3 td").nth(2)).to_have_text("Bergen")
    tab_to(page, "Undo")
    press(page, "Enter")
    expect(page.get_by_text("2 changes undone.")).to_be_visible()
    expect(page.locator("#r3 td").nth(2)).to_have_text("oslo  city")


NAME = """() => {
    const element = document.activeElement;
    return (element.labels?.[0] ?? element).innerText?.split('\\n')[0].trim();
}"""


def tab_to(page: Page, name: str) -> None:
    """As often as it takes, and no further than somebody would go."""
    for _ in range(40):
        press(page, "Tab")
        if page.evaluate(NAME) == name:
            return
    raise AssertionError(f"The Tab key does not lead to {name}.")


def test_rows_are_chosen_without_javascript(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str]
) -> None:
    page = visit(house, ada, java_script_enabled=False).page
    page.goto(f"{table(COLUMNS, ROWS[:20], title='Cities')}?f.3=eq:Oslo")
    for row in (1, 2, 4):
        page.get_by_label(f"{row}", exact=True).check()
    page.get_by_role("button", name="Chosen rows…").click()
    page.get_by_role("link", name="Set a column").click()
    page.get_by_label("Column", exact=True).select_option("City")
    page.get_by_label("New text").fill("Bergen")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Change 3 cells").click()

    expect(page.get_by_text("3 cells changed.")).to_be_visible()
    expect(page.locator("#r1")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_bar_fits_on_a_phone(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str], scheme: str
) -> None:
    options = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "color_scheme": scheme}
    page = visit(house, ada, **options).page
    page.goto(table(COLUMNS, ROWS[:20], title="Cities"))
    box(page, 2).tap()
    bar(page).get_by_text("Change", exact=True).tap()
    for inside in (bar(page), bar(page).locator("details[open] .menu-list")):
        area = inside.bounding_box()
        assert area is not None
        assert area["x"] >= 0
        assert area["x"] + area["width"] <= 390
        assert area["y"] + area["height"] <= 780
