"""What takes several pages, from the first key to the last: by Tab, Enter, Space and letters, without a mouse."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import FileChooser, Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_trash import delete_rows
from tests.servers import wait_for
from tests.tables import PLANET_ROWS, PLANETS

MAX_STOPS = 100  # presses of Tab, once through any of these pages


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until it has the focus, where it can be seen."""
    expect(target).to_be_visible()
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        if target.evaluate("(it) => it === document.activeElement"):
            expect(target).to_be_in_viewport()
            return
    raise AssertionError(f"Tab does not lead to {target}.")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def title(page: Page) -> Any:
    return page.get_by_role("heading", level=1)


def test_a_later_file_is_matched_looked_at_imported_and_undone(
    page: Page, table: Callable[..., str], tmp_path: Path
) -> None:
    address = table({"id": "integer", "City": "text"}, [("1", "Oslo"), ("2", "Bergen"), ("3", "Narvik")], "Cities")
    file = tmp_path / "places.csv"
    file.write_text("id,Where\n1,Graz\n2,Linz\n4,Wels\n")
    choosers: list[FileChooser] = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))  # said to the browser long before the key
    page.goto(address)
    press(page, page.locator("summary[title=Edit]"))
    press(page, page.get_by_role("link", name="Import again"))
    expect(title(page)).to_have_text("Import again")

    press(page, page.locator("#upload-file"))
    wait_for(lambda: page.evaluate("1") and choosers)
    choosers[0].set_files(file)
    expect(page.get_by_text("This column is new, and is added: Where")).to_be_visible()

    press(page, page.locator("summary").filter(has_text="How rows and columns are matched"))
    press(page, page.get_by_label("Add rows whose key is new"), "Space")
    press(page, page.get_by_label("Rows that are not in the file"), "d")
    expect(page.get_by_label("Rows that are not in the file")).to_have_value("delete")
    press(page, page.get_by_label("Where"), "c")
    expect(page.get_by_label("Where").locator("option:checked")).to_have_text("City")
    press(page, page.get_by_role("button", name="Compare again"))

    expect(page.locator(".update-figures")).to_contain_text("left out")
    press(page, page.get_by_role("button", name="Import: change 2, remove 1 rows"))
    expect(title(page)).to_have_text("places.csv is imported")
    press(page, page.get_by_role("button", name="Undo"))
    expect(page.get_by_text("Changed 2 cells in 2 rows and 1 whole row")).to_be_visible()
    press(page, page.get_by_role("link", name="Back to the table"))
    expect(page.locator("#grid tbody.rows tr")).to_have_count(3)
    expect(page.locator("#grid tbody.rows")).to_contain_text(re.compile("Oslo.*Bergen.*Narvik", re.DOTALL))


def test_deleted_rows_are_chosen_restored_and_deleted_for_good(home: Visit, table: Callable[..., str]) -> None:
    page, address = home.page, table(PLANETS, PLANET_ROWS)
    delete_rows(page, address, [3, 4, 5])
    delete_rows(page, address, [7])
    page.goto(address)
    press(page, page.locator("summary[title=Edit]"))
    press(page, page.get_by_role("link", name="Deleted rows and columns"))
    press(page, page.get_by_role("link", name="Choose rows of 3 rows"))
    press(page, page.get_by_role("checkbox", name="Row 4"), "Space")
    press(page, page.get_by_role("checkbox", name="Row 5"), "Space")
    press(page, page.get_by_role("button", name="Restore the chosen rows"))
    expect(page.get_by_text("2 rows restored.")).to_be_visible()

    press(page, page.get_by_role("checkbox").first, "Space")
    press(page, page.get_by_role("button", name="Delete what is chosen for good"))
    expect(title(page)).to_have_text("Delete 1 row for good?")
    press(page, page.get_by_role("button", name="Delete for good"))
    expect(page.get_by_role("checkbox")).to_have_count(1)
    press(page, page.get_by_role("button", name="Restore 1 row"))
    expect(page.get_by_text("Nothing is in the trash")).to_be_visible()
    press(page, page.get_by_role("link", name="Back to the table"))
    expect(page.locator("#grid tbody.rows")).to_contain_text(re.compile("Mars.*Jupiter", re.DOTALL))
    expect(page.locator("#grid tbody.rows tr")).to_have_count(7)
