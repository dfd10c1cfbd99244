"""The pages of single sign-on, in each state that looks different; see states.py. They need a server with a provider,
which does not have to answer: those of the provider are its own.
"""

from contextlib import closing

from playwright.sync_api import expect

from tests.browser.people import sign_in
from tests.browser.states import Place, Show
from tests.database import connect

ISSUER = "http://127.0.0.1:9"  # nobody listens there
LONG_NAME = "the identity provider of the Ministry of Agriculture"
PROVIDER = {"oidc_issuer": ISSUER, "oidc_name": LONG_NAME, "oidc_client_id": "rowcast", "oidc_client_secret": "secret"}
STATES: dict[str, Show] = {}  # where everybody has a password
FOR_OWNERS: dict[str, Show] = {}  # where only owners have one


def state(show: Show) -> Show:
    STATES[show.__name__.replace("_", " ")] = show
    return show


def for_owners(show: Show) -> Show:
    FOR_OWNERS[show.__name__.replace("_", " ")] = show
    return show


def change(at: Place, statement: str, *values: object) -> None:
    with closing(connect(at.data / "rowcast.db")) as connection:
        connection.execute(statement, values)


def be_ada(at: Place) -> None:
    cookies = sign_in(at.server)
    at.page.context.add_cookies(
        [{"name": name, "value": value, "url": f"http://localhost:{at.server.port}"} for name, value in cookies]
    )


@state
def signing_in_with_a_button_of_the_provider(at: Place) -> None:
    at.page.goto("/login?next=/dashboard")
    expect(at.page.get_by_role("button", name=f"Sign in with {LONG_NAME}")).to_be_visible()


@state
def signing_up_with_a_button_of_the_provider(at: Place) -> None:
    at.page.goto("/register")
    expect(at.page.get_by_role("button", name=f"Sign in with {LONG_NAME}")).to_be_visible()


@state
def the_provider_does_not_answer(at: Place) -> None:
    at.page.goto("/login")
    at.page.get_by_role("button", name=f"Sign in with {LONG_NAME}").click()
    expect(at.page.get_by_role("alert").first).to_contain_text("does not answer")


@state
def an_answer_that_belongs_to_no_sign_in(at: Place) -> None:
    at.page.goto("/login/oidc/callback?state=x&code=y")
    expect(at.page.get_by_role("alert").first).to_contain_text("was not accepted")


@state
def nothing_is_linked(at: Place) -> None:
    be_ada(at)
    change(at, "DELETE FROM identities")
    at.page.goto("/account/identities")
    expect(at.page.get_by_role("button", name=f"Link {LONG_NAME}")).to_be_visible()


@state
def identities(at: Place) -> None:
    be_ada(at)
    change(at, "DELETE FROM identities")
    for issuer in ("https://sso.example.org/realms/one-that-was-here-before", ISSUER):
        change(
            at,
            "INSERT INTO identities (user_id, issuer, subject, email, created_at)"
            " VALUES (1, ?, 'ada', 'a-rather-long-address-of-ada@sub.domain.example.org', '2026-11-28 12:00:00')",
            issuer,
        )
    at.page.goto("/account/identities")
    expect(at.page.get_by_role("button", name="Remove")).to_have_count(2)


@state
def confirming_with_the_provider(at: Place) -> None:
    identities(at)
    change(at, "UPDATE sessions SET authenticated_at = '2026-11-01 12:00:00'")
    at.page.get_by_role("button", name="Remove").first.click()
    expect(at.page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")


@for_owners
def signing_in_where_passwords_are_for_owners(at: Place) -> None:
    at.page.goto("/login")
    at.page.get_by_text("Sign in with an owner's password").click()
    expect(at.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
