"""A table is shown to people without an account: a link is made, used, watched through and revoked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.edit_states import change
from tests.browser.states import Place
from tests.browser.test_editing import cell
from tests.tables import PLANET_ROWS, PLANETS


def test_a_stranger_with_a_link_looks_and_sees_changes_until_it_is_revoked(
    home: Visit, visit: Callable[..., Visit], table: Callable[..., str]
) -> None:
    address = table(PLANETS, PLANET_ROWS, "Planets for the press")
    home.page.goto(f"{address}?f.2=gt:0&cols=1,2")
    home.page.locator("#show-links").click()
    home.page.get_by_label("Name", exact=True).fill("Press")
    home.page.get_by_role("button", name="Make the link").click()
    link = home.page.locator("code.secret").text_content() or ""

    guest = visit(home.server)
    guest.page.goto(link)
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Planets for the press")
    expect(guest.page.locator("#status")).to_have_text("6 rows")
    expect(guest.page.locator("#grid tbody input")).to_have_count(0)
    guest.page.locator("#sort-2").click()
    expect(cell(guest.page, 3, 1)).to_have_text("Earth")
    guest.page.get_by_role("searchbox").fill("ur")
    expect(guest.page.locator("#status")).to_contain_text("2 rows matching")
    guest.page.locator("#grid tbody th a").first.click()
    expect(guest.page.locator("#panel h2")).to_be_focused()
    expect(guest.page.locator("#panel")).not_to_contain_text("Radius")
    guest.page.goto(link)
    expect(guest.page.locator("#live")).to_have_attribute("data-state", "live")
    expect(guest.page.locator("#live li")).to_have_count(0)

    home.page.goto(address)
    change(Place(home.page, home.server, home.server.data_dir), 5, 1, "Zeus")
    expect(cell(guest.page, 5, 1)).to_have_text("Zeus")
    expect(cell(guest.page, 5, 1)).to_have_attribute("title", "Changed by somebody")
    change(Place(home.page, home.server, home.server.data_dir), 5, 2, "0")
    expect(guest.page.locator("#r5")).to_have_count(0)
    expect(guest.page.locator("#status")).to_have_text("5 rows")

    guest.expect("status of 404", "answered 404")
    home.page.goto(f"{address}/links")
    home.page.get_by_role("button", name="Revoke Press").click()
    expect(home.page.get_by_text("The link “Press” does not work any more.")).to_be_visible()
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Not found")
    assert guest.page.context.cookies() == []


def test_a_stranger_edits_by_a_link_and_a_member_sees_it_and_takes_it_back(
    home: Visit, visit: Callable[..., Visit], table: Callable[..., str]
) -> None:
    address = table(PLANETS, PLANET_ROWS, "Planets to be corrected")
    home.page.goto(f"{address}?f.4=eq:no&cols=1,2")
    home.page.locator("#show-links").click()
    home.page.get_by_label("Name", exact=True).fill("Helpers")
    home.page.get_by_label("Edit", exact=False).first.check()
    home.page.get_by_role("button", name="Make the link").click()
    link = home.page.locator("code.secret").text_content() or ""
    home.page.goto(address)

    guest = visit(home.server)
    guest.page.goto(link)
    place = Place(guest.page, home.server, home.server.data_dir)
    change(place, 3, 1, "Gaia")
    expect(guest.page.locator("#saving")).to_have_text("Saved")
    expect(cell(home.page, 3, 1)).to_have_text("Gaia")
    expect(cell(home.page, 3, 1)).to_have_attribute("title", "Changed by a visitor via link “Helpers”")
    change(Place(home.page, home.server, home.server.data_dir), 2, 2, "7")
    expect(cell(guest.page, 2, 2)).to_have_text("7")

    cell(guest.page, 4, 1).click()
    guest.page.keyboard.press("Shift+Enter")
    expect(guest.page.locator("#r9")).to_be_visible()
    expect(guest.page.locator("#news")).to_be_hidden()
    expect(home.page.locator("#news")).to_have_text("1 new row")
    cell(guest.page, 4, 1).click(button="right")
    guest.page.get_by_role("menuitem", name="Delete the row").click()
    expect(guest.page.locator("#r4")).to_have_count(0)
    expect(guest.page.locator("#saving")).to_have_text("1 row deleted.")
    guest.page.keyboard.press("Control+z")
    expect(guest.page.locator("#saving")).to_have_text("1 row deleted.")

    home.page.goto(f"{address}/history")
    expect(home.page.locator("main")).to_contain_text("A visitor via link “Helpers” deleted 1 row")
    guest.page.goto(link)  # no reading of rows is under way
    expect(guest.page.locator("#live")).to_have_attribute("data-state", "live")
    home.page.get_by_role("button", name="Undo this").first.click()
    expect(guest.page.locator("#news")).to_have_text("1 new row")
    guest.page.locator("#news").click()
    expect(cell(guest.page, 4, 1)).to_have_text("Mars")


def test_a_stranger_without_javascript_finds_edits_and_groups_rows_on_a_phone(
    home: Visit, visit: Callable[..., Visit], table: Callable[..., str]
) -> None:
    home.page.goto(f"{table(PLANETS, PLANET_ROWS, 'Planets on paper')}?f.2=gt:0&cols=1,2,4")
    home.page.locator("#show-links").click()
    home.page.get_by_label("Name", exact=True).fill("Readers")
    home.page.locator("#may_edit").check()
    home.page.get_by_role("button", name="Make the link").click()
    link = home.page.locator("code.secret").text_content() or ""

    page = visit(home.server, java_script_enabled=False, viewport={"width": 390, "height": 844}).page
    page.goto(link)
    page.get_by_role("searchbox").fill("ear")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#status")).to_have_text("1 row matching “ear”")
    page.locator("#grid tbody th a").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Moons").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Row 3")
    expect(page.locator("main")).to_contain_text("5")

    page.goto(f"{link}?group=4&sums=2")
    expect(page.locator(".group summary").first).to_contain_text("Sum of Moons: 7")
    page.locator(".group summary").first.click()
    page.get_by_role("link", name="Show these 2 rows in the table").click()
    expect(page.locator("#grid tbody.rows td:nth-child(2)")).to_have_text(["Earth", "Mars"])
    page.get_by_role("link", name="Chart", exact=True).click()
    expect(page.locator("svg[role=img]")).to_be_visible()
    assert "Radius" not in page.content()


@contextmanager
def site(html: Callable[[], str]) -> Iterator[str]:
    """The origin of a server on which every page is `html()`; it is another site than the localhost of ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html().encode())

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_table_is_a_part_of_the_sites_that_its_owner_named_and_of_no_other(
    home: Visit, visit: Callable[..., Visit], table: Callable[..., str]
) -> None:
    links: list[str] = []

    def html() -> str:
        frame = f'<iframe src="{links[-1]}embed" width=800 height=500></iframe>'
        return f'<title>Site</title><link rel=icon href="data:,">{frame}'

    with site(html) as named, site(html) as other:
        home.page.goto(f"{table(PLANETS, PLANET_ROWS, 'Planets elsewhere')}/links")
        home.page.get_by_label("Name", exact=True).fill("Site")
        home.page.get_by_label("Sites that may embed it").fill(named)
        home.page.get_by_role("button", name="Make the link").click()
        link = home.page.locator("code.secret").text_content() or ""
        links.append(f"{link}?")
        guest = visit(home.server)

        guest.page.goto(named)
        frame = guest.page.frame_locator("iframe")
        expect(frame.locator("#status")).to_have_text("8 rows")
        expect(frame.locator(".top")).to_have_css("clip-path", "inset(50%)")
        frame.locator("#sort-2").click()
        expect(frame.locator("#grid tbody.rows tr").first).to_contain_text("Mercury")
        frame.get_by_role("searchbox").fill("nep")
        expect(frame.locator("#status")).to_contain_text("1 of 8 rows")
        frame.locator("#grid tbody th a").first.click()
        expect(frame.locator("#panel h2")).to_have_text("Row 8")
        assert guest.page.context.cookies() == []

        links.append(f"{link}/chart?kind=bar&x=4&")
        guest.page.goto(named)
        expect(frame.get_by_role("heading", level=1)).to_have_text("Number of rows by Rings")
        expect(frame.locator("svg[role=img]")).to_be_visible()
        expect(frame.locator(".top")).to_have_css("clip-path", "inset(50%)")
        expect(frame.get_by_text("Draw another chart")).to_have_css("text-decoration-line", "underline")
        frame.get_by_text("Draw another chart").click()
        frame.get_by_label("Kind").select_option("histogram")
        frame.get_by_label("Column", exact=True).select_option("Moons")
        frame.get_by_role("button", name="Draw").click()
        expect(frame.get_by_role("heading", level=1)).to_have_text("Histogram of Moons")
        expect(frame.locator("body.bare")).to_have_count(1)

        guest.expect("frame-ancestors", "chrome-error", "ERR_BLOCKED_BY_CSP", "ERR_BLOCKED_BY_RESPONSE")
        guest.page.goto(other)
        expect(frame.locator("#status")).to_have_count(0)
