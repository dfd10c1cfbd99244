"""Forms in a browser: an editor makes one, a stranger answers it on a phone, and the open table shows the answer."""

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.form_states import CELLS, address_of, make
from tests.browser.people import Cookies
from tests.browser.states import Place
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def cells(page: Page, place: int = 2) -> list[str]:
    return page.locator(f"#grid tbody.rows td:nth-child({place})").all_inner_texts()


@pytest.mark.parametrize("has_script", [True, False])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_stranger_answers_on_a_phone(
    visit: Callable[..., Visit], house: Server, ada: Cookies, home: Visit, tmp_path: Any, scheme: Any, has_script: bool
) -> None:
    table = make(Place(home.page, house, tmp_path)).partition("/forms")[0]
    phone = visit(house, java_script_enabled=has_script, color_scheme=scheme, **PHONE)
    phone.expect("422")
    page = phone.page
    page.goto(address_of(Place(home.page, house, tmp_path)))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your visit")
    page.get_by_label("Name").fill("Grace")
    page.get_by_label("Message").fill("two\nlines")
    page.get_by_label("How many are you?").fill("a few")
    page.get_by_label("Vegetarian").select_option("no")
    page.get_by_label("Arrival").fill("2026-12-24")
    page.locator("#cell7").fill("09:15")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("alert")).to_contain_text("needs another look")
    expect(page.get_by_label("Name")).to_have_value("Grace")
    expect(page.get_by_label("Arrival")).to_have_value("2026-12-24")
    expect(page.get_by_label("How many are you?")).to_have_value("a few")
    page.get_by_label("How many are you?").fill("3")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_text("We look forward to seeing you.")).to_be_visible()
    home.page.goto(table)
    assert cells(home.page) == [CELLS[0], CELLS[0], "Grace"]
    assert cells(home.page, 4) == ["2", "2", "3"]
    assert cells(home.page, 7)[-1] == "2026-12-24"


def test_an_empty_required_field_is_asked_for_by_the_browser(
    visit: Callable[..., Visit], house: Server, home: Visit, tmp_path: Any
) -> None:
    make(Place(home.page, house, tmp_path))
    phone = visit(house, **PHONE)
    phone.page.goto(address_of(Place(home.page, house, tmp_path)))

    phone.page.get_by_role("button", name="Send").click()

    expect(phone.page.get_by_label("Name")).to_be_focused()
    assert not phone.asked("/f/", method="POST")


def test_an_editor_makes_a_form_without_javascript(
    visit: Callable[..., Visit], house: Server, ada: Cookies, table: Callable[..., str]
) -> None:
    page = visit(house, ada, java_script_enabled=False).page
    page.goto(table(PLANETS, PLANET_ROWS))
    page.locator("summary").filter(has_text="Edit").click()
    page.get_by_role("link", name="Forms").click()
    page.get_by_role("link", name="New form").click()
    page.get_by_label("Radius").uncheck()
    page.get_by_role("button", name="Make the form").click()
    page.get_by_label("Question of Planet").fill("Which one?")
    page.get_by_role("button", name="Move up Moons").click()
    expect(page.locator(".form-field").first).to_contain_text("Moons")
    page.get_by_label("Another column").select_option("Radius")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("whoever has its address can answer it")).to_be_visible()

    page.goto(page.locator("#address").inner_text())

    labels = page.locator("#answer label").all_inner_texts()
    assert [re.sub(r"\s*optional$", "", label) for label in labels[:5]] == [
        "Moons",
        "Which one?",
        "Rings",
        "Seen",
        "Radius",
    ]


def test_with_a_script_it_is_the_same_and_the_address_is_copied(home: Visit, table: Callable[..., str]) -> None:
    page = home.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(table(PLANETS, PLANET_ROWS))
    page.locator(".tools summary").filter(has_text="Edit").click()
    page.get_by_role("link", name="Forms").click()
    page.get_by_role("link", name="New form").click()
    page.get_by_label("Name").fill("Found one?")
    page.get_by_role("button", name="Make the form").click()
    page.get_by_label("Question of Planet").fill("Which one?")
    page.get_by_label("Question of Planet").press("Enter")
    expect(page.get_by_text("The form is saved.")).to_be_visible()
    expect(page.get_by_label("Question of Planet")).to_have_value("Which one?")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#address").inner_text()


def test_an_answer_appears_in_the_open_table(
    visit: Callable[..., Visit], house: Server, home: Visit, tmp_path: Any
) -> None:
    table = make(Place(home.page, house, tmp_path)).partition("/forms")[0]
    address = address_of(Place(home.page, house, tmp_path))
    home.page.goto(table)
    expect(home.page.locator("#live .live-dot")).to_be_visible()
    stranger = visit(house, **PHONE).page
    stranger.goto(address)
    stranger.get_by_label("Name").fill("Grace")
    stranger.get_by_label("Arrival").fill("2026-12-24")
    stranger.get_by_role("button", name="Send").click()
    expect(stranger.get_by_text("We look forward to seeing you.")).to_be_visible()

    expect(home.page.get_by_text("1 new row")).to_be_visible()


class Elsewhere(BaseHTTPRequestHandler):
    """Another site, whose page has the form `address` in a frame."""

    address = ""

    def do_GET(self) -> None:
        html = f'<!doctype html><title>Elsewhere</title><iframe src="{self.address}" width="390" height="800"></iframe>'
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(html.encode() if self.path == "/" else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[ThreadingHTTPServer]:
    site = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=site.serve_forever, daemon=True).start()
    yield site
    site.shutdown()
    site.server_close()


def test_a_page_of_a_site_that_may_embeds_the_form_and_another_does_not(
    visit: Callable[..., Visit], house: Server, home: Visit, tmp_path: Any, elsewhere: ThreadingHTTPServer
) -> None:
    make(Place(home.page, house, tmp_path), origins=f"http://127.0.0.1:{elsewhere.server_port}")
    Elsewhere.address = address_of(Place(home.page, house, tmp_path))
    other = visit(house)
    other.expect("frame-ancestors", "ERR_BLOCKED_BY_RESPONSE", "Framing", "favicon", "404", "chrome-error")
    page = other.page
    page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Name").fill("Grace")
    frame.get_by_label("Arrival").fill("2026-12-24")
    frame.get_by_role("button", name="Send").click()
    expect(frame.get_by_text("We look forward to seeing you.")).to_be_visible()

    with page.expect_event("console", lambda message: "frame-ancestors" in message.text):
        page.goto(f"http://localhost:{elsewhere.server_port}/")
    expect(page.frame_locator("iframe").get_by_label("Name")).to_have_count(0)
