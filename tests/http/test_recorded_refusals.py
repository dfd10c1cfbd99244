"""Every refusal that tells of an attack is in the audit log, with the person where there is one, and nobody can flood
the log with them.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import update

from tests.authenticator import Authenticator
from tests.events import events
from tests.helpers import ADA, PASSWORD, sign_up
from tests.http.account.test_emails import ask
from tests.http.account.test_passkeys import add, options
from tests.http.account.test_second_factor import begin, turn_on
from tests.people import GUS, settle, window
from tests.policy.test_access import SAMPLES
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import ApiToken, Event, Passkey, Role, Scope
from webapp.web.application import Application
from webapp.web.audit import MAX_REFUSALS, MAX_STRANGERS_REFUSALS, recorded_refusals
from webapp.web.csrf import SAFE_METHODS

Cause = Callable[[Application, QuartClient], Awaitable[Any]]
PASSWORDS = {"password": "another phrase of mine", "confirmation": "another phrase of mine"}


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


async def wrong_current_password(app: Application, ada: QuartClient) -> None:
    await ada.post("/account/password", form={"current": "not this one", **PASSWORDS})


async def wrong_code_at_set_up(app: Application, ada: QuartClient) -> None:
    _, sealed = await begin(ada)
    await ada.post("/account/second-factor/new", form={"sealed": sealed, "code": "000000"})


async def wrong_code_at_removal(app: Application, ada: QuartClient) -> None:
    await turn_on(ada)
    await ada.post("/account/second-factor/removal", form={"code": "000000"})


async def forged_new_passkey(app: Application, ada: QuartClient) -> None:
    await options(ada, "/account/passkeys/options")
    await ada.post("/account/passkeys/new", form={"name": "Phone", "credential": "{}"})


async def renamed_passkey(app: Application, ada: QuartClient) -> None:
    await add(ada, Authenticator())
    await ada.post("/account/passkeys/1", form={"name": "Old phone"})


async def withdrawn_email_change(app: Application, ada: QuartClient) -> None:
    await ask(ada)
    await ada.post("/account/email/withdrawal")


async def cloned_passkey(app: Application, ada: QuartClient) -> None:
    device, stranger = Authenticator(count=1), app.test_client()
    await add(ada, device)

    async def use_elsewhere(work: UnitOfWork) -> None:
        await work.session.execute(update(Passkey).values(sign_count=1000))

    await db.of(app).write(use_elsewhere)
    await stranger.post("/login/passkey", form={"credential": device.get(await options(stranger))})


async def revoked_token(app: Application, ada: QuartClient) -> None:
    _, token = await db.of(app).write(ApiToken.issue, 1, name="t", scope=Scope.READ, expires_at=None)
    await db.of(app).write(ApiToken.revoke_all, 1)
    program = app.test_client(use_cookies=False)
    await program.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


async def invented_token(app: Application, ada: QuartClient) -> None:
    program = app.test_client(use_cookies=False)
    await program.get("/api/v1/me", headers={"Authorization": f"Bearer rowcast_{'x' * 43}"})


async def bad_reset_link(app: Application, ada: QuartClient) -> None:
    await app.test_client().get("/reset/invented")


async def cross_site_post(app: Application, ada: QuartClient) -> None:
    await ada.post("/account", headers={"Sec-Fetch-Site": "same-site", "Origin": "http://evil.localhost"})


# What causes it, the event, who did it, and whom it is about.
@pytest.mark.parametrize(
    ("cause", "event", "actor", "subject"),
    [
        (wrong_current_password, Event.PASSWORD_REFUSED, ADA.email, ""),
        (wrong_code_at_set_up, Event.FACTOR_REFUSED, ADA.email, ""),
        (wrong_code_at_removal, Event.FACTOR_REFUSED, ADA.email, ""),
        (forged_new_passkey, Event.PASSKEY_REFUSED, ADA.email, ""),
        (renamed_passkey, Event.PASSKEY_RENAMED, ADA.email, ADA.email),
        (withdrawn_email_change, Event.EMAIL_CHANGE_WITHDRAWN, ADA.email, ADA.email),
        (cloned_passkey, Event.SIGN_IN_FAILED, "", ADA.email),
        (revoked_token, Event.TOKEN_REFUSED, "", ADA.email),
        (invented_token, Event.TOKEN_REFUSED, "", ""),
        (bad_reset_link, Event.LINK_REFUSED, "", ""),
        (cross_site_post, Event.CROSS_SITE, ADA.email, ""),
    ],
)
async def test_what_is_refused_or_withdrawn_is_in_the_audit_log(
    app: Application, ada: QuartClient, cause: Cause, event: Event, actor: str, subject: str
) -> None:
    await cause(app, ada)

    (found,) = await events(app, event)
    assert (found.actor, found.subject) == (actor, subject)


def routes(app: Application) -> list[tuple[str, str, str]]:
    """Method, URL and endpoint of each route."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in app.url_map.iter_rules():
        values = {name: SAMPLES[name] for name in rule.arguments}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            found.append((method, adapter.build(rule.endpoint, values, method), rule.endpoint))
    return found


async def test_a_cross_site_request_to_any_unsafe_route_is_recorded(app: Application, client: QuartClient) -> None:
    unsafe = [(method, path) for method, path, _ in routes(app) if method not in SAFE_METHODS]

    for method, path in unsafe:
        recorded_refusals.of(app).reset("access.cross_site <local>")
        await client.open(path, method=method, headers={"Sec-Fetch-Site": "cross-site"})

    found = [(one.details["method"], one.details["path"]) for one in await events(app, Event.CROSS_SITE)]
    assert sorted(found) == sorted(unsafe)


async def test_a_bad_link_to_any_page_that_takes_one_is_recorded(app: Application, ada: QuartClient) -> None:
    linked = [(method, path, endpoint) for method, path, endpoint in routes(app) if SAMPLES["token"] in path]
    linked.append(("GET", "/account/email/confirmation?token=none", "account.email_confirmation"))

    for method, path, endpoint in linked:
        recorded_refusals.of(app).reset("link.refused 1")
        recorded_refusals.of(app).reset("link.refused <local>")
        status = 404 if endpoint.startswith(("forms.", "shared.")) else 410
        assert (await ada.open(path, method=method)).status_code == status, path

    found = [one.details["place"] for one in await events(app, Event.LINK_REFUSED)]
    assert sorted(found) == sorted(endpoint for *_, endpoint in linked)


async def test_an_invented_token_at_any_route_of_the_api_is_recorded(app: Application) -> None:
    program, tried = app.test_client(use_cookies=False), 0
    for method, path, endpoint in routes(app):
        if path.startswith("/api/v1/") and endpoint != "api.openapi_show":
            recorded_refusals.of(app).reset("token.refused <local>")
            await program.open(path, method=method, headers={"Authorization": "Bearer rowcast_invented"})
            tried += 1

    assert tried > 4
    assert len(await events(app, Event.TOKEN_REFUSED)) == tried


async def test_many_refusals_alike_fill_no_log(app: Application) -> None:
    stranger = app.test_client()
    for number in range(3 * MAX_REFUSALS):
        await stranger.get(f"/reset/invented{number}")

    found = await events(app, Event.LINK_REFUSED)
    assert len(found) == MAX_REFUSALS
    (note,) = [one.details["note"] for one in found if "note" in one.details]  # nobody waits for them: in any order
    assert "not recorded for ten minutes" in note


async def test_the_addresses_of_one_network_count_together_and_so_do_all_strangers(app: Application) -> None:
    async def attack_from(addresses: Iterable[str]) -> int:
        for address in addresses:
            client, headers = app.test_client(), {"Sec-Fetch-Site": "cross-site"}
            await client.post("/logout", headers=headers, scope_base={"client": (address, 1)})
        return len(await events(app, Event.CROSS_SITE))

    assert await attack_from(f"2001:db8::{number:x}" for number in range(20)) == MAX_REFUSALS
    assert await attack_from(f"2001:db8:{number:x}::1" for number in range(1, 250)) == MAX_STRANGERS_REFUSALS


async def test_what_is_no_token_is_not_recorded_as_one(app: Application) -> None:
    await app.test_client().get("/api/v1/users", headers={"Authorization": f"Bearer {PASSWORD}"})

    (event,) = await events(app, Event.TOKEN_REFUSED)
    assert PASSWORD[:8] not in str(event.details)


async def test_a_guest_who_changes_their_account_hundreds_of_times_is_made_to_wait(
    app: Application, ada: QuartClient
) -> None:
    await settle(app, GUS.email, Role.GUEST)
    gus = await window(app, GUS)
    statuses = []
    for number in range(150):
        form = {"name": f"Gus {number}", "time_zone": "UTC", "number_style": "comma"}
        statuses.append((await gus.post("/account", form=form)).status_code)

    assert len(await events(app, Event.PROFILE_CHANGED)) == statuses.count(303) == 60
    assert statuses[-1] == 429
    assert (await gus.post("/logout")).status_code == 303, "signing out is never refused"


async def test_the_right_password_is_no_refusal(app: Application, ada: QuartClient) -> None:
    await ada.post("/account/password", form={"current": PASSWORD, **PASSWORDS})

    assert await events(app, Event.PASSWORD_REFUSED) == []
