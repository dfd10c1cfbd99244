"""Rows coloured by a value in a browser: chosen in the panel of a column, kept up to date, and without a script."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Cookies, settle, sign_up
from tests.browser.test_live import APP, EVE, Open, Shared
from tests.servers import Server


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[tuple[Server, Cookies, Cookies]]:
    folder = shutil.copytree(migrated, tmp_path_factory.mktemp("colours") / "data")
    with Server(APP, folder) as server:
        yield server, sign_up(server), settle(server, EVE)


@pytest.fixture
def shared(people: tuple[Server, Cookies, Cookies], visit: Open) -> Shared:
    return Shared(*people, visit)


def background(page: Page, row: int) -> str:
    return str(page.locator(f"#r{row} > td").nth(1).evaluate("cell => getComputedStyle(cell).backgroundColor"))


def test_rows_get_the_colour_of_what_others_change(shared: Shared) -> None:
    page = shared.window(shared.ada).page
    plain = background(page, 1)
    page.locator("#column-4").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Colour rows").click()

    expect(page.locator("#r5")).to_have_class("t4")
    expect(page.locator("#legend li")).to_have_text(["yes", "no"])
    assert len({plain, background(page, 1), background(page, 5)}) == 3

    shared.change(cells=[[1, 4, "no", "yes"], [5, 4, "yes", ""]])
    expect(page.locator("#r1")).to_have_class("t4")
    expect(page.locator("#r5")).not_to_have_class("t4")
    assert background(page, 5) == plain
    expect(page.locator("#r2")).to_have_class("t0")

    page.locator("#chip-colour .chip-x").click()
    expect(page.locator("#legend")).to_have_count(0)
    expect(page.locator("#r1")).not_to_have_class("t4")


def test_a_column_that_is_not_shown_still_colours_rows_and_its_value_follows(shared: Shared) -> None:
    page = shared.window(shared.ada, "?colour=4&cols=1,2").page
    expect(page.locator("#r5 th a")).to_have_attribute("title", "Rings: yes")

    shared.change(cells=[[5, 4, "yes", "no"]])

    expect(page.locator("#r5")).to_have_class("t0")
    expect(page.locator("#r5 th a")).to_have_attribute("title", "Rings: no")


def test_colours_need_no_script(visit: Open, shared: Shared) -> None:
    page = visit(shared.server, shared.ada, java_script_enabled=False).page
    page.goto(f"/tables/{shared.table}/columns/3")
    page.get_by_role("link", name="Colour rows").click()

    expect(page).to_have_url(re.compile(r"\?colour=3$"))
    expect(page.locator("#r5")).to_have_class("s6")
    expect(page.locator("#legend li").first).to_have_text("up to 20000.0")
