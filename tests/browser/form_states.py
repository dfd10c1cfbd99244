"""The pages of forms, in each state that looks different; see states.py."""

from urllib.parse import urlencode

from playwright.sync_api import expect

from tests.browser.states import LONG, WIDE, WIDE_ROWS, Place, signed_in
from tests.tables import add_table

KINDS = {
    "Name": "text",
    "Message": "text",
    "Guests": "integer",
    "Budget": "decimal",
    "Vegetarian": "boolean",
    "Arrival": "date",
    "At": "time",
    "Leaves": "datetime",
    "Stay": "duration",
}
CELLS = ("Ada", "Hello", "2", "12.5", "yes", "2026-11-28", "14:30", "2026-11-29 10:00", "1:30:00")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
SETTINGS = {
    "intro": "Tell us when you come.\n\nWe answer within a day.",
    "thanks": "Thank you!\nWe look forward to seeing you.",
    "ask-3": "shown",
    "label-3": f"How many are you? {LONG}",
    "help-3": "With children, whatever their age",
    "choices-1": "",
    "default-3": "2",
    "origins": "https://www.example.org",
    "max_answers": "100",
}


def post(at: Place, address: str, fields: list[tuple[str, str]]) -> str:
    """Where it leads."""
    answer = at.page.request.post(address, data=urlencode(fields), headers=SAME_ORIGIN, max_redirects=0)
    assert answer.status == 303, answer.text()
    return answer.headers["location"]


def make(at: Place, *, is_on: bool = True, **more: str) -> str:
    """The address of the page of a form of all types, with the settings that look different from none."""
    columns = [("column", str(number)) for number in range(1, len(KINDS) + 1)]
    table = f"/tables/{add_table(at.data, KINDS, [CELLS, CELLS], title='Visits')}"
    page = post(at, f"{table}/forms", [("name", "Your visit"), *columns])
    required = [(f"required-{number}", "1") for number in (1, 6)]
    fixed = {"name": "Your visit", "seen": "1", "long-2": "1"} | SETTINGS | more
    post(at, page, [*fixed.items(), *required, *columns, ("do", "save")])
    if is_on:
        post(at, f"{page}/state", [("on", "1")])
    at.page.goto(page)
    return page


def address_of(at: Place) -> str:
    """Of the form whose page is shown."""
    return at.page.locator("#address").inner_text()


@signed_in
def forms_of_a_table(at: Place) -> None:
    page = make(at)
    post(at, page.rpartition("/")[0], [("name", LONG), ("column", "1")])
    at.page.goto(page.rpartition("/")[0])


@signed_in
def no_forms(at: Place) -> None:
    at.page.goto(f"{at.table()}/forms")


@signed_in
def form_just_deleted(at: Place) -> None:
    make(at)
    at.page.get_by_role("button", name="Delete the form").click()
    expect(at.page.get_by_role("button", name="Undo")).to_be_visible()


@signed_in
def new_form(at: Place) -> None:
    at.page.goto(f"/tables/{add_table(at.data, WIDE, WIDE_ROWS, title=LONG)}/forms/new")


@signed_in
def form(at: Place) -> None:
    make(at)


@signed_in
def form_refused(at: Place) -> None:
    make(at)
    at.page.get_by_label("Text to begin with of Guests").fill("many")
    at.page.get_by_role("button", name="Save", exact=True).last.click()
    expect(at.page.locator("[aria-invalid]").first).to_be_visible()


@signed_in
def form_that_cannot_save_answers(at: Place) -> None:
    page = make(at)
    table = page.partition("/forms")[0]
    at.page.get_by_role("button", name="Leave out Vegetarian").click()
    expect(at.page.get_by_role("group", name="Vegetarian")).to_have_count(0)
    seen = '{"title": "Vegetarian", "rules": {}, "behind": 4, "place": 5}'
    post(at, f"{table}/columns/5", [("title", "Vegetarian"), ("place", "5"), ("required", "y"), ("seen", seen)])
    at.page.goto(page)


@signed_in
def preview_of_a_form(at: Place) -> None:
    at.page.goto(f"{make(at)}/preview")


@signed_in
def public_form(at: Place) -> None:
    make(at)
    at.page.goto(address_of(at))


@signed_in
def public_form_of_one_answer_a_person(at: Place) -> None:
    make(at, one_each="y")
    at.page.goto(address_of(at))


@signed_in
def public_form_refused(at: Place) -> None:
    make(at)
    at.page.goto(address_of(at))
    at.page.get_by_label("Name").fill("Ada")
    at.page.get_by_label("Arrival").fill("2026-12-01")
    at.page.get_by_label("Stay").fill("long")
    at.page.get_by_label("How many are you?").fill("some")
    at.page.get_by_role("button", name="Send").click()
    expect(at.page.locator("[aria-invalid]").first).to_be_visible()


@signed_in
def public_form_sent(at: Place) -> None:
    make(at)
    at.page.goto(f"{address_of(at)}/thanks")


@signed_in
def public_form_that_is_closed(at: Place) -> None:
    make(at, is_on=False)
    at.page.goto(address_of(at))


@signed_in
def public_form_that_is_full(at: Place) -> None:
    make(at, max_answers="1")
    address, answer = address_of(at), {"Name": "Ada", "Arrival": "2026-12-01"}
    sent = at.page.request.post(address, data=answer, headers={"Sec-Fetch-Site": "same-origin"})
    assert sent.status == 201, sent.text()
    at.page.goto(address)
    expect(at.page.get_by_label("Name")).to_have_count(0)


@signed_in
def public_form_that_is_not_open_yet(at: Place) -> None:
    make(at, opens_at="2999-01-01T08:00")
    at.page.goto(address_of(at))
