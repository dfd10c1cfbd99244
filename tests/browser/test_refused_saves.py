"""A save that the server cannot make now: the page says why, keeps what was typed, and sends it again by itself."""

import json

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.test_editing import Rows, cell, rows, saved, type_text  # noqa: F401
from tests.browser.test_keyboard import press

FULL = "The disk is full, so nothing can be saved. Free some space on the server, then try again."


def test_a_save_for_which_there_is_no_room_says_so_and_is_made_once_there_is(
    home: Visit,
    page: Page,
    planets: str,
    rows: Rows,  # noqa: F811
) -> None:
    home.expect("503")
    refusals = [1, 1]

    def refuse(route: Route) -> None:
        if not refusals:
            return route.continue_()
        refusals.pop()
        route.fulfill(status=503, content_type="application/problem+json", body=json.dumps({"detail": FULL}))

    page.route("**/cells", refuse)
    cell(page, 3, 1).click()
    type_text(page, "Terra")
    press(page, "Enter")

    expect(page.locator("#saving")).to_have_text(
        f"Not saved yet: {FULL} 1 change waits here and is sent when it answers."
    )
    expect(cell(page, 3, 1)).to_have_text("Terra")
    saved(page)
    assert not refusals
    assert rows()[3].startswith("Terra,")
