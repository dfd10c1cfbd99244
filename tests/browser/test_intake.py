"""All the ways in, and out again half way: dropping, pasting, the sample, cancelling, files that cannot be."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.files import parts
from tests.import_states import add_import
from tests.servers import ROOT, wait_for

CORPUS = ROOT / "tests" / "corpus"

DROP = """([name, text]) => {
    const dragged = new DataTransfer();
    dragged.items.add(new File([text], name, { type: 'text/csv' }));
    let isShown = false;
    for (const kind of ['dragenter', 'dragover', 'drop']) {
        const event = new DragEvent(kind, { dataTransfer: dragged, bubbles: true, cancelable: true });
        document.querySelector('main h1').dispatchEvent(event);
        if (kind === 'dragover') isShown = document.documentElement.hasAttribute('data-dragging');
    }
    return isShown;
}"""
PASTE = """(text) => {
    const pasted = new DataTransfer();
    pasted.setData('text/plain', text);
    const event = new ClipboardEvent('paste', { clipboardData: pasted, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
}"""


@pytest.fixture
def dashboard(page: Page) -> Page:
    page.goto("/dashboard")
    return page


def test_a_file_dropped_anywhere_on_the_page_is_uploaded(dashboard: Page) -> None:
    dashboard.evaluate(DROP, ["dropped.csv", "Name,City\nAda,London\nLinus,Helsinki\n"])

    expect(dashboard.get_by_role("button", name="Import 2 rows")).to_be_visible()
    expect(dashboard.get_by_role("heading", level=1)).to_have_text("dropped.csv")


def test_the_page_shows_that_a_dragged_file_can_be_dropped(dashboard: Page) -> None:
    assert dashboard.evaluate(DROP, ["dropped.csv", "Name,City\nAda,London\n"])
    expect(dashboard.get_by_role("button", name="Import 1 row")).to_be_visible()


def test_a_pasted_table_becomes_an_import(dashboard: Page) -> None:
    text = "Name\tCity\nAda\tLondon\nLinus\tHelsinki\n"
    dashboard.evaluate(PASTE, text)
    expect(dashboard.get_by_label("Rows, copied from a spreadsheet")).to_have_value(text)
    dashboard.get_by_role("button", name="Continue").click()

    expect(dashboard.get_by_role("button", name="Import 2 rows")).to_be_visible()
    expect(dashboard.get_by_label("Delimiter")).to_have_value("\t")


def test_the_sample_is_imported_with_one_click(dashboard: Page) -> None:
    dashboard.get_by_role("button", name="Try a sample").click()

    expect(dashboard.locator("#status")).to_have_text("4,453 rows", timeout=40_000)
    expect(dashboard.locator("#grid tbody.rows tr").first).to_be_visible()


def test_a_cancelled_upload_leaves_no_import(home: Visit, dashboard: Page, tmp_path: Path) -> None:
    before = [path.name for path in (home.server.data_dir / "imports").glob("*")]
    wire = home.page.context.new_cdp_session(dashboard)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    wire.send("Network.emulateNetworkConditions", slow)
    dashboard.get_by_label("Choose a file").set_input_files(parts(tmp_path / "big.csv", 30_000))
    bar = dashboard.get_by_role("progressbar", name="Upload")
    wait_for(lambda: bar.evaluate("(bar) => bar.value") > 0)
    cancel = dashboard.get_by_role("button", name="Cancel")
    expect(cancel).to_be_focused()
    cancel.click()

    expect(bar).to_be_hidden()
    expect(dashboard.get_by_label("Choose a file")).to_be_attached()
    expect(dashboard.get_by_text("The upload was cut off")).to_be_hidden()
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    wait_for(lambda: [path.name for path in (home.server.data_dir / "imports").glob("*")] == before)
    dashboard.reload()
    expect(dashboard.get_by_text("big.csv")).to_have_count(0)


def upload(page: Page, path: Path) -> None:
    page.goto("/dashboard")
    page.get_by_label("Choose a file").set_input_files(path)


def test_an_import_cancelled_while_it_loads_leaves_nothing(page: Page, tmp_path: Path) -> None:
    upload(page, parts(tmp_path / "many parts.csv", 100_000))
    page.get_by_role("button", name="Import 100,000 rows").click(timeout=40_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Importing many parts.csv")
    rows = page.get_by_role("link", name="View the rows so far")
    address = rows.get_attribute("href")
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("The import was cancelled")
    assert address
    wait_for(lambda: page.request.get(address).status == 404)
    page.goto("/dashboard")
    expect(page.get_by_text("many parts")).to_have_count(0)


def test_the_rows_loaded_so_far_can_be_viewed_during_the_import(page: Page, tmp_path: Path) -> None:
    upload(page, parts(tmp_path / "growing.csv", 100_000))
    page.get_by_role("button", name="Import 100,000 rows").click(timeout=40_000)
    page.get_by_role("link", name="View the rows so far").click()
    expect(page.locator("#status")).to_contain_text("so far; more are coming in")
    expect(page.locator("#status")).to_have_text("100,000 rows", timeout=40_000)
    page.reload()
    expect(page.locator("#r100")).to_be_attached()


def test_a_broken_workbook_fails_with_an_explanation(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04" + bytes(range(256)) * 40)
    upload(page, broken)

    expect(page.get_by_role("heading", level=1)).to_have_text("broken.xlsx could not be imported")
    said = page.locator(".lead").inner_text()
    assert len(said.split()) > 4, said
    assert not re.search(r"Error|Traceback|None|\bXML\b", said), said
    page.get_by_role("link", name="Choose a file").click()
    expect(page).to_have_url(re.compile("/dashboard$"))
    expect(page.get_by_text("Failed").first).to_be_visible()


def test_rejected_rows_are_counted_and_can_be_downloaded(page: Page) -> None:
    upload(page, CORPUS / "ragged.csv")
    aside = page.locator(".rejected")
    expect(aside).to_contain_text("rejected")
    count = int(re.match(r"[\d,]+", aside.locator("b").inner_text())[0])  # type: ignore[index]
    expect(aside.locator("tbody tr")).to_have_count(count)
    with page.expect_download() as download:
        aside.get_by_role("link", name=re.compile("^Download (it|them) as CSV")).click()
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(lines) == count + 1
    page.get_by_role("button", name=re.compile("^Import")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("imported")
    expect(page.locator(".rejected")).to_contain_text("rejected")


def test_a_file_is_read_again_with_the_chosen_options(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("a;b,c\n1;2,5\n3;4,5\n5;6,5\n", encoding="utf-8")
    upload(page, path)
    page.get_by_text("Import settings").click()
    page.get_by_label("Delimiter").select_option(",")
    page.get_by_role("button", name="Apply and re-read").click()
    expect(page.get_by_label("Title of column 1")).to_have_value("a;b")
    expect(page.get_by_label("Delimiter")).to_have_value(",")
    page.get_by_text("Import settings").click()
    page.get_by_label("Delimiter").select_option(";")
    page.get_by_role("button", name="Apply and re-read").click()
    expect(page.get_by_label("Title of column 2")).to_have_value("b,c")


def test_two_columns_with_the_same_title_are_refused_with_an_explanation(home: Visit, tmp_path: Path) -> None:
    home.expect("422")
    page = home.page
    path = tmp_path / "two.csv"
    path.write_text("a,b\n1,x\n2,y\n", encoding="utf-8")
    upload(page, path)
    page.get_by_label("Title of column 1").fill("Same")
    page.get_by_label("Title of column 2").fill("Same")
    page.get_by_role("button", name="Import 2 rows").click()

    expect(page.get_by_role("alert")).to_contain_text("Two columns are called")
    expect(page.get_by_role("button", name="Import 2 rows")).to_be_visible()


def test_a_skipped_column_is_not_in_the_table_and_not_all_can_be_skipped(home: Visit, tmp_path: Path) -> None:
    home.expect("422")
    page = home.page
    path = tmp_path / "people.csv"
    path.write_text("Name,Secret\nAda,1\nLinus,2\n", encoding="utf-8")
    upload(page, path)
    name, secret = (page.get_by_label(f"Skip {title}") for title in ("Name", "Secret"))
    secret.check()
    page.get_by_role("button", name="Apply and re-read").click()
    expect(page.get_by_text("1 of them skipped")).to_be_visible()
    expect(secret).to_be_checked()

    name.check()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.locator(".sample .error")).to_have_text(re.compile("at least one column"))
    expect(page.locator(".sample .error")).to_be_visible()
    expect(name).to_be_focused()
    name.uncheck()
    page.get_by_role("button", name="Import 2 rows").click()
    page.get_by_role("link", name="Open the table").click()
    expect(page.get_by_role("columnheader")).to_have_text(["Row", "Name"])


def test_an_import_that_waits_for_a_decision_is_on_the_dashboard(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "waiting.csv"
    path.write_text("a,b\n1,x\n", encoding="utf-8")
    upload(page, path)
    expect(page.get_by_role("button", name="Import 1 row")).to_be_visible()
    page.goto("/dashboard")
    page.get_by_text("Pending imports").click()
    page.get_by_role("link", name="waiting.csv").first.click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The import was cancelled")


@pytest.mark.parametrize("name", ["empty.csv", "bomb.xlsx", "unclosed_quote.csv"])
def test_a_file_without_a_table_is_refused_with_a_reason(home: Visit, name: str) -> None:
    home.expect("400|413|422")
    page = home.page
    upload(page, CORPUS / name)
    said = page.locator(".drop-failed:visible, .lead, .toast")
    expect(said.filter(has_text=re.compile(r"\w+ \w+ \w+")).first).to_be_visible()


SHIFTS = """() => new Promise((done) => {
    let total = 0;
    const add = (list) => { for (const shift of list.getEntries()) total += shift.value; };
    const observer = new PerformanceObserver(add);
    observer.observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => done(total)));
})"""


SLOW = {"offline": False, "latency": 60, "downloadThroughput": 200_000, "uploadThroughput": 200_000}


@pytest.mark.parametrize("slowness", [1, 4, 5, 6])
def test_nothing_moves_while_a_preview_loads(home: Visit, tmp_path: Path, slowness: int) -> None:
    """Also if the page arrives and is drawn in parts, by a slow line and a slow machine."""
    page = home.page
    window = page.context.new_cdp_session(page)
    window.send("Emulation.setCPUThrottlingRate", {"rate": slowness})
    window.send("Network.emulateNetworkConditions", SLOW)
    page.goto(add_import(home.server.data_dir, parts(tmp_path / "still.csv", 900), "ready"))
    expect(page.get_by_role("button", name="Import 900 rows")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SHIFTS) < 0.001


def test_a_preview_of_17_columns_is_at_most_a_screen_and_a_half(home: Visit, tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(",".join(f"{row}{column}" for column in range(17)) for row in range(1, 60)), "utf-8")
    page = home.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(add_import(home.server.data_dir, path, "ready"))
    assert page.evaluate("document.documentElement.scrollHeight") <= 1350
    assert page.evaluate("document.documentElement.scrollWidth") == 1440


def test_one_answer_decides_the_order_of_all_dates(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Sent,Paid\n03/04/2021,05/06/2021\n01/02/2021,07/08/2021\n", encoding="utf-8")
    upload(page, path)
    page.get_by_label("Dates like 03/04/2021").select_option(label="Day first (3 April)")
    page.get_by_role("button", name="Apply and re-read").click()
    for title in ("Sent", "Paid"):
        expect(page.get_by_label(f"Type of {title}")).to_have_value("date:dmy")
