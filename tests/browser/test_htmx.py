"""The htmx behaviour the pages rely on: a release that behaves differently would fail here."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.files import parts
from tests.browser.people import sign_up
from tests.helpers import ADA
from tests.servers import Server, wait_for
from tests.tables import PLANET_ROWS
from webapp.imports.requests import ImportFolder


def rows(page: Page) -> list[str]:
    return page.locator("#grid tbody.rows td:nth-child(2)").all_inner_texts()


def test_three_clicks_on_a_button_send_one_request(home: Visit) -> None:
    page = home.page
    held: list[Route] = []
    page.route("**/tables", lambda route: held.append(route))
    page.goto("/dashboard")
    page.locator("summary").filter(has_text="Paste a table").click()
    page.get_by_label("Rows, copied from a spreadsheet").fill("a,b\n1,2\n")
    button = page.get_by_role("button", name="Continue")
    button.evaluate("(button) => { button.click(); button.click(); button.click(); }")
    expect(button).to_be_disabled()
    wait_for(lambda: page.evaluate("1") and held)
    for route in held:
        route.continue_()

    expect(page.get_by_role("button", name="Import 1 row")).to_be_visible()
    assert len(home.asked("/tables$", method="POST")) == 1
    page.get_by_role("button", name="Import 1 row").evaluate("(button) => { button.click(); button.click(); }")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 row imported")
    assert len(home.asked("/start$", method="POST")) == 1


@pytest.mark.parametrize(("status", "body"), [(502, "<html><h1>Bad gateway</h1></html>"), (503, "")])
def test_an_error_of_the_server_during_a_search_keeps_the_rows_and_shows_a_toast(
    home: Visit, planets: str, status: int, body: str
) -> None:
    home.expect(str(status))
    page = home.page
    page.route(re.compile(r"\?q="), lambda route: route.fulfill(status=status, body=body, content_type="text/html"))
    page.get_by_label("Search all columns").fill("ur")

    expect(page.get_by_role("alert")).to_contain_text(f"The server could not answer ({status})")
    assert len(rows(page)) == len(PLANET_ROWS)
    expect(page).to_have_url(re.compile(f"{planets}$"))
    expect(page.get_by_label("Search all columns")).to_have_value("ur")
    page.unroute(re.compile(r"\?q="))
    page.get_by_label("Search all columns").fill("uran")
    expect(page.locator("#grid tbody.rows tr")).to_have_count(1)


def test_a_form_without_a_response_is_reported_as_possibly_saved(home: Visit) -> None:
    home.expect("502")
    page = home.page
    page.route("**/tables", lambda route: route.fulfill(status=502, body="Bad gateway", content_type="text/html"))
    page.goto("/dashboard")
    page.locator("summary").filter(has_text="Paste a table").click()
    page.get_by_label("Rows, copied from a spreadsheet").fill("a,b\n1,2\n")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("alert")).to_contain_text("(502). What you sent may have been saved: check before you try")


def test_a_form_whose_connection_is_lost_may_have_been_saved(home: Visit) -> None:
    home.expect("ERR_CONNECTION_RESET", "Failed to fetch")
    page = home.page
    page.route("**/tables", lambda route: route.abort("connectionreset"))
    page.goto("/dashboard")
    page.locator("summary").filter(has_text="Paste a table").click()
    page.get_by_label("Rows, copied from a spreadsheet").fill("a,b\n1,2\n")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("alert")).to_contain_text("What you sent may have been saved: check before you try again.")


def test_an_unreachable_server_is_reported_in_a_toast(home: Visit, planets: str) -> None:
    home.expect("ERR_CONNECTION_REFUSED", "Failed to fetch", "sort=2")
    page = home.page
    page.route(re.compile(r"sort=2"), lambda route: route.abort("connectionrefused"))
    page.get_by_role("columnheader", name="Moons").get_by_role("link").first.click()

    said = page.get_by_role("alert").filter(has_text="The server cannot be reached")
    expect(said).to_be_visible()
    page.get_by_role("columnheader", name="Moons").get_by_role("link").first.click()
    wait_for(lambda: page.evaluate("1") and len(home.asked("sort=2")) == 2)
    expect(said).to_have_count(1)
    said.get_by_role("button", name="Dismiss").click()
    expect(said).to_have_count(0)
    assert len(rows(page)) == len(PLANET_ROWS)


def test_signing_in_again_after_an_expired_session_returns_to_the_same_view(home: Visit, planets: str) -> None:
    home.expect("401")
    page = home.page
    page.goto(f"{planets}?sort=-2")
    home.page.context.clear_cookies()
    page.get_by_label("Search all columns").fill("ur")

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("E-mail").fill(ADA.email)
    page.get_by_label("Password", exact=True).fill(ADA.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(rf"{planets}\?sort=-2$"))
    expect(page.locator("#status")).to_have_text("8 rows, by Moons, highest first")


def test_going_back_after_signing_out_shows_no_table(home: Visit, planets: str) -> None:
    home.expect("401")
    page = home.page
    page.get_by_role("columnheader", name="Moons").get_by_role("link").first.click()
    expect(page.locator("#status")).to_have_text("8 rows, by Moons, lowest first")
    home.page.context.clear_cookies()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_page_opens_one_stream_per_state_and_closes_it_at_the_end(home: Visit, tmp_path: Path) -> None:
    page = home.page
    page.goto("/dashboard")
    page.get_by_label("Choose a file").set_input_files(parts(tmp_path / "parts.csv", 20_000))
    page.get_by_role("button", name="Import 20,000 rows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("20,000 rows imported")

    streams = home.asked("/live")
    states = [parse_qs(urlsplit(url).query)["state"][0] for url in streams]
    assert states in (["inspecting", "loading"], ["loading"]), streams
    expect(page.locator("[hx-sse\\:connect]")).to_have_count(0)


def test_a_stream_starts_even_if_its_script_loads_late(page: Page, tmp_path: Path) -> None:
    page.goto("/dashboard")
    held: list[Route] = []
    page.route("**/hx-sse.min.js", lambda route: held.append(route))
    page.get_by_label("Choose a file").set_input_files(parts(tmp_path / "parts.csv", 20_000))
    expect(page.locator("#import")).to_be_attached()
    wait_for(lambda: held and page.evaluate("window.htmx !== undefined"))
    page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done)))")  # all it had planned is done
    held[0].continue_()

    expect(page.get_by_role("button", name="Import 20,000 rows")).to_be_visible()


def test_the_page_of_an_import_continues_after_a_restart_of_the_server(
    server: Callable[..., Server], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    first = server()
    found = visit(first, sign_up(first))
    found.expect("ERR_", "Failed to fetch", "network error")
    page = found.page
    page.goto("/dashboard")
    page.get_by_label("Choose a file").set_input_files(parts(tmp_path / "parts.csv", 2_000))
    start = page.get_by_role("button", name="Import 2,000 rows")
    expect(start).to_be_visible()
    folder = ImportFolder(first.data_dir / "imports" / urlsplit(page.url).path.rpartition("/")[2])
    with folder.exclusive():  # so that the child waits, however fast this machine is
        start.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Importing parts.csv")
        page.evaluate("window.stayed = true")
        assert first.stop() == 0
    expect(page.get_by_role("heading", level=1)).to_have_text("Importing parts.csv")
    server(port=str(first.port))

    expect(page.get_by_role("heading", level=1)).to_have_text("2,000 rows imported", timeout=60_000)
    assert page.evaluate("window.stayed")


def test_an_upload_has_no_client_side_timeout(home: Visit, tmp_path: Path) -> None:
    page = home.page
    page.goto("/dashboard")
    page.evaluate("htmx.config.defaultTimeout = 200")
    wire = home.page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    wire.send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Choose a file").set_input_files(parts(tmp_path / "parts.csv", 10_000))

    expect(page.get_by_role("button", name="Import 10,000 rows")).to_be_visible()


def test_an_open_menu_stays_open_when_the_toolbar_is_replaced(page: Page, planets: str) -> None:
    menu = page.locator("details").filter(has_text="Export")
    page.locator("summary").filter(has_text="Export").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    page.keyboard.type("ur")
    expect(page.locator("#status")).to_have_text("3 of 8 rows matching “ur”")
    expect(menu).to_have_attribute("open", "")
    expect(menu.get_by_role("link", name=re.compile("^NDJSON"))).to_have_attribute("href", re.compile("q=ur"))
    expect(page.get_by_label("Search all columns")).to_be_focused()


def test_a_line_under_the_header_shows_that_a_request_is_running(page: Page, planets: str) -> None:
    held: list[Route] = []
    page.route(re.compile(r"sort=2"), lambda route: held.append(route))
    page.get_by_role("columnheader", name="Moons").get_by_role("link").first.click()
    expect(page.locator(".line")).to_have_css("opacity", "1")
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "true")
    wait_for(lambda: page.evaluate("1") and held)
    held[0].continue_()
    expect(page.locator("#status")).to_have_text("8 rows, by Moons, lowest first")
    expect(page.locator(".line")).to_have_css("opacity", "0")
    expect(page.locator("#grid")).not_to_have_attribute("aria-busy", "true")


def test_a_page_of_another_version_of_the_server_is_loaded_as_a_whole(page: Page, planets: str) -> None:
    version = page.evaluate("document.querySelector('script[src$=\"/js/app.js\"]').src.split('/').at(-3)")

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, body=found.text().replace(version, "0" * 12))

    page.goto("/dashboard")
    page.route(f"**{planets}", answer)
    page.evaluate("window.isSame = true")
    page.locator(f"a[href='{planets}']").first.click()
    expect(page.locator("#grid")).to_be_visible()
    assert page.evaluate("window.isSame") is None
    page.get_by_role("link", name="Tables").click()
    page.wait_for_url(re.compile("/dashboard$"))  # with its scripts: a link without them loads a page as a whole
    page.unroute(f"**{planets}")
    page.evaluate("window.isSame = true")
    page.locator(f"a[href='{planets}']").first.click()
    expect(page.locator("#grid")).to_be_visible()
    assert page.evaluate("window.isSame"), "A page of the same version is not."
