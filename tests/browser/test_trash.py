"""Throwing away and getting back, as people do it: by mouse, by keyboard, and without a script."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.tables import PLANET_ROWS, PLANETS, add_table


def test_a_deleted_table_is_restored_from_the_next_page_and_from_the_trash(home: Visit) -> None:
    page = home.page
    table = f"/tables/{add_table(home.server.data_dir, PLANETS, PLANET_ROWS, title='Wanderers')}"
    page.goto(f"{table}/edit")
    page.get_by_role("button", name="Delete the table").press("Enter")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page).to_have_url(re.compile(f"{table}$"))
    expect(page.get_by_text("is restored")).to_be_visible()

    page.goto(f"{table}/edit")
    page.get_by_role("button", name="Delete the table").click()
    page.get_by_role("link", name=re.compile(r"Trash \(\d+\)")).click()
    page.get_by_role("button", name="Restore Wanderers").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wanderers")
    expect(page.locator("#grid")).to_contain_text("Jupiter")


def test_rows_and_a_column_are_chosen_restored_and_deleted_for_good(home: Visit) -> None:
    page = home.page
    table = f"/tables/{add_table(home.server.data_dir, PLANETS, PLANET_ROWS)}"
    delete_rows(page, table, [3, 4, 5])
    delete_rows(page, table, [7])
    page.goto(table)
    page.locator("summary[title=Edit]").click()
    page.get_by_role("link", name="Deleted rows and columns").click()
    page.get_by_role("link", name="Choose rows").click()
    page.get_by_role("checkbox", name="4").check()
    page.get_by_role("button", name="Restore the chosen rows").click()
    expect(page.get_by_text("1 row restored.")).to_be_visible()

    page.get_by_role("checkbox", name="1 row").check()
    page.get_by_role("button", name="Delete what is chosen for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 1 row for good?")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("checkbox")).to_have_count(1)

    page.get_by_role("button", name="Restore 2 rows").press("Enter")
    expect(page.get_by_text("Nothing is in the trash")).to_be_visible()
    page.goto(table)
    expect(page.locator("#grid")).to_contain_text("Jupiter")
    expect(page.locator("#grid")).not_to_contain_text("Uranus")


def test_an_open_page_of_a_table_that_is_deleted_says_so(home: Visit) -> None:
    page = home.page
    table = f"/tables/{add_table(home.server.data_dir, PLANETS, PLANET_ROWS)}"
    with page.expect_response(lambda answer: "/live" in answer.url):
        page.goto(table)
    page.request.post(f"{table}/deletion", headers={"Sec-Fetch-Site": "same-origin"})
    expect(page.get_by_text("its owner finds it in the trash")).to_be_visible()


def delete_rows(page: Page, table: str, rows: list[int]) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert page.request.post(f"{table}/rows/deletion", data={"ids": rows}, headers=headers).ok
