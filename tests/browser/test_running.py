"""What runs for the reader, in the header of every page: it appears, is followed while somebody looks, and goes."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.files import parts
from tests.browser.people import sign_up
from tests.import_states import add_import
from tests.servers import Server

HELD = "tests.jobs.apps:held_imports"
# Whether the list is asked for when its next turn has come.
ASKS = """() => new Promise((resolve) => {
    const look = (event) => {
        const { sourceElement, sourceEvent } = event.detail.ctx;
        if (sourceEvent?.type !== 'every' || !sourceElement.matches('.running-list')) return;
        document.removeEventListener('htmx:before:request', look);
        resolve(!event.defaultPrevented);
    };
    document.addEventListener('htmx:before:request', look);
})"""
BACKGROUND = """(isHidden) => {
    Object.defineProperty(document, 'hidden', { get: () => isHidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_the_header_shows_what_runs_as_long_as_it_runs(
    server: Callable[..., Server], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    house = server(HELD)
    found = visit(house, sign_up(house))
    page, menu = found.page, found.page.locator("#running")
    page.goto("/dashboard")
    expect(menu).to_be_hidden()
    page.locator("input[type=file]").set_input_files(parts(tmp_path / "parts.csv", 90))
    button = page.get_by_role("button", name="Import 90 rows")
    expect(button).to_be_visible()
    hold = house.data_dir / "hold"
    hold.touch()
    button.click()
    expect(menu).to_be_visible()
    expect(menu.locator("summary")).to_contain_text("1")

    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("link", name="parts.csv")).to_be_visible()
    for _ in range(2):
        page.wait_for_event("request", lambda request: request.url.endswith("/tables/running"))
    page.evaluate(BACKGROUND, True)
    assert not page.evaluate(ASKS), "A page in the background asked."
    page.evaluate(BACKGROUND, False)
    assert page.evaluate(ASKS)

    hold.unlink()
    expect(menu).to_contain_text("Nothing is running.")
    expect(menu.locator("summary")).to_contain_text("0")
    page.keyboard.press("Escape")
    expect(menu.locator("summary")).to_be_focused()
    assert menu.is_visible(), "Whoever is at it keeps the focus."
    page.keyboard.press("Tab")
    expect(menu).to_be_hidden()
    page.get_by_role("link", name="Open the table").click()
    expect(page.locator("#status")).to_have_text("90 rows")
    expect(menu).to_be_hidden()


def test_work_that_is_not_in_the_queue_yet_is_shown_as_well(home: Visit, tmp_path: Path) -> None:
    address = add_import(home.server.data_dir, parts(tmp_path / "early.csv", 90), "loading")
    home.page.goto("/tables/trash")
    expect(home.page.locator("#running")).to_be_hidden()
    home.page.evaluate(
        "(url) => htmx.ajax('GET', url, { target: '#main', select: '#main', swap: 'outerMorph' })", address
    )
    expect(home.page.locator("#running summary")).to_be_visible()
    home.page.locator("#running summary").click()
    home.page.locator("#running").get_by_role("link", name="early.csv").click()
    home.page.get_by_role("button", name="Cancel").last.click()
    expect(home.page.get_by_role("heading", level=1)).to_have_text("The import was cancelled")


def test_a_menu_that_was_opened_too_early_lists_what_began_since(
    server: Callable[..., Server], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    house = server(HELD)
    page = visit(house, sign_up(house)).page
    menu, hold = page.locator("#running"), house.data_dir / "hold"
    page.goto("/dashboard")
    page.locator("input[type=file]").set_input_files(parts(tmp_path / "parts.csv", 90))
    button = page.get_by_role("button", name="Import 90 rows")
    expect(button).to_be_visible()
    with page.expect_response("**/tables/running"):  # as if it were still shown that the file is being read
        page.evaluate("const menu = document.querySelector('#running'); menu.hidden = false; menu.open = true")
    expect(menu).to_contain_text("Nothing is running.")
    hold.touch()
    button.evaluate("(it) => it.form.requestSubmit(it)")  # a click would close the menu
    expect(menu.get_by_role("link", name="parts.csv")).to_be_visible()
    hold.unlink()
    expect(page.get_by_role("link", name="Open the table")).to_be_visible()
