"""A stranger's first minute, from an empty server to the rows of their own file."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.files import parts
from tests.helpers import ADA
from tests.servers import Server, wait_for

ROWS = 60_000
UPLOAD_SPEED = 2_000_000  # bytes a second

# Every value the bar had, and every sentence beside it, as a person would have seen them.
WATCH = """([name, bar, words]) => {
    const seen = window[name] = { shares: [], words: [] };
    const look = () => {
        const value = document.querySelector(bar)?.getAttribute('value') ?? document.querySelector(bar)?.value;
        const text = document.querySelector(words)?.innerText;
        if (value != null) seen.shares.push(Number(value));
        if (text) seen.words.push(text);
    };
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    new MutationObserver(look).observe(document.body, all);
}"""


def test_the_first_person_signs_up_and_imports_a_file(
    server: Callable[..., Server], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    page = visit(server()).page

    make_the_owners_account(page)
    choose_a_file(page, parts(tmp_path / "parts 2024.csv", ROWS))
    look_at_what_was_found(page)
    decide(page)
    watch_it_come_in(page)

    page.get_by_role("link", name="Open the table").click()
    expect(page.get_by_role("heading", name="parts 2024")).to_be_visible()
    expect(page.get_by_role("status").first).to_have_text(f"{ROWS:,} rows")
    expect(page.locator("#r7 td")).to_have_text(["7", "000007", "", "7.75", "Köln", "2017-08-08"])
    expect(page.get_by_role("columnheader", name="Left in stock")).to_be_visible()


def make_the_owners_account(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_title(re.compile("Rowcast"))
    page.get_by_role("link", name="Create an account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Create the owner's account")
    page.get_by_label("E-mail").fill(ADA.email)
    page.get_by_label("Password", exact=True).fill(ADA.password)
    page.get_by_label("again").fill(ADA.password)
    page.get_by_role("button", name="Create the account").click()
    expect(page).to_have_url(re.compile("/dashboard$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Import your first table")
    expect(page.get_by_role("table")).to_have_count(0)
    expect(page.get_by_role("button", name="Try a sample")).to_be_visible()


def choose_a_file(page: Page, path: Path) -> None:
    """Slowly enough that the bar is really there."""
    page.evaluate(WATCH, ["upload", "[data-bar]", "[data-figures]"])
    wire = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": UPLOAD_SPEED}
    wire.send("Network.emulateNetworkConditions", slow)
    seen: dict[str, list[str]] = {"shares": [], "words": []}
    page.get_by_label("Choose a file").set_input_files(path)
    expect(page.get_by_text(path.name)).to_be_visible()
    expect(page.get_by_role("progressbar", name="Upload")).to_be_visible()

    def is_under_way() -> bool:
        seen.update(page.evaluate("window.upload ?? {}"))
        return any(0 < float(share) < 1 for share in seen["shares"])

    wait_for(is_under_way)
    assert any(re.fullmatch(r"[\d.]+ of 2\.4 MB( · .*)?", words) for words in seen["words"]), seen["words"]
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    wire.detach()


def look_at_what_was_found(page: Page) -> None:
    expect(page.get_by_role("button", name=f"Import {ROWS:,} rows")).to_be_visible()
    expect(page.locator(".lead")).to_contain_text(f"{ROWS:,} rows in 6 columns")
    expect(page.get_by_label("Type of Code")).to_have_value("text")
    expect(page.get_by_text("000001").first).to_be_visible()
    expect(page.get_by_label("Type of Since")).to_have_value("date")
    expect(page.get_by_label("Type of Price")).to_have_value(re.compile("^decimal"))


def decide(page: Page) -> None:
    """Change a title, a type and the word for empty cells."""
    page.evaluate("window.stayed = true")
    page.get_by_label("Title of column 3").fill("Left in stock")
    page.get_by_label("NA among the values").select_option("empty")
    page.get_by_label("Type of No").select_option("text")
    page.evaluate(WATCH, ["loading", "#progress progress", "#progress .figures"])
    page.get_by_role("button", name=f"Import {ROWS:,} rows").click()


def watch_it_come_in(page: Page) -> None:
    """The live stream moves the page on by itself."""
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{ROWS:,} rows imported", timeout=90_000)
    assert page.evaluate("window.stayed"), "The page was loaded anew instead of being told."
    seen = page.evaluate("window.loading")
    assert any(0 < share < 1 for share in seen["shares"]), seen["shares"]
    assert any(re.search(r"Rows\s+[1-9][\d,]* of 60,000", words) for words in seen["words"]), seen["words"]
