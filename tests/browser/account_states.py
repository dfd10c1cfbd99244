"""The pages of one's own account, in each state that looks different; see states.py."""

import re
import secrets

import pyotp
from playwright.sync_api import Page, expect

from tests.browser.people import settle
from tests.browser.states import Place, signed_in
from tests.helpers import Person


def somebody(at: Place) -> Page:
    """A window of a separate person, so that what is turned on here affects no other test."""
    context = at.page.context
    context.clear_cookies()
    for name, value in settle(at.server, Person(f"{secrets.token_hex(4)}@example.org")):
        context.add_cookies([{"name": name, "value": value, "url": f"http://localhost:{at.server.port}"}])
    return at.page


@signed_in
def account(at: Place) -> None:
    page = somebody(at)
    page.goto("/account/email")
    page.get_by_label("New address").fill(f"a-rather-long-address-{secrets.token_hex(4)}@sub.domain.example.org")
    page.get_by_role("button", name="Request a link").click()
    expect(page.get_by_text("still has to be confirmed")).to_be_visible()


@signed_in
def account_email_refused(at: Place) -> None:
    at.page.goto("/account/email")
    at.page.get_by_label("New address").fill("ada@example.org")
    at.page.get_by_role("button", name="Request a link").click()
    expect(at.page.locator("#email-error")).to_be_visible()


@signed_in
def account_password_refused(at: Place) -> None:
    at.page.goto("/account/password")
    for label in ("Current password", "New password", "New password again"):
        at.page.get_by_label(label, exact=True).fill("password123")
    at.page.get_by_role("button", name="Change the password").click()
    expect(at.page.locator("#password-error")).to_be_visible()


@signed_in
def account_second_factor_off(at: Place) -> None:
    at.page.goto("/account/second-factor")


@signed_in
def account_second_factor_new(at: Place) -> None:
    at.page.goto("/account/second-factor/new")


@signed_in
def account_recovery_codes(at: Place) -> None:
    page = somebody(at)
    page.goto("/account/second-factor/new")
    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#codes")).to_be_visible()


@signed_in
def account_second_factor_on(at: Place) -> None:
    account_recovery_codes(at)
    at.page.get_by_role("link", name="Done").click()
    expect(at.page.get_by_text("10 codes left")).to_be_visible()


@signed_in
def account_passkeys(at: Place) -> None:
    """Added by a virtual authenticator, which goes with the window."""
    page = somebody(at)
    wire = page.context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    phone = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    wire.send("WebAuthn.addVirtualAuthenticator", {"options": phone})
    page.goto("/account/passkeys/new")
    page.get_by_label("Name", exact=True).fill(
        "A phone with a very long name that goes on and on, as names of phones do"
    )
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added")).to_be_visible()


@signed_in
def account_passkey(at: Place) -> None:
    account_passkeys(at)
    at.page.get_by_role("link", name=re.compile("Rename or remove")).click()
    expect(at.page.get_by_role("button", name="Remove the passkey")).to_be_visible()


@signed_in
def account_passkey_new(at: Place) -> None:
    at.page.goto("/account/passkeys/new")


@signed_in
def account_devices(at: Place) -> None:
    page = somebody(at)
    page.goto("/account/devices")
    expect(page.get_by_text("This one")).to_be_visible()


@signed_in
def account_token_shown(at: Place) -> None:
    page = somebody(at)
    page.goto("/account/tokens/new")
    page.get_by_label("Name", exact=True).fill("nightly export")
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator("#token")).to_be_visible()


@signed_in
def account_tokens(at: Place) -> None:
    account_token_shown(at)
    at.page.get_by_role("link", name="Done").click()
    expect(at.page.get_by_role("button", name="Revoke nightly export")).to_be_visible()


@signed_in
def account_token_refused(at: Place) -> None:
    at.page.goto("/account/tokens/new")
    at.page.get_by_label("Name", exact=True).fill("nightly export")
    at.page.get_by_label("It expires").select_option("date")
    at.page.get_by_role("button", name="Create the token").click()
    expect(at.page.locator("#until-error")).to_be_visible()


@signed_in
def account_data(at: Place) -> None:
    at.table()
    at.page.goto("/account/export")


@signed_in
def account_deletion(at: Place) -> None:
    page = somebody(at)
    page.goto("/account/deletion")
    page.get_by_label("Your address").fill("somebody@example.org")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.locator("#email-error")).to_be_visible()
