"""Every page, in each state that looks different: rules for all pages are tested over this list."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.files import parts
from tests.helpers import ADA
from tests.import_states import add_import
from tests.servers import ROOT, Server
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.web.errors import FAILED_UNSAFE, FAILURE_PAGE

FAILURE = "The workbook unpacks to more than it may: 12 GB out of 12 MB. That is no spreadsheet."
CORPUS = ROOT / "tests" / "corpus"
LONG = "a very long text that goes on and on, over many a word, until it is far too wide for any column of a table"
WIDE = {f"Column {number} with a title": "text" for number in range(1, 13)}
WIDE_ROWS = [[f"{row}.{number}" if number > 2 else LONG for number in range(1, 13)] for row in range(1, 41)]


@dataclass(frozen=True)
class Place:
    """Where a state is made: a window on a server, and a folder for files."""

    page: Page
    server: Server
    folder: Path

    @property
    def data(self) -> Path:
        return self.server.data_dir

    def table(self) -> str:
        return f"/tables/{add_table(self.data, PLANETS, PLANET_ROWS)}"


Show = Callable[[Place], None]
SIGNED_OUT: dict[str, Show] = {}
SIGNED_IN: dict[str, Show] = {}
# The console messages of states that show a refusal.
REFUSALS = r"\b(401|404|409|410|422|503)\b"


def signed_out(show: Show) -> Show:
    SIGNED_OUT[show.__name__.replace("_", " ")] = show
    return show


def signed_in(show: Show) -> Show:
    SIGNED_IN[show.__name__.replace("_", " ")] = show
    return show


@signed_out
def welcome(at: Place) -> None:
    at.page.goto("/")


@signed_out
def documentation_of_the_api(at: Place) -> None:
    at.page.goto("/api/docs")


@signed_out
def sign_up_refused(at: Place) -> None:
    at.page.goto("/register")
    at.page.get_by_label("E-mail").fill("grace@example.org")
    at.page.get_by_label("Password", exact=True).fill("long enough")
    at.page.get_by_label("again").fill("other")
    at.page.get_by_role("button", name="Create the account").click()
    expect(at.page.locator("[aria-invalid]").first).to_be_visible()


@signed_out
def sign_in_refused(at: Place) -> None:
    at.page.goto("/login?next=/dashboard")
    at.page.get_by_label("E-mail").fill(ADA.email)
    at.page.get_by_label("Password", exact=True).fill("not the password")
    at.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(at.page.get_by_role("alert").first).to_be_visible()


@signed_in
def dashboard(at: Place) -> None:
    at.table()
    for state in ("ready", "loading", "inspecting"):
        add_import(at.data, parts(at.folder / f"parts of {state}.csv", 900), state)
    add_import(at.data, CORPUS / "bomb.xlsx", "failed", failure=FAILURE)
    at.page.goto("/dashboard")
    at.page.locator("summary").filter(has_text="Paste a table").click()
    at.page.locator("summary").filter(has_text="Account menu").click()


@signed_in
def import_inspecting(at: Place) -> None:
    at.page.goto(add_import(at.data, parts(at.folder / "parts.csv", 900), "inspecting"))


@signed_in
def import_preview(at: Place) -> None:
    at.page.goto(add_import(at.data, parts(at.folder / "parts 2024.csv", 900), "ready"))


@signed_in
def import_preview_with_rejected_rows(at: Place) -> None:
    at.page.goto(add_import(at.data, CORPUS / "ragged.csv", "ready"))


@signed_in
def import_preview_with_questions(at: Place) -> None:
    at.page.goto(add_import(at.data, CORPUS / "dates_ambiguous.csv", "ready"))


@signed_in
def import_loading(at: Place) -> None:
    address = at.table()
    table_id = int(address.rpartition("/")[2])
    at.page.goto(add_import(at.data, parts(at.folder / "parts.csv", 900), "loading", table_id=table_id))


@signed_in
def import_done(at: Place) -> None:
    table_id = int(at.table().rpartition("/")[2])
    at.page.goto(add_import(at.data, CORPUS / "ragged.csv", "done", table_id=table_id))


@signed_in
def import_failed(at: Place) -> None:
    at.page.goto(add_import(at.data, CORPUS / "bomb.xlsx", "failed", failure=FAILURE))


@signed_in
def import_cancelled(at: Place) -> None:
    at.page.goto(add_import(at.data, parts(at.folder / "parts.csv", 90), "cancelled"))


@signed_in
def table_wide(at: Place) -> None:
    at.page.goto(f"/tables/{add_table(at.data, WIDE, WIDE_ROWS, title=LONG)}")


@signed_in
def table_searched_filtered_and_sorted(at: Place) -> None:
    at.page.goto(at.table() + "?q=u&sort=4,-3&f.2=ge:1&f.1=contains:u&cols=1,2,3,4")
    at.page.locator("#grid tbody.rows td").first.focus()


@signed_in
def table_with_the_export_menu(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("summary").filter(has_text="Export").click()


@signed_in
def table_with_the_filter_menu(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("summary").filter(has_text="by a column").click()


@signed_in
def table_where_nothing_matches(at: Place) -> None:
    at.page.goto(at.table() + "?q=pluto")


@signed_in
def table_without_rows(at: Place) -> None:
    at.page.goto(f"/tables/{add_table(at.data, {'Planet': 'text'}, [])}")


@signed_in
def table_with_a_row_beside_it(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("#r5 th a").click()
    expect(at.page.get_by_role("heading", name="Row 5")).to_be_visible()


@signed_in
def table_with_a_column_beside_it(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("#column-3").focus()
    at.page.keyboard.press("Enter")
    expect(at.page.get_by_role("heading", name="Summary")).to_be_visible()


@signed_in
def row(at: Place) -> None:
    at.page.goto(at.table() + "/rows/5")


@signed_in
def column_filtered_by_many(at: Place) -> None:
    at.page.goto(at.table() + "/columns/1?f.1=oneof:Earth,Mars")
    expect(at.page.get_by_role("heading", name="Summary")).to_be_visible()


@signed_in
def columns(at: Place) -> None:
    at.page.goto(at.table() + "/columns?cols=1,2,4")


@signed_in
def rename_or_delete(at: Place) -> None:
    at.page.goto(at.table() + "/edit")


@signed_in
def a_page_that_is_not_there(at: Place) -> None:
    at.page.goto("/tables/999999")


@signed_in
def a_filter_that_means_nothing(at: Place) -> None:
    at.page.goto(at.table() + "?f.2=ge:many")


@signed_in
def a_filter_refused(at: Place) -> None:
    at.page.goto(at.table())
    at.page.locator("#column-2").focus()
    at.page.keyboard.press("Enter")
    at.page.get_by_label("Condition").select_option("ge")
    at.page.get_by_label("Value", exact=True).fill("many")
    at.page.get_by_role("button", name=re.compile("^Filter$")).click()
    expect(at.page.get_by_role("alert")).to_be_visible()


@signed_in
def a_toast(at: Place) -> None:
    at.page.goto(at.table())
    at.page.route("**/*q=u", lambda route: route.fulfill(status=503, content_type="text/html"))
    at.page.get_by_label("Search all columns").fill("u")
    expect(at.page.get_by_role("alert")).to_be_visible()


@signed_in
def failure_of_our_own(at: Place) -> None:
    """Its page is filled in by replacing, so it is shown without a failure."""
    html = FAILURE_PAGE.replace("{{ outcome }}", FAILED_UNSAFE)
    at.page.route("**/failure", lambda route: route.fulfill(body=html, content_type="text/html"))
    at.page.goto("/failure")
