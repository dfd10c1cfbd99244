"""The list of people, as somebody with a keyboard and a mouse uses it; and without JavaScript."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import Cookies, sign_up
from tests.database import connect
from tests.servers import Server

NAMES = ("Grace Hopper", "Katherine Johnson", "Radia Perlman", "Hedy Lamarr", "Annie Easley")
COUNT = 130  # besides Ada
# Of the element that took the focus last: what was selected in it at once, and whether htmx already answered for it.
WATCH_THE_FOCUS = """() => document.addEventListener('focusin', ({ target }) => {
  window.selected = (target.value ?? '').slice(target.selectionStart ?? 0, target.selectionEnd ?? 0);
  queueMicrotask(() => { window.powered = target.matches('[data-htmx-powered]'); });
})"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Server]:
    """A separate server, because people are deactivated here."""
    folder = shutil.copytree(migrated, tmp_path_factory.mktemp("office") / "data")
    with Server("webapp:create_app", folder) as server:
        yield server


@pytest.fixture(scope="module")
def boss(office: Server) -> Cookies:
    cookies = sign_up(office)
    with closing(connect(office.data_dir / "rowcast.db")) as connection:
        for number in range(COUNT):
            name = f"{NAMES[number % 5]} {number:03}"
            email = f"{name.lower().replace(' ', '.')}@example.org"
            connection.execute(
                "INSERT INTO users (email, name, password_hash, role, is_active, created_at, verified_at)"
                " VALUES (?, ?, 'x', 'member', TRUE, '2026-11-22 12:00:00', '2026-11-22 12:00:00')",
                (email, name),
            )
    return cookies


@pytest.fixture
def people(office: Server, boss: Cookies, visit: Callable[..., Visit]) -> Visit:
    found = visit(office, boss)
    found.page.goto("/admin/people")
    return found


@pytest.fixture
def page(people: Visit) -> Page:
    return people.page


def rows(page: Page) -> Locator:
    return page.locator("#people tr[id^=person]")


def row(page: Page, name: str) -> Locator:
    """Where the row goes on being when the name in it is a field."""
    found = page.locator("#people tr").filter(has_text=name)
    return page.locator(f"#{found.get_attribute('id')}")


def test_a_search_while_typing_keeps_the_order_and_changes_the_address(page: Page) -> None:
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"sort=-name"))
    page.get_by_label("Search names").press_sequentially("radia", delay=20)

    expect(page.locator("#people-summary")).to_have_text("26 of 131 people with “radia” in the name or address")
    expect(page).to_have_url(re.compile(r"q=radia&sort=-name$|sort=-name&q=radia$"))
    expect(rows(page).first).to_contain_text("Radia Perlman 127")
    expect(page.get_by_label("Search names")).to_be_focused()
    page.reload()
    expect(rows(page)).to_have_count(26)
    page.get_by_label("Search names").fill("nobody of that name")
    expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()


def test_scrolling_loads_more_people(page: Page) -> None:
    expect(rows(page)).to_have_count(50)
    for _ in range(4):
        page.keyboard.press("End")
        expect(rows(page).nth(50)).to_be_attached()
    expect(rows(page).last).to_contain_text("Radia Perlman 127")
    expect(rows(page)).to_have_count(COUNT + 1)
    expect(page.get_by_role("link", name="More people")).to_have_count(0)


def test_a_name_can_be_changed_with_the_keyboard_alone(people: Visit, page: Page) -> None:
    people.expect("422")
    page.evaluate(WATCH_THE_FOCUS)
    eve = row(page, "Annie Easley 004")
    eve.get_by_role("link", name="Annie Easley 004").focus()
    page.keyboard.press("Enter")
    field = eve.get_by_role("textbox")
    expect(field).to_be_focused()
    page.keyboard.type("  ")  # in place of what was there
    page.keyboard.press("Enter")
    expect(eve.get_by_role("alert")).to_have_text("Type a name.")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Escape")
    link = eve.get_by_role("link", name="Annie Easley 004")
    expect(link).to_be_focused()
    assert page.evaluate("window.powered")  # so that Enter is not followed to a page of its own

    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    assert page.evaluate("window.selected") == "Annie Easley 004"  # so that no key is lost
    page.keyboard.type("Anna Easley")
    page.keyboard.press("Enter")
    expect(eve.get_by_role("link", name="Anna Easley")).to_be_focused()
    page.reload()
    expect(page.get_by_role("link", name="Anna Easley")).to_be_visible()


def test_a_role_is_saved_when_it_is_chosen(page: Page) -> None:
    eve = row(page, "Grace Hopper 000")
    with page.expect_response("**/role"):
        eve.get_by_role("combobox").select_option("Guest")
    page.reload()
    expect(row(page, "Grace Hopper 000").get_by_role("combobox")).to_have_value("guest")


def test_arrow_keys_in_the_role_menu_change_no_role(people: Visit, page: Page) -> None:
    box = row(page, "Grace Hopper 010").get_by_role("combobox")
    box.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("owner")
    page.keyboard.press("Escape")
    expect(box).to_have_value("member")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("guest")
    assert not people.asked("/role$", method="POST")

    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("has the role guest now")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(page.locator("#toasts")).to_contain_text("has the role member now")
    assert len(people.asked("/role$", method="POST")) == 2


@pytest.mark.parametrize("width", [768, 1024, 1280])
def test_an_email_address_is_shown_on_one_line(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    link = page.get_by_role("link", name="grace.hopper.000@example.org")
    assert link.evaluate("link => link.getClientRects().length") == 1


def test_several_people_are_selected_and_deactivated_in_the_list(people: Visit, page: Page) -> None:
    people.expect("422")
    page.get_by_label("Search names").fill("hedy")
    expect(rows(page)).to_have_count(26)
    boxes = page.locator("#people input[name=id]")
    boxes.nth(1).check()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_have_text("4 selected")
    expect(page.get_by_label("Select everybody shown")).to_be_checked(checked=False)
    page.get_by_role("button", name="Deactivate").click()

    expect(page.locator("#bulk-result")).to_have_text("4 people cannot sign in any more.")
    expect(page.locator("#people .state").filter(has_text="Deactivated")).to_have_count(4)
    expect(page.locator("[data-chosen]")).to_have_text("")
    expect(page.get_by_label("Search names")).to_have_value("hedy")
    page.get_by_role("button", name="Activate").first.click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody is selected.")
    page.get_by_label("Select everybody shown").check()
    page.get_by_role("button", name="Activate").first.click()
    expect(page.locator("#bulk-result")).to_have_text("26 people can sign in.")


def test_a_row_of_the_list_is_a_card_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    box = rows(page).nth(3).bounding_box()
    assert box is not None
    assert (box["width"] > 340, box["height"] < 90) == (True, True), box


@pytest.fixture
def plain(office: Server, boss: Cookies, visit: Callable[..., Visit]) -> Page:
    return visit(office, boss, java_script_enabled=False).page


def test_the_list_of_people_works_without_javascript(plain: Page) -> None:
    plain.goto("/admin/people")
    plain.get_by_role("link", name="More people").click()
    expect(rows(plain)).to_have_count(50)
    plain.get_by_label("Search names").fill("katherine")
    plain.get_by_role("button", name="Search").click()
    plain.get_by_label("Select Katherine Johnson 001").check()
    plain.get_by_role("button", name="Deactivate").click()
    expect(plain.get_by_role("status").first).to_have_text("1 person cannot sign in any more.")
    expect(plain.get_by_label("Search names")).to_have_value("katherine")
    expect(rows(plain).first.locator(".state")).to_have_text("Deactivated")

    plain.get_by_label("Role of Katherine Johnson 006").select_option("Guest")
    rows(plain).nth(1).get_by_role("button", name="Save").click()
    expect(plain.get_by_text("has the role guest now")).to_be_visible()
    plain.get_by_role("link", name="Change").nth(1).click()
    plain.get_by_label("Name").fill("Kate")
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Kate")


def test_the_audit_log_is_filtered_while_typing_and_exported(page: Page) -> None:
    page.get_by_role("link", name="Audit log").click()
    page.get_by_label("Words").fill("signed")
    expect(page.get_by_role("status").filter(has_text="Newest first, filtered")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click(delay=400)  # leaving the field replaces nothing
    assert Path(download.value.path()).read_text("utf-8").startswith("number,at,event,what")


def test_the_link_of_an_invitation_can_be_copied(page: Page) -> None:
    page.get_by_role("link", name="Invite people").click()
    page.get_by_label("E-mail addresses").fill("kim@example.org, lee@example.org")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text("2 people are invited.")).to_be_visible()
    page.get_by_role("button", name="Copy a link for kim@example.org").click()
    expect(page.locator("#link")).to_have_text(re.compile(r"^http://localhost:\d+/invitations/[\w-]{43}$"))
