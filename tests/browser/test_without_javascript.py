"""Everything works with JavaScript off, less smoothly."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.files import parts
from tests.browser.people import Cookies
from tests.helpers import ADA
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS

ROWS = 250


@pytest.fixture
def plain(visit: Callable[..., Visit], house: Server, ada: Cookies) -> Page:
    """Ada's window without JavaScript."""
    return visit(house, ada, java_script_enabled=False).page


def cells(page: Page, place: int = 2) -> list[str]:
    return page.locator(f"#grid tbody.rows td:nth-child({place})").all_inner_texts()


def expect_cells(page: Page, texts: list[str]) -> None:
    """Once the page is there: a click does not wait for the one that follows."""
    expect(page.locator("#grid tbody.rows td:nth-child(2)")).to_have_text(texts)


def test_signing_up_importing_and_signing_out_work(
    server: Callable[..., Server], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    page = visit(server(), java_script_enabled=False).page
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill(ADA.email)
    page.get_by_label("Password", exact=True).fill(ADA.password)
    page.get_by_label("again").fill(ADA.password)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import your first table")

    page.get_by_label("Choose a file").set_input_files(parts(tmp_path / "parts.csv", ROWS))
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Skip Stock").check()  # the page has loaded itself until it was there
    page.get_by_role("button", name=f"Import {ROWS} rows").click()
    page.get_by_role("link", name="Open the table").click()
    expect(page.locator("#status")).to_have_text(f"{ROWS} rows")
    expect(page.get_by_role("columnheader", name="Stock")).to_have_count(0)

    page.locator("summary").filter(has_text="Account menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/dashboard")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_links_lead_to_more_rows(plain: Page, table: Callable[..., str]) -> None:
    plain.goto(table({"Number": "integer"}, [(str(number),) for number in range(1, ROWS + 1)]))
    seen = cells(plain)
    while plain.get_by_role("link", name="Further rows").count():
        plain.get_by_role("link", name="Further rows").click()
        expect(plain.locator("#grid tbody.rows td:nth-child(2)").first).to_have_text(str(len(seen) + 1))
        seen += cells(plain)
    assert seen == [str(number) for number in range(1, ROWS + 1)]
    plain.get_by_role("link", name="Earlier rows").click()
    expect_cells(plain, [str(number) for number in range(101, 201)])


def test_searching_sorting_filtering_and_choosing_columns_work(plain: Page, table: Callable[..., str]) -> None:
    plain.goto(table(PLANETS, PLANET_ROWS))
    plain.get_by_label("Search all columns").fill("u")
    plain.get_by_role("button", name="Search").click()
    plain.get_by_role("columnheader", name="Moons").get_by_role("link").first.click()
    expect_cells(plain, ["Mercury", "Venus", "Neptune", "Uranus", "Jupiter", "Saturn"])
    plain.get_by_role("link", name="Column Moons: filter and profile").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Moons")
    plain.get_by_label("Condition").select_option("ge")
    plain.get_by_label("Value", exact=True).fill("28")
    plain.get_by_role("button", name="Filter").click()
    expect_cells(plain, ["Uranus", "Jupiter", "Saturn"])
    expect(plain.locator("#status")).to_contain_text("3 of 8 rows matching “u” and where Moons is at least 28")

    plain.get_by_role("link", name="Columns", exact=False).first.click()
    plain.get_by_label("Rings", exact=True).uncheck()
    plain.get_by_role("button", name="Move Seen up").click()
    plain.get_by_role("button", name="Show these columns").click()
    expect(plain.get_by_role("columnheader")).to_have_text(
        [re.compile(t) for t in ("Row", "Planet", "Moons", "Radius", "Seen")]
    )
    plain.get_by_role("link", name="Remove the filter").click()
    plain.get_by_role("link", name="Clear").click()
    expect(plain.locator("#grid tbody.rows tr")).to_have_count(8)


def test_the_profile_of_a_column_is_a_page(plain: Page, table: Callable[..., str]) -> None:
    plain.goto(table(PLANETS, PLANET_ROWS) + "/columns/3")
    plain.get_by_role("link", name="Calculate the summary").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Radius")
    expect(plain.get_by_text("69911.0").first).to_be_visible()


def test_rows_are_pages_and_menus_open(plain: Page, table: Callable[..., str]) -> None:
    plain.goto(table(PLANETS, PLANET_ROWS))
    plain.locator("#r5").get_by_role("link").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Row 5")
    plain.get_by_role("link", name="Back to table").click()
    plain.locator("summary").filter(has_text="Export").click()
    with plain.expect_download() as download:
        plain.get_by_role("link", name=re.compile("^CSV Cells|^CSV$|Cells exactly")).click()
    text = Path(download.value.path()).read_text("utf-8")
    assert text.splitlines() == [",".join(PLANETS), *(",".join(row) for row in PLANET_ROWS)]


def test_a_table_can_be_pasted(plain: Page) -> None:
    plain.goto("/dashboard")
    plain.locator("summary").filter(has_text="Paste a table").click()
    plain.get_by_label("Rows, copied from a spreadsheet").fill("Name\tCity\nAda\tLondon\n")
    plain.get_by_role("button", name="Continue").click()
    plain.get_by_role("button", name="Cancel").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("The import was cancelled")


def test_a_column_gets_another_type(plain: Page, table: Callable[..., str]) -> None:
    url = table(PLANETS, PLANET_ROWS)
    plain.goto(f"{url}/columns/2")
    plain.get_by_role("link", name="Change type").click()
    plain.get_by_role("radio", name="Text").check()
    plain.get_by_role("button", name="Change the type").click()
    expect(plain.get_by_text("The type of “Moons” is changed.")).to_be_visible()
    plain.goto(f"{url}?sort=2")
    assert cells(plain, 3) == ["0", "0", "1", "146", "16", "2", "28", "95"]


def test_a_table_and_rows_come_back_from_the_trash(plain: Page, table: Callable[..., str]) -> None:
    url = table(PLANETS, PLANET_ROWS, title="Wanderers")
    plain.goto(f"{url}/edit")
    plain.get_by_role("button", name="Delete the table").click()
    plain.get_by_role("button", name="Undo", exact=True).click()
    expect(plain.get_by_text("is restored")).to_be_visible()
    plain.goto(f"{url}/edit")
    plain.get_by_role("button", name="Delete the table").click()
    plain.goto("/tables/trash")
    plain.get_by_role("button", name="Restore Wanderers").first.click()

    for row in (2, 3):
        plain.get_by_label(f"{row}", exact=True).check()
    plain.get_by_role("button", name="Chosen rows…").click()
    plain.get_by_role("link", name="Delete").click()
    plain.get_by_role("button", name="Delete 2 rows").click()
    plain.get_by_role("button", name="Undo", exact=True).click()
    expect(plain.get_by_text("2 changes undone.")).to_be_visible()
    plain.goto(f"{url}/rows/5")
    plain.get_by_role("button", name="Delete").click()
    plain.goto(f"{url}/trash")
    plain.get_by_role("checkbox", name="1 row").check()
    plain.get_by_role("button", name="Restore what is chosen").click()
    plain.goto(url)
    expect_cells(plain, [name for name, *_ in PLANET_ROWS])


def test_a_later_file_is_laid_over_a_table(plain: Page, table: Callable[..., str], tmp_path: Path) -> None:
    url = table(PLANETS, PLANET_ROWS)
    path = tmp_path / "planets.csv"
    path.write_text("Planet,Moons\nMars,3\nPluto,5\n", encoding="utf-8")
    plain.goto(url)
    plain.locator("summary").filter(has_text="Edit").click()
    plain.get_by_role("link", name="Import again").click()
    plain.get_by_label("Choose a file").set_input_files(path)
    plain.get_by_role("button", name="Upload").click()
    plain.get_by_role("button", name="Import: add 1, change 1 rows").click()  # after the page has loaded itself anew
    expect(plain.get_by_role("heading", level=1)).to_have_text("planets.csv is imported")
    plain.get_by_role("link", name="What has changed").click()
    expect(plain.get_by_text("Pluto").first).to_be_visible()
    plain.goto("/tables/running")
    expect(plain.get_by_role("heading", level=1)).to_have_text("Running")
    plain.goto(f"{url}?q=mars")
    expect_cells(plain, ["Mars"])
    assert cells(plain, 3) == ["3"]
