"""Passkeys: added on the account page, used to sign in and to confirm the identity; forged responses are refused."""

import json
import re
from copy import copy
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import select, update

from tests.authenticator import FLAG, Authenticator
from tests.conftest import Client, make_settings
from tests.events import events
from tests.helpers import ADA, PASSWORD, delete_what_is_old, is_signed_in, sign_out, sign_up_form
from tests.http.account.conftest import make_session_stale, page, text_of
from tests.mails import letters
from tests.people import EVE
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import OneTimeToken, Passkey, User
from webapp.web.application import Application

COOKIE = "rowcast-challenge"


async def options(client: QuartClient, path: str = "/login/passkey/options") -> dict[str, Any]:
    answer = await client.post(path, headers={"Accept": "application/json"})
    assert answer.status_code == 200, await text_of(answer)
    found: dict[str, Any] = json.loads(await answer.get_data())
    return found


async def add(client: QuartClient, device: Authenticator, name: str = "My phone") -> Any:
    answer = device.create(await options(client, "/account/passkeys/options"))
    return await client.post("/account/passkeys/new", form={"name": name, "credential": answer})


async def show(client: QuartClient, device: Authenticator, **more: str) -> Any:
    """Sign in with it."""
    return await client.post("/login/passkey", form={"credential": device.get(await options(client)), **more})


async def stored_passkeys(app: Application) -> list[Passkey]:
    await db.of(app).wait_for_writes()
    async with db.of(app).reading() as session:
        return list(await session.scalars(select(Passkey).order_by(Passkey.id)))


@pytest.fixture
async def device(app: Application, ada: QuartClient) -> Authenticator:
    """Ada's phone, whose passkey is known here."""
    made = Authenticator(count=1)
    answer = await add(ada, made)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/passkeys")
    return made


async def test_a_passkey_is_added_and_listed(app: Application, ada: QuartClient, device: Authenticator) -> None:
    html = await page(ada, "/account/passkeys")

    assert "My phone" in html
    assert "never used" in html
    (event,) = await events(app, "passkey.added")
    assert event.details == {"name": "My phone"}
    assert (await letters(app))[-1].subject == "A passkey was added"


async def test_registration_options_require_user_verification_and_a_resident_key(
    ada: QuartClient, device: Authenticator
) -> None:
    asked = (await options(ada, "/account/passkeys/options"))["publicKey"]

    assert asked["rp"]["id"] == "localhost"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert len(asked["excludeCredentials"]) == 1
    assert b"ada" not in device.handle


async def test_a_passkey_signs_in_without_an_address(app: Application, ada: QuartClient, device: Authenticator) -> None:
    stranger = app.test_client()
    asked = await options(stranger)
    assert "allowCredentials" not in asked["publicKey"]
    assert asked["publicKey"]["userVerification"] == "required"

    answer = await show(stranger, device)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert await is_signed_in(stranger)
    assert (await stored_passkeys(app))[0].used_at is not None
    assert (await events(app, "session.started"))[-1].details["method"] == "passkey"


async def test_signing_in_with_a_passkey_leads_to_the_requested_page_and_to_no_other_site(
    app: Application, device: Authenticator
) -> None:
    for target, place in (("/account/devices", "/account/devices"), ("//evil.example", "/dashboard")):
        client = app.test_client()
        form = {"credential": device.get(await options(client))}
        answer = await client.post("/login/passkey", query_string={"next": target}, form=form)
        assert answer.headers["Location"] == place


async def test_a_passkey_sign_in_is_remembered_only_if_asked(app: Application, device: Authenticator) -> None:
    short = await show(app.test_client(), device)
    long = await show(app.test_client(), device, remember="y")

    def has_age(answer: Any) -> bool:
        return any("sign-in=" in one and "Max-Age=" in one for one in answer.headers.getlist("Set-Cookie"))

    assert [has_age(short), has_age(long)] == [False, True]


async def test_a_passkey_confirms_the_identity(app: Application, ada: QuartClient, device: Authenticator) -> None:
    await make_session_stale(app)
    assert (await ada.get("/account/password")).status_code == 303
    asked = await options(ada)
    assert len(asked["publicKey"]["allowCredentials"]) == 1

    answer = await ada.post("/login/confirm/passkey?next=/account/password", form={"credential": device.get(asked)})

    assert answer.headers["Location"] == "/account/password"
    await page(ada, "/account/password")
    assert (await events(app, "session.confirmed"))[-1].details["method"] == "passkey"


async def test_a_pending_request_is_resumed_after_confirming_with_a_passkey(
    app: Application, ada: QuartClient, device: Authenticator
) -> None:
    await make_session_stale(app)
    asked = await ada.post("/account/passkeys/1/removal", headers={"Referer": "http://localhost/account/passkeys/1"})
    html = unescape(await page(ada, asked.headers["Location"]))
    by_passkey = re.search(r'action="(/login/confirm/passkey[^"]+)"', html)
    assert by_passkey
    again = await ada.post(by_passkey[1], form={"credential": "{}"})
    assert again.headers["Location"] == asked.headers["Location"]

    proved = await ada.post(by_passkey[1], form={"credential": device.get(await options(ada))})

    assert (proved.status_code, proved.headers["Location"]) == (307, "/account/passkeys/1/removal")
    assert (await ada.post("/account/passkeys/1/removal")).headers["Location"] == "/account/passkeys"
    assert await stored_passkeys(app) == []


async def test_the_confirmation_page_offers_only_the_methods_the_person_has(
    app: Application, ada: QuartClient, eve: QuartClient, device: Authenticator
) -> None:
    async def lose_password(work: UnitOfWork) -> None:
        await work.session.execute(update(User).where(User.email == ADA.email).values(password_hash=""))

    both, eves = await page(ada, "/login/confirm"), await page(eve, "/login/confirm")
    await db.of(app).write(lose_password)  # as a reset by the command line does
    passkey = await page(ada, "/login/confirm")
    refused = await ada.post("/login/confirm", form={"password": PASSWORD})

    offered = [('name="password"' in html, "Confirm with a passkey" in html) for html in (both, eves, passkey)]
    assert offered == [(True, True), (True, False), (False, True)]
    assert "no password at the moment" in passkey
    assert (refused.status_code, "Wrong password" in await text_of(refused)) == (422, False)


async def test_the_passkey_of_somebody_else_does_not_confirm_the_identity(
    app: Application, ada: QuartClient, eve: QuartClient, device: Authenticator
) -> None:
    await add(eve, Authenticator())
    await make_session_stale(app)

    answer = await eve.post("/login/confirm/passkey", form={"credential": device.get(await options(eve))})

    assert answer.headers["Location"] == "/login/confirm"
    assert (await eve.get("/account/password")).status_code == 303
    assert "was not accepted" in await page(eve, "/login/confirm")


async def test_a_person_without_a_passkey_is_told_so(ada: QuartClient) -> None:
    answer = await ada.post("/login/passkey/options", headers={"Accept": "application/json"})

    assert answer.status_code == 422
    assert "You have no passkey yet" in json.loads(await answer.get_data())["detail"]


async def test_a_passkey_signs_in_without_a_code_while_a_second_factor_is_on(
    app: Application, device: Authenticator
) -> None:
    async def turn_on(work: UnitOfWork) -> None:
        await work.session.execute(update(User).values(totp_secret="sealed"))

    await db.of(app).write(turn_on)
    client = app.test_client()

    await show(client, device)

    assert await is_signed_in(client)


async def assert_refused(app: Application, client: QuartClient, answer: Any) -> None:
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "was not accepted" in await page(client, "/login")
    assert not await is_signed_in(client)
    failed = (await events(app, "session.refused"))[-1]
    assert failed.details["method"] == "passkey"


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"origin": "http://localhost:8000"}, id="another port"),
        pytest.param({"origin": "https://localhost"}, id="another scheme"),
        pytest.param({"origin": "http://evil.example"}, id="another site"),
        pytest.param({"rp_id": "evil.example"}, id="made for another site"),
        pytest.param({"flags": FLAG.UP}, id="nobody was verified"),
        pytest.param({"flags": FLAG.UV}, id="nobody was there"),
        pytest.param({"more": {"cross_origin": True}}, id="in another site's frame"),
        pytest.param({"key": Authenticator().key}, id="another key"),
        pytest.param({"credential_id": b"not known here!!"}, id="an unknown key"),
        pytest.param({"handle": b"somebody else"}, id="another person"),
        pytest.param({"handle": b""}, id="nobody"),
    ],
)
async def test_a_forged_response_is_refused(app: Application, device: Authenticator, lie: dict[str, Any]) -> None:
    liar = copy(device)
    for name, value in lie.items():
        setattr(liar, name, value)
    client = app.test_client()

    await assert_refused(app, client, await show(client, liar))

    await show(client, device)
    assert await is_signed_in(client)


async def test_a_response_is_valid_once(app: Application, device: Authenticator) -> None:
    client, thief = app.test_client(), app.test_client()
    answer = {"credential": device.get(await options(client))}
    cookie = next(one for one in client.cookie_jar or () if one.name == COOKIE)
    assert (await client.post("/login/passkey", form=answer)).headers["Location"] == "/dashboard"

    headers = {"Cookie": f"{COOKIE}={cookie.value}"}
    await assert_refused(app, thief, await thief.post("/login/passkey", form=answer, headers=headers))


async def test_a_response_is_valid_only_in_the_browser_with_the_challenge(
    app: Application, device: Authenticator
) -> None:
    client, thief = app.test_client(), app.test_client()
    answer = {"credential": device.get(await options(client))}
    await options(thief)

    await assert_refused(app, thief, await thief.post("/login/passkey", form=answer))
    stranger = app.test_client()
    await assert_refused(app, stranger, await stranger.post("/login/passkey", form=answer))


async def test_a_failed_response_uses_up_its_challenge(app: Application, device: Authenticator) -> None:
    client = app.test_client()
    answer = {"credential": device.get(await options(client))}
    await client.post("/login/passkey", form={"credential": "{}"})

    await assert_refused(app, client, await client.post("/login/passkey", form=answer))


async def test_a_challenge_is_valid_only_for_its_ceremony(app: Application, ada: QuartClient, device: Any) -> None:
    asked = await options(ada, "/account/passkeys/options")

    answer = await ada.post("/login/confirm/passkey", form={"credential": device.get(asked)})
    assert answer.headers["Location"] == "/login/confirm"
    asked = await options(ada)
    other = Authenticator()
    made = other.create({"publicKey": asked["publicKey"] | {"user": {"id": "AAAA"}}})
    answer = await ada.post("/account/passkeys/new", form={"name": "x", "credential": made})
    assert answer.status_code == 422
    assert len(await stored_passkeys(app)) == 1


async def test_a_challenge_is_valid_only_for_the_person_who_asked(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    """A cookie that somebody has planted in Ada's browser makes no key of theirs hers."""
    made = Authenticator().create(await options(eve, "/account/passkeys/options"))
    planted = next(one for one in eve.cookie_jar or () if one.name == COOKIE)
    ada.set_cookie("localhost", COOKIE, str(planted.value))

    answer = await ada.post("/account/passkeys/new", form={"name": "x", "credential": made})

    assert answer.status_code == 422
    assert (await events(app))[-1].event != "passkey.added"
    assert await stored_passkeys(app) == []


async def test_a_challenge_for_a_confirmation_signs_nobody_in(app: Application, ada: QuartClient, device: Any) -> None:
    answer = {"credential": device.get(await options(ada))}
    await sign_out(ada)

    await assert_refused(app, ada, await ada.post("/login/passkey", form=answer))


async def test_a_sign_count_that_decreases_is_refused_as_a_cloned_key(app: Application, device: Authenticator) -> None:
    stolen = copy(device)
    client = app.test_client()
    await show(client, device)
    await sign_out(client)

    await assert_refused(app, client, await show(client, stolen))

    assert "copy" in (await events(app, "session.refused"))[-1].details["reason"]


async def test_keys_without_a_sign_count_are_accepted(app: Application, ada: QuartClient) -> None:
    device = Authenticator(count=0)
    await add(ada, device)
    for _ in range(2):
        client = app.test_client()
        await show(client, device)
        assert await is_signed_in(client)


async def test_a_deactivated_person_cannot_sign_in_with_a_passkey(app: Application, device: Authenticator) -> None:
    async def deactivate(work: UnitOfWork) -> None:
        await work.session.execute(update(User).values(is_active=False))

    await db.of(app).write(deactivate)
    client = app.test_client()

    await assert_refused(app, client, await show(client, device))


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "[]", "null", "1", '"x"', "not json", "[" * 30_000, "x" * 40_000, '{"rawId": 1}', "nul\0",
     '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}}'],
    ids=lambda text: text[:24],
)  # fmt: skip
async def test_a_malformed_response_is_refused_with_a_message(app: Application, ada: QuartClient, answer: str) -> None:
    await options(ada, "/account/passkeys/options")
    adding = await ada.post("/account/passkeys/new", form={"name": "x", "credential": answer})
    client = app.test_client()
    await options(client)
    signing_in = await client.post("/login/passkey", form={"credential": answer})

    assert adding.status_code == 422
    assert "Nothing was added" in await text_of(adding) or "another look" in await text_of(adding)
    await assert_refused(app, client, signing_in)


async def test_the_same_key_cannot_be_added_twice(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    device = Authenticator()
    await add(ada, device)

    again, elsewhere = await add(ada, device), await add(eve, device)

    assert (again.status_code, elsewhere.status_code) == (422, 422)
    assert "known already" in await text_of(again)
    assert [one.user_id for one in await stored_passkeys(app)] == [1]


async def test_adding_a_passkey_requires_a_fresh_sign_in(app: Application, ada: QuartClient) -> None:
    asked = await options(ada, "/account/passkeys/options")
    await make_session_stale(app)

    answer = await ada.post("/account/passkeys/new", form={"name": "x", "credential": Authenticator().create(asked)})

    assert answer.headers["Location"].startswith("/login/confirm")
    assert (await ada.post("/account/passkeys/options")).headers["Location"].startswith("/login/confirm")
    assert await stored_passkeys(app) == []


async def test_a_passkey_is_renamed(app: Application, ada: QuartClient, device: Authenticator) -> None:
    assert 'value="My phone"' in await page(ada, "/account/passkeys/1")

    await ada.post("/account/passkeys/1", form={"name": " The old\tphone "})
    refused = await ada.post("/account/passkeys/1", form={"name": "x" * 81})

    assert refused.status_code == 422
    assert "The old phone" in await page(ada, "/account/passkeys")


async def test_a_removed_passkey_does_not_sign_in(app: Application, ada: QuartClient, device: Authenticator) -> None:
    answer = await ada.post("/account/passkeys/1/removal")

    assert answer.headers["Location"] == "/account/passkeys"
    assert "My phone" not in (await page(ada, "/account/passkeys")).partition("<h1>")[2]
    client = app.test_client()
    await assert_refused(app, client, await show(client, device))
    assert (await events(app, "passkey.removed"))[0].details == {"name": "My phone"}


async def test_the_passkeys_of_other_people_are_not_found(
    app: Application, eve: QuartClient, device: Authenticator
) -> None:
    assert "My phone" not in await page(eve, "/account/passkeys")
    for number in (1, 99, 2**64):
        await page(eve, f"/account/passkeys/{number}", 404)
        assert (await eve.post(f"/account/passkeys/{number}", form={"name": "Eve's"})).status_code == 404
        assert (await eve.post(f"/account/passkeys/{number}/removal")).status_code == 404
    assert [one.name for one in await stored_passkeys(app)] == ["My phone"]


async def test_a_person_has_a_limited_number_of_passkeys(app: Application, ada: QuartClient, monkeypatch: Any) -> None:
    monkeypatch.setattr("webapp.models.accounts.passkey.MAX_PASSKEYS", 1)
    await add(ada, Authenticator())

    answer = await add(ada, Authenticator())

    assert answer.status_code == 422
    assert len(await stored_passkeys(app)) == 1


async def test_requests_for_options_by_strangers_are_limited(app: Application) -> None:
    client = app.test_client()
    asked = [(await client.post("/login/passkey/options")).status_code for _ in range(101)]

    assert set(asked[:100]) == {200}
    assert asked[100] == 429


async def test_expired_challenges_are_deleted(app: Application, client: QuartClient) -> None:
    async def age(work: UnitOfWork) -> None:
        from datetime import timedelta

        from webapp.models import utc_now

        await work.session.execute(update(OneTimeToken).values(expires_at=utc_now() - timedelta(seconds=1)))

    await options(client)
    await db.of(app).write(age)
    await options(client)
    await delete_what_is_old(app)

    async with db.of(app).reading() as session:
        assert len(list(await session.scalars(select(OneTimeToken)))) == 1


async def test_at_an_ip_address_the_page_names_the_address_where_passkeys_work(
    app: Application, ada: QuartClient
) -> None:
    bare = app.test_client()
    headers = {"Host": "127.0.0.1:8000"}
    await bare.post("/login", form={"email": ADA.email, "password": ADA.password}, headers=headers)
    jar = {one.name: str(one.value) for one in bare.cookie_jar or ()}
    cookie = "; ".join(f"{name}={value}" for name, value in jar.items())

    answer = await app.test_client().get("/account/passkeys", headers=headers | {"Cookie": cookie})
    asked = await app.test_client().post("/login/passkey/options", headers=headers | {"Accept": "application/json"})

    html = await text_of(answer)
    assert 'href="http://localhost:8000/account/passkeys"' in html
    assert "Add a passkey" not in html
    assert asked.status_code == 422
    assert "neither" in json.loads(await asked.get_data())["detail"]


async def test_behind_tls_passkeys_belong_to_the_public_host_name(data_dir: Path) -> None:
    app = create_app(make_settings(data_dir, public_origin="https://rows.example.org"))
    app.test_client_class = Client
    tls: dict[str, Any] = {"headers": {"Host": "rows.example.org"}, "scheme": "https"}

    async with app.test_app():
        client = app.test_client()
        await client.post("/register", form=sign_up_form(app), **tls)
        answer = await client.post("/account/passkeys/options", **tls)
        asked = json.loads(await answer.get_data())
        device = Authenticator(origin="https://rows.example.org", rp_id="rows.example.org")
        made = {"name": "Key", "credential": device.create(asked)}
        added = await client.post("/account/passkeys/new", form=made, **tls)

    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if "challenge" in one)
    assert cookie.startswith("__Host-rowcast-challenge=")
    assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    assert asked["publicKey"]["rp"]["id"] == "rows.example.org"
    assert added.status_code == 303


async def test_a_signed_in_person_is_redirected_without_a_passkey(ada: QuartClient, device: Authenticator) -> None:
    answer = await ada.post("/login/passkey", form={"credential": "{}"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


async def test_the_passkey_button_of_the_sign_in_page_is_hidden_without_javascript(
    app: Application, device: Authenticator
) -> None:
    html = await page(app.test_client(), "/login")

    assert 'data-passkey="get"' in html
    assert '<form class="stack" hidden action="/login/passkey"' in html
    assert EVE.email not in html
