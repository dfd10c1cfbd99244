"""The pictures of docs/screenshots, made anew: `python -m tests.browser.screenshots`.

Ada's table is the sample, Ben is an editor of it. Each picture is of a real server in a real browser.
"""

import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, PATIENCE, find_chromium, give, open_profile
from tests.browser.people import Cookies, settle, sign_up
from tests.browser.test_editing import card, cell, type_text
from tests.browser.test_keyboard import press
from tests.conftest import make_settings
from tests.helpers import ADA, Person
from tests.servers import ROOT, Server
from webapp.db import migrations

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1440, "height": 900}
TITLE = "New York departures, July 2013"
AIRLINE, DESTINATION, SEATS = 2, 7, 13
LATE = "cols=1,4,5,7,9&f.9=gt:30&f.9=or.lt:-10&sort=-9"


def open_page(browser: Browser, server: Server, cookies: Cookies, name: str) -> Page:
    context = open_profile(browser, server, viewport=SIZE, reduced_motion="reduce")
    give(context, server, cookies)
    page = context.new_page()
    page.goto("/account")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Save").first.click()
    expect(page.locator(".top")).to_contain_text(name)
    return page


def take(page: Page, name: str, height: int = SIZE["height"]) -> None:
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.set_viewport_size({"width": SIZE["width"], "height": height})
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"{name}.png")
    page.set_viewport_size({"width": SIZE["width"], "height": SIZE["height"]})


def share(page: Page, address: str) -> None:
    page.goto(f"{address}/members")
    for email, role, name in (("ben@example.org", "editor", "Ben Okri"), ("vera@example.org", "viewer", "Vera Rubin")):
        page.get_by_label("Name or e-mail address").fill(email)
        page.get_by_label("Role", exact=True).select_option(role)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".notice.done")).to_contain_text(name)
    page.goto(f"{address}/members")


def import_sample(page: Page) -> str:
    page.goto("/dashboard")
    page.get_by_role("button", name="Try a sample").click()
    page.wait_for_url(re.compile(r"/tables/\d+$"))
    address = page.url
    page.goto(f"{address}/edit")
    page.get_by_label("Title", exact=True).fill(TITLE)
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".crumbs")).to_contain_text(TITLE)
    return address


def change(page: Page, row: int, column: int, text: str) -> None:
    cell(page, row, column).click()
    type_text(page, text)
    press(page, "Enter")
    expect(cell(page, row, column)).to_have_text(text)
    expect(page.locator("#saving")).to_have_text("Saved")


def collide(ada: Page, ben: Page, address: str) -> None:
    """Both change one cell: Ada's save is a conflict. Ben is in another cell then, which Ada sees."""
    ada.goto(address)
    ben.goto(address)
    change(ben, 2, AIRLINE, "American Airlines")
    cell(ada, 5, DESTINATION).click()
    type_text(ada, "Houston, Texas")
    change(ben, 5, DESTINATION, "Houston (IAH)")
    press(ada, "Enter")
    expect(card(ada).get_by_role("button", name="Take theirs")).to_be_visible()
    change(ben, 12, DESTINATION, "Atlanta, Georgia")
    cell(ben, 14, DESTINATION).click()
    expect(cell(ada, 12, DESTINATION)).to_have_text("Atlanta, Georgia")
    expect(ada.locator("#live li")).to_have_count(1)


def make(browser: Browser, server: Server) -> None:
    ada = open_page(browser, server, sign_up(server), "Ada Lovelace")
    ben = open_page(browser, server, settle(server, Person("ben@example.org")), "Ben Okri")
    open_page(browser, server, settle(server, Person("vera@example.org")), "Vera Rubin")
    address = import_sample(ada)
    ada.goto(f"{address}?{LATE}")
    ada.locator("#column-9").focus()
    press(ada, "Enter")
    expect(ada.get_by_role("heading", name="Summary")).to_be_visible()
    take(ada, "table")
    share(ada, address)
    take(ada, "members", 640)
    collide(ada, ben, address)
    take(ada, "editing", 640)
    card(ada).get_by_role("button", name="Keep mine").click()
    expect(card(ada)).to_have_count(0)
    change(ada, 8, AIRLINE, "American")
    press(ada, "Control+z")
    expect(cell(ada, 8, AIRLINE)).not_to_have_text("American")
    ben.goto(f"{address}/rows/9")
    ben.get_by_role("button", name="Delete").click()
    expect(ben.locator(".notice.done")).to_be_visible()
    ada.goto(f"{address}/history")
    take(ada, "history", 760)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rowcast-screenshots-")) / "data"
    migrations.upgrade(make_settings(folder))
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, Server("webapp:create_app", folder, registration="open") as server:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS])
        make(browser, server)
        browser.close()
    shutil.rmtree(folder.parent)
    print(f"{ADA.email}'s pictures are in {FOLDER}.")


if __name__ == "__main__":
    main()
