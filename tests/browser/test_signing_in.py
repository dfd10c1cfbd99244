"""The way in, back in and out, as people walk it; with JavaScript and without."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.conftest import make_settings
from tests.helpers import ADA, GRACE, PASSWORD, Person
from tests.servers import Server
from webapp.db.keys import sealer

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEW = "a quite different sentence"
Start = Callable[..., Server]
with_and_without = pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def sign_up(page: Page, person: Person) -> None:
    page.goto("/register")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_label("again").fill(person.password)
    page.get_by_role("button", name="Create the account").click()
    heading(page, "Import your first table")


def sign_in(page: Page, password: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(GRACE.email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.locator("summary").filter(has_text="Account menu").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    heading(page, "Sign in")


def follow_mail(page: Page, subject: str) -> None:
    """It is written a moment after the answer, so that the answer's time tells nothing."""
    for _ in range(100):
        page.goto("/outbox")
        if page.get_by_role("link", name=subject).count():
            break
    page.get_by_role("link", name=subject).first.click()
    page.get_by_role("link", name="Open its link").click()


@pytest.fixture
def house(server: Start, visit: Callable[..., Visit]) -> Server:
    """A server of development where people may sign up, owned by Ada."""
    started = server(environment="development", registration="open")
    sign_up(visit(started).page, ADA)
    return started


@with_and_without
def test_signing_up_by_mail_and_turning_on_the_second_factor(
    house: Server, visit: Callable[..., Visit], script: bool
) -> None:
    seen = visit(house, java_script_enabled=script)
    page = seen.page
    sign_up(page, GRACE)
    expect(page.get_by_text("Confirm that grace@example.org is your address")).to_be_visible()
    follow_mail(page, "Confirm your address")
    page.get_by_role("button", name="Yes, confirm it").click()
    heading(page, "Import your first table")
    expect(page.get_by_text("Confirm that grace@example.org is your address")).to_have_count(0)

    sign_out(page)
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill(GRACE.email)
    page.get_by_role("button", name="Request a link").click()
    expect(page.get_by_text("If grace@example.org has an account here")).to_be_visible()
    follow_mail(page, "Choose a new password")
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    heading(page, "Sign in")

    add_second_factor(house)
    sign_in(page, NEW)
    heading(page, "Two-factor authentication")
    page.goto("/dashboard")
    heading(page, "Sign in")  # half a sign-in opens nothing
    page.goto("/login/code")
    page.get_by_label("Code").fill(pyotp.TOTP(SECRET).at(int(time.time())))
    page.get_by_role("button", name="Sign in", exact=True).click()
    heading(page, "Import your first table")


@with_and_without
def test_an_error_is_shown_beside_the_field_it_concerns(
    house: Server, visit: Callable[..., Visit], script: bool
) -> None:
    seen = visit(house, java_script_enabled=script)
    seen.expect("422")
    page = seen.page
    page.goto("/register")
    page.get_by_label("E-mail").fill(GRACE.email)
    page.get_by_label("Password", exact=True).fill("password123")
    page.get_by_label("again").fill("password12")
    page.get_by_role("button", name="Create the account").click()

    expect(page.get_by_label("Password", exact=True)).to_have_accessible_description(
        "At least 10 characters; a sentence is fine. Many people use this password, so it is among the first to be "
        "tried. Take a few words of your own."
    )
    expect(page.get_by_label("again")).to_have_accessible_description("The two passwords differ.")
    expect(page.get_by_label("E-mail")).to_have_value(GRACE.email)


def test_a_taken_address_is_reported_while_typing(house: Server, visit: Callable[..., Visit]) -> None:
    seen = visit(house)
    page = seen.page
    page.goto("/register")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("E-mail").press_sequentially(ADA.email)

    expect(page.get_by_role("status").filter(has_text="There is already an account")).to_be_visible()
    assert not [url for url in seen.asked("/register/email") if "password" in url]
    page.get_by_label("E-mail").fill(GRACE.email)
    expect(page.get_by_text("There is already an account")).to_have_count(0)


def test_going_back_after_signing_out_shows_nothing_private(house: Server, visit: Callable[..., Visit]) -> None:
    page = visit(house).page
    sign_up(page, GRACE)
    page.goto("/register")  # leads on to the dashboard: there is something to go back to
    sign_out(page)

    page.go_back()

    heading(page, "Sign in")


def test_a_tab_with_an_expired_session_is_redirected_to_the_sign_in_page(
    house: Server, visit: Callable[..., Visit]
) -> None:
    page = visit(house).page
    sign_up(page, GRACE)
    other = page.context.new_page()
    other.goto("/dashboard")
    sign_out(page)

    other.get_by_role("link", name="Rowcast").click()

    heading(other, "Sign in")


def add_second_factor(house: Server) -> None:
    """As the page of the account does."""
    seal = sealer(make_settings(house.data_dir, secret_key="k" * 40))
    with closing(sqlite3.connect(house.data_dir / "rowcast.db", timeout=10)) as connection, connection:
        sealed = seal.encrypt(SECRET.encode()).decode()
        connection.execute("UPDATE users SET totp_secret = ? WHERE email = ?", (sealed, GRACE.email))
