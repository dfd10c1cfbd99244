"""One's own account, walked through: passkeys of a virtual authenticator, second factor, mail, tokens, the end."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, let_go
from tests.browser.people import settle
from tests.browser.people import sign_in as sign_in_elsewhere
from tests.conftest import make_settings
from tests.helpers import Person
from tests.servers import Server
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.keys import sealer

# A phone that knows its owner's finger, which is on it all the time.
PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def kay(house: Server, visit: Callable[..., Visit], request: pytest.FixtureRequest) -> Visit:
    """A window of a separate person."""
    person = Person(f"{request.node.name[5:25].strip('_')}@example.org")
    found = visit(house, settle(house, person))
    found.page.goto("/account")
    expect(found.page.get_by_text(person.email).last).to_be_visible()
    return found


def name_of(page: Page) -> str:
    return page.locator("#email-title + p b").inner_text()


def sign_out(page: Page) -> None:
    page.locator("summary").filter(has_text="Account menu").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def sign_in(page: Page, email: str, password: str = Person("").password) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


class Phone:
    """The virtual authenticator of a window."""

    def __init__(self, page: Page) -> None:
        self._wire = page.context.new_cdp_session(page)
        self._wire.send("WebAuthn.enable")
        self._id = self._wire.send("WebAuthn.addVirtualAuthenticator", {"options": PHONE})["authenticatorId"]

    def knows_the_finger(self, knows: bool) -> None:
        self._say("setUserVerified", isUserVerified=knows)

    def credentials(self) -> list[Any]:
        return list(self._say("getCredentials")["credentials"])

    def _say(self, what: str, **more: Any) -> Any:
        return self._wire.send(f"WebAuthn.{what}", {"authenticatorId": self._id, **more})


def test_a_passkey_signs_in_and_confirms_and_is_removed(kay: Visit) -> None:
    page, phone = kay.page, Phone(kay.page)
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    page.reload()
    add_passkey(page)
    assert [one["isResidentCredential"] for one in phone.credentials()] == [True]

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(re.compile("/dashboard$"))

    page.goto("/login/confirm?next=/account/passkeys")
    page.get_by_role("button", name="Confirm with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Passkeys")
    expect(page.get_by_text("last used")).to_be_visible()

    page.get_by_role("link", name="Rename or remove My phone").click()
    page.get_by_label("Name", exact=True).fill("My old phone")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("link", name="Rename or remove My old phone").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("“My old phone” does not sign in any more")).to_be_visible()

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("was not accepted")


def add_passkey(page: Page) -> None:
    page.get_by_role("link", name="Passkeys").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name", exact=True).fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added")).to_be_visible()
    expect(page.get_by_text("My phone")).to_be_visible()


def test_the_browser_offers_the_passkey_in_the_address_field(kay: Visit) -> None:
    """The virtual authenticator chooses the entry of the list at once."""
    page = kay.page
    Phone(page)
    add_passkey(page)
    page.context.clear_cookies()

    page.goto("/login?next=/account/devices")

    expect(page.get_by_role("heading", level=1)).to_have_text("Devices")


def test_a_passkey_cannot_be_added_before_its_script_has_run(kay: Visit) -> None:
    """The form would be sent without a credential, and the device blamed."""
    page, held = kay.page, list[Route]()
    page.route("**/passkeys*.js*", lambda route: held.append(route))
    page.get_by_role("link", name="Passkeys").click()
    page.get_by_role("link", name="Add a passkey").click()
    button = page.get_by_role("button", name="Add a passkey")

    expect(button).to_be_disabled()
    assert held
    page.unroute("**/passkeys*.js*")
    let_go(held)

    expect(button).to_be_enabled()


def test_an_unverified_user_cannot_sign_in_with_a_passkey(kay: Visit) -> None:
    page, phone = kay.page, Phone(kay.page)
    phone.knows_the_finger(False)
    page.goto("/account/passkeys/new")
    page.get_by_label("Name", exact=True).fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()

    expect(page.get_by_text("Nothing was done: it was cancelled")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_enabled()
    assert phone.credentials() == []


def test_a_device_with_a_passkey_cannot_register_another(kay: Visit) -> None:
    page = kay.page
    Phone(page)
    add_passkey(page)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add a passkey").click()

    expect(page.get_by_text("This device has a passkey for your account already")).to_be_visible()


def test_passkeys_are_offered_by_a_link_on_an_address_without_a_domain(
    house: Server, visit: Callable[..., Visit]
) -> None:
    cookies = settle(house, Person("bare@example.org"))
    found = visit(house)
    origin = f"http://127.0.0.1:{house.port}"
    found.page.context.add_cookies([{"name": name, "value": value, "url": origin} for name, value in cookies])

    found.page.goto(f"{origin}/login/confirm")
    expect(found.page.get_by_role("button", name="Confirm with a passkey")).to_be_hidden()
    found.page.goto(f"{origin}/account/passkeys")

    link = found.page.get_by_role("link", name=f"http://localhost:{house.port}/account/passkeys")
    expect(link).to_be_visible()
    link.click()
    expect(found.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_second_factor_is_turned_on_used_and_turned_off(kay: Visit) -> None:
    page, email = kay.page, name_of(kay.page)
    page.get_by_role("link", name="Two-factor authentication").click()
    page.get_by_role("link", name="Turn on").click()
    expect(page.locator("svg.qr")).to_be_visible()
    app = pyotp.TOTP(page.locator("#secret").inner_text().replace(" ", ""))
    kay.expect(r"\b422\b")
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#code-error")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(app.now())
    page.get_by_role("button", name="Turn on").click()
    codes = keep_the_codes(page)

    sign_out(page)
    sign_in(page, email)
    expect(page).to_have_url(re.compile("/login/code"))
    page.get_by_label(re.compile("Code")).first.fill(codes[4])
    page.get_by_role("button", name=re.compile("Sign in|Go on")).first.click()
    expect(page).to_have_url(re.compile("/dashboard$"))

    page.goto("/account/second-factor")
    expect(page.get_by_text("9 codes left")).to_be_visible()
    page.get_by_role("link", name="Turn off").click()
    page.get_by_label("Code", exact=True).fill(codes[5])
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("link", name="Turn on")).to_be_visible()


def keep_the_codes(page: Page) -> list[str]:
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert text.split()[-10:] == codes
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("10 codes left")).to_be_visible()
    return codes


def test_an_address_is_changed_by_the_link_that_was_sent_to_it(kay: Visit) -> None:
    page, old = kay.page, name_of(kay.page)
    page.get_by_role("link", name="Change the address").click()
    page.get_by_label("New address").fill("new-address@example.org")
    page.get_by_role("button", name="Request a link").click()
    expect(page.get_by_text("still has to be confirmed")).to_be_visible()
    expect(page.locator("#email-title + p b")).to_have_text(old)

    page.goto(link_to(kay.server, "new-address@example.org"))
    page.get_by_role("button", name="Change the address").click()

    expect(page.locator("#email-title + p b")).to_have_text("new-address@example.org")
    sign_out(page)
    sign_in(page, "new-address@example.org")
    expect(page).to_have_url(re.compile("/dashboard$"))


def link_to(server: Server, recipient: str) -> str:
    """From the outbox, as an administrator would pass it on."""
    with closing(sqlite3.connect(server.data_dir / "rowcast.db")) as connection:
        (sealed,) = connection.execute("SELECT sealed FROM mails WHERE recipient = ?", (recipient,)).fetchone()
    letter = json.loads(sealer(make_settings(server.data_dir, secret_key="k" * 40)).decrypt(sealed))
    return str(letter["link"])


def test_numbers_and_times_follow_the_settings_of_the_user(kay: Visit) -> None:
    page = kay.page
    page.get_by_label("Name", exact=True).fill("Kay")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("Numbers").select_option("apostrophe")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Your profile is saved.")).to_be_visible()
    expect(page.locator("summary").filter(has_text="Kay")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.get_by_role("link", name="Devices").click()
    expect(page.get_by_text(re.compile(r"first seen\s+\d{4}-\d\d-\d\d \d\d:\d\d JST")).first).to_be_visible()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Calcutta"], ids=["as-listed", "old-spelling"])
def test_the_time_zone_of_the_device_is_the_first_option(house: Server, visit: Callable[..., Visit], zone: str) -> None:
    page = visit(house, settle(house, Person(f"{zone[:4].lower()}@example.org")), timezone_id=zone).page
    page.goto("/account")
    label = zone.replace("Asia/Calcutta", "Asia/Kolkata").partition("/")[2]
    zones = page.get_by_label("Time zone")
    first = zones.locator("optgroup").first

    expect(first).to_have_attribute("label", "This device")
    expect(first.locator("option")).to_have_text([label])
    expect(zones).to_have_value("UTC")
    zones.select_option(index=0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile is saved.")).to_be_visible()
    expect(zones.locator("option:checked")).to_have_text(label)
    expect(first).to_have_attribute("label", "Everywhere")


def test_a_token_is_created_once_and_the_list_keeps_the_focus(kay: Visit) -> None:
    kay.expect("422")
    page = kay.page
    page.goto("/account/tokens/new")
    expect(page.get_by_label("Last day")).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_label("It expires").select_option("date")
    page.get_by_role("button", name="Create the token").click()
    expect(page.get_by_label("Last day")).to_be_focused()
    page.get_by_label("It expires").select_option("never")
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator("#token")).to_be_visible()

    page.reload()

    expect(page.get_by_text("This token was created already")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke nightly")).to_have_count(1)

    page.goto("/account/tokens/new")
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Create the token").click()
    expect(page.get_by_text("You have a token with this name already.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()

    page.goto("/account/tokens")
    page.get_by_role("button", name="Revoke nightly").press("Enter")
    expect(page.get_by_text("The token is revoked.")).to_be_visible()
    expect(page.get_by_role("heading", name="API tokens")).to_be_focused()


def test_going_back_after_signing_out_shows_nothing_private(kay: Visit) -> None:
    page, email = kay.page, name_of(kay.page)
    page.get_by_role("link", name="Devices").click()
    expect(page.get_by_text("This one")).to_be_visible()
    page.goto("/account")
    sign_out(page)

    for _ in range(2):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert email not in page.content()


@pytest.mark.parametrize("with_scripts", [True, False], ids=["with javascript", "without"])
def test_a_device_is_signed_out_after_a_fresh_sign_in(
    house: Server, visit: Callable[..., Visit], with_scripts: bool
) -> None:
    person = Person(f"devices-{with_scripts}@example.org".lower())
    first, second = settle(house, person), sign_in_elsewhere(house, person)
    window, other = visit(house, first, java_script_enabled=with_scripts), visit(house, second).page
    page = window.page
    with closing(sqlite3.connect(house.data_dir / "rowcast.db")) as connection, connection:
        connection.execute(
            "UPDATE sessions SET authenticated_at = '2026-01-01 00:00:00.000000'"
            " WHERE user_id = (SELECT id FROM users WHERE email = ?)",
            (person.email,),
        )
    window.expect(r"\b401\b")  # what sends htmx to the question
    page.goto("/account/devices")
    page.get_by_role("button", name=re.compile("^Sign out .*, 127.0.0.1")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")
    expect(page.get_by_role("button", name="Confirm with a passkey")).to_have_count(0)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Devices")
    expect(page.get_by_text("This device is signed out.")).to_be_visible()
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    other.goto("/account/devices")
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_everything_but_passkeys_works_without_javascript(house: Server, visit: Callable[..., Visit]) -> None:
    person = Person("plain@example.org")
    found = visit(house, settle(house, person), java_script_enabled=False)
    page = found.page
    page.goto("/account")
    page.get_by_label("Time zone").select_option("Europe/Vienna")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile is saved.")).to_be_visible()

    page.get_by_role("link", name="Passkeys").click()
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()

    page.get_by_role("link", name="API tokens").click()
    page.get_by_role("link", name="Create a token").click()
    page.get_by_label("Name", exact=True).fill("nightly export")
    page.get_by_role("button", name="Create the token").click()
    expect(page.locator("#token")).to_contain_text("rowcast_")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Revoke nightly export").click()
    expect(page.get_by_text("The token is revoked.")).to_be_visible()

    page.get_by_role("link", name="Password").click()
    page.get_by_label("Current password").fill(person.password)
    page.get_by_label("New password", exact=True).fill("a violet stapler sings")
    page.get_by_label("New password again").fill("a violet stapler sings")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()

    sign_out(page)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in(page, person.email, "a violet stapler sings")
    expect(page).to_have_url(re.compile("/dashboard$"))


def test_the_data_is_exported_and_the_account_deleted(kay: Visit) -> None:
    page, email = kay.page, name_of(kay.page)
    with closing(sqlite3.connect(kay.server.data_dir / "rowcast.db")) as connection:
        (owner,) = connection.execute("SELECT id FROM users WHERE email = ?", (email,)).fetchone()
    add_table(kay.server.data_dir, PLANETS, PLANET_ROWS, owner=owner)
    page.get_by_role("link", name="Your data").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    found = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert (found["profile"][0]["email"], found["tables"][0]["title"]) == (email, "Planets")

    page.get_by_role("link", name="Delete my account").click()
    expect(page.get_by_text("1 table with 8 rows, and the files they came from")).to_be_visible()
    kay.expect(r"\b422\b")
    page.get_by_label("Your address").fill("somebody@example.org")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.locator("#email-error")).to_have_text("The address does not match. Nothing was deleted.")
    page.get_by_label("Your address").fill(email)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    sign_in(page, email)
    expect(page.get_by_text("Wrong e-mail address or password")).to_be_visible()
