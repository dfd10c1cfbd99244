"""The pages of the administration, in each state that looks different; see states.py."""

import re
import secrets

from playwright.sync_api import expect

from tests.browser.people import settle
from tests.browser.states import CORPUS, FAILURE, Place, signed_in
from tests.helpers import Person
from tests.import_states import add_import
from tests.tables import PLANET_ROWS, PLANETS, add_table


def somebody(at: Place) -> str:
    """The address of a person's page, whose name and e-mail address are long."""
    mailbox = f"a-name-that-goes-on-and-on-{secrets.token_hex(4)}"
    settle(at.server, Person(f"{mailbox}@a-host-of-many-letters.example.org"))
    at.page.goto(f"/admin/people?q={mailbox}")
    return str(at.page.locator("#people .address a").get_attribute("href"))


@signed_in
def people(at: Place) -> None:
    somebody(at)
    at.page.goto("/admin/people")
    at.page.get_by_label("Select everybody shown").check()


@signed_in
def people_with_a_name_refused(at: Place) -> None:
    somebody(at)
    at.page.locator("#people .in-place").click()
    at.page.get_by_role("textbox", name="Name of").fill(" ")
    at.page.keyboard.press("Enter")
    expect(at.page.get_by_role("alert")).to_be_visible()


@signed_in
def people_after_something_was_done_to_several(at: Place) -> None:
    somebody(at)
    at.page.get_by_label("Select everybody shown").check()
    at.page.get_by_role("button", name="Deactivate").click()
    expect(at.page.locator("#bulk-result .notice")).to_be_visible()


@signed_in
def people_where_nobody_is_found(at: Place) -> None:
    at.page.goto("/admin/people?q=nobody+of+that+name")


@signed_in
def a_person(at: Place) -> None:
    address = somebody(at)
    add_table(at.data, PLANETS, PLANET_ROWS, owner=int(address.rpartition("/")[2]))
    at.page.goto(address)


@signed_in
def a_person_to_be_removed(at: Place) -> None:
    at.page.goto(f"{somebody(at)}/removal")
    at.page.get_by_role("button", name=re.compile("^Remove")).click()
    expect(at.page.locator("#confirmation-error")).to_be_visible()


@signed_in
def invitations(at: Place) -> None:
    at.page.goto("/admin/people/invitations/new")
    at.page.get_by_label("E-mail addresses").fill(f"somebody-new-{secrets.token_hex(4)}@example.org")
    at.page.get_by_role("button", name="Invite", exact=True).click()
    expect(at.page.get_by_role("heading", level=1)).to_have_text("Invitations")


@signed_in
def an_invitation_refused(at: Place) -> None:
    at.page.goto("/admin/people/invitations/new")
    at.page.get_by_label("E-mail addresses").fill("nobody")
    at.page.get_by_role("button", name="Invite", exact=True).click()
    expect(at.page.locator("#emails-error")).to_be_visible()


@signed_in
def a_link_to_pass_on(at: Place) -> None:
    invitations(at)
    at.page.get_by_role("button", name="Copy a link").first.click()
    expect(at.page.locator("#link")).to_be_visible()


@signed_in
def audit_log(at: Place) -> None:
    at.page.goto("/admin/audit?event=session")


@signed_in
def audit_log_with_nothing_of_the_kind(at: Place) -> None:
    at.page.goto("/admin/audit?q=nothing-of-the-kind")


@signed_in
def background_work(at: Place) -> None:
    for state in ("ready", "failed"):
        add_import(
            at.data, CORPUS / "bomb.xlsx" if state == "failed" else CORPUS / "ragged.csv", state, failure=FAILURE
        )
    at.page.goto("/admin/jobs")


@signed_in
def mails_that_wait(at: Place) -> None:
    invitations(at)
    at.page.goto("/admin/mails")


@signed_in
def settings_in_force(at: Place) -> None:
    at.page.goto("/admin/settings")
