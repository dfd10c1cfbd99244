"""Signing in through a real provider in a real browser: its form, its cookies, the way back from another site."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.people import settle, sign_up
from tests.browser.states import REFUSALS
from tests.database import connect
from tests.helpers import Person
from tests.openid import CLIENT, free_port, openid_provider
from tests.openid import PASSWORD as PASSWORD_THERE
from tests.servers import Server

BUTTON = "Sign in with Example ID"
Start = Callable[..., Server]
Open = Callable[..., Visit]
with_and_without = pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])


@dataclass(frozen=True)
class Provider:
    issuer: str
    ports: tuple[int, int]  # of the servers that it leads back to


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    ports = free_port(), free_port()
    folder = tmp_path_factory.mktemp("provider") / "provider"
    with openid_provider(folder, *(f"http://localhost:{port}/login/oidc/callback" for port in ports)) as issuer:
        yield Provider(issuer, ports)


def begin(start: Start, port: int, issuer: str, **settings: str) -> Server:
    """A server that Ada owns. Its name is another than the provider's, which makes them two sites."""
    given = {"oidc_issuer": issuer, "oidc_name": "Example ID", "oidc_accounts": "everybody", **CLIENT, **settings}
    server = start(port=str(port), public_origin=f"http://localhost:{port}", **given)
    sign_up(server)
    return server


@pytest.fixture(scope="module")
def place(shared_server: Start, provider: Provider) -> Server:
    return begin(shared_server, provider.ports[0], provider.issuer, oidc_roles="staff=member,leads=administrator")


@pytest.fixture(scope="module")
def for_owners(shared_server: Start, provider: Provider) -> Server:
    """Where only owners have passwords."""
    return begin(shared_server, provider.ports[1], provider.issuer, password_sign_in="owners")


def change(server: Server, statement: str, *values: object) -> None:
    with closing(connect(server.data_dir / "rowcast.db")) as connection:
        assert connection.execute(statement, values).rowcount == 1


def prove_there(page: Page, username: str) -> None:
    """Fill in the form of the provider, which has its style sheets from a third site."""
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD_THERE)
    page.locator("button[type=submit]").first.click()


@pytest.fixture
def look(visit: Open) -> Open:
    """`look(server)` is a window that fetches nothing from third sites: the provider's page asks for fonts."""

    def open_window(server: Server, *given: object, **options: object) -> Visit:
        found = visit(server, *given, **options)
        found.page.context.route(re.compile("cdn.jsdelivr.net"), lambda route: route.fulfill(status=200, body=""))
        return found

    return open_window


@with_and_without
def test_the_button_makes_an_account_and_leads_to_the_page_that_was_asked_for(
    place: Server, look: Open, script: bool
) -> None:
    page, username = look(place, java_script_enabled=script).page, "eve" if script else "ann"
    page.goto("/account/identities")
    expect(page.get_by_text("Sign in to see the page you asked for.")).to_be_visible()
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, username)

    page.wait_for_url("**/account/identities")
    expect(page.get_by_role("heading", level=1)).to_have_text("Single sign-on")
    expect(page.get_by_role("listitem").filter(has_text=f"{username}@example.org")).to_be_visible()
    page.locator("summary").filter(has_text="Account menu").click()
    expect(page.get_by_role("link", name="Your account")).to_be_visible()
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)


def test_a_group_makes_an_administrator(place: Server, look: Open) -> None:
    page = look(place).page
    page.goto("/login")
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, "bob")
    page.wait_for_url("**/dashboard")
    page.locator("summary").filter(has_text="Account menu").click()
    page.get_by_role("link", name="Administration").click()
    expect(page.get_by_role("row").filter(has_text="bob@example.org")).to_contain_text(
        "administrator", ignore_case=True
    )


@with_and_without
def test_an_account_is_linked_by_its_confirmed_address_and_unlinked_on_its_page(
    place: Server, look: Open, script: bool
) -> None:
    username = "ben" if script else "cyd"
    settle(place, Person(f"{username}@example.org"))
    change(place, "UPDATE users SET verified_at = NULL, name = 'Known' WHERE email = ?", f"{username}@example.org")
    page = look(place, java_script_enabled=script).page
    page.goto("/login")
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, username)
    expect(page.get_by_role("alert").first).to_contain_text("nobody has confirmed its address yet")

    change(place, "UPDATE users SET verified_at = '2026-11-28 12:00:00' WHERE email = ?", f"{username}@example.org")
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, username)
    page.wait_for_url("**/dashboard")
    page.goto("/account/identities")
    expect(page.locator("#main")).to_contain_text("Example ID")
    page.get_by_role("button", name=f"Remove {username}@example.org").click()
    expect(page.get_by_text("This sign-in is unlinked")).to_be_visible()
    page.get_by_role("button", name="Link Example ID").click()
    prove_there(page, username)
    expect(page.get_by_text("Example ID signs in to your account from now on.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Remove {username}@example.org")).to_be_visible()


def test_only_ones_own_address_is_linked_and_the_only_way_in_is_not_removed(place: Server, look: Open) -> None:
    cookies = settle(place, Person("somebody@example.org"))
    page = look(place, cookies).page
    page.goto("/account/identities")
    page.get_by_role("button", name="Link Example ID").click()
    prove_there(page, "dan")
    expect(page.get_by_role("alert").first).to_contain_text(
        "knows you as dan@example.org, and your account has the address"
    )
    expect(page.get_by_role("button", name="Link Example ID")).to_be_visible()

    found = look(place)
    found.expect(REFUSALS)
    page = found.page
    page.goto("/login?next=/account/identities")
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, "dan")
    page.get_by_role("button", name="Remove dan@example.org").click()
    expect(page.get_by_role("alert").filter(has_text="Nothing else signs in to your account.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Remove dan@example.org")).to_be_visible()


@with_and_without
def test_who_has_no_password_confirms_there(for_owners: Server, look: Open, script: bool) -> None:
    page, username = look(for_owners, java_script_enabled=script).page, "eve" if script else "ann"
    page.goto("/login")
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, username)
    page.wait_for_url("**/dashboard")
    theirs = "user_id = (SELECT id FROM users WHERE email = ?)"
    old = f"UPDATE sessions SET authenticated_at = '2026-11-01 12:00:00' WHERE {theirs}"
    change(for_owners, old, f"{username}@example.org")
    page.goto("/account/deletion")
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")
    expect(page.get_by_label("Password")).to_have_count(0)
    page.get_by_role("button", name="Confirm with Example ID").click()
    prove_there(page, username)  # asked for again, although they are signed in there
    page.wait_for_url("**/account/deletion")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete your account")


def test_where_passwords_are_for_owners_others_are_led_to_the_provider(for_owners: Server, look: Open) -> None:
    found = look(for_owners)
    found.expect(REFUSALS)
    page = found.page
    with pytest.raises(AssertionError, match="Only owners sign in with a password here"):  # the answer of its form
        settle(for_owners, Person("ivy@example.org"))
    page.goto("/login")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_hidden()
    page.get_by_text("Sign in with an owner's password").click()
    page.get_by_label("E-mail").fill("ivy@example.org")
    page.get_by_label("Password", exact=True).fill(Person("").password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    told = page.get_by_role("alert").filter(has_text="Only owners sign in with a password here.")
    expect(told).to_have_text("Only owners sign in with a password here. Sign in with Example ID.")
    page.get_by_role("button", name=BUTTON).click()
    prove_there(page, "ivy")
    page.wait_for_url("**/dashboard")
    page.goto("/account/password")
    expect(page.locator("#main")).to_contain_text("You sign in with Example ID")


@with_and_without
def test_what_fails_is_said_on_the_page_of_signing_in(place: Server, look: Open, script: bool) -> None:
    page = look(place, java_script_enabled=script).page
    page.goto("/login/oidc/callback?state=another&code=stolen")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_role("alert").first).to_contain_text("This sign-in was not accepted: it took too long")

    page.get_by_role("button", name=BUTTON).click()
    page.locator("#username").wait_for()
    with closing(connect(place.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE one_time_tokens SET expires_at = '2026-11-01 12:00:00' WHERE purpose = 'provider'")
    prove_there(page, "ivy")
    expect(page.get_by_role("alert").first).to_contain_text("it took too long")
    expect(page.get_by_role("button", name=BUTTON)).to_be_visible()


@with_and_without
def test_a_provider_that_is_away_leaves_the_other_ways_in(shared_server: Start, look: Open, script: bool) -> None:
    server = begin(shared_server, free_port(), f"http://127.0.0.1:{free_port()}")
    page = look(server, java_script_enabled=script).page
    page.goto("/login?next=/account")
    page.get_by_role("button", name=BUTTON).click()
    expect(page.get_by_role("alert").first).to_contain_text("The single sign-on does not answer as it should.")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password", exact=True).fill(Person("").password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account")
