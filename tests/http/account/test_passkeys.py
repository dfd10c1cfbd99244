"""Passkeys: added on the account's page, good for signing in and for confirming who one is; forged ones for nothing."""

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
from tests.helpers import ADA, PASSWORD, is_signed_in, sign_out, sign_up_form
from tests.http.account.conftest import grow_stale, page, said
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
    assert answer.status_code == 200, await said(answer)
    found: dict[str, Any] = json.loads(await answer.get_data())
    return found


async def add(client: QuartClient, device: Authenticator, name: str = "My phone") -> Any:
    answer = device.create(await options(client, "/account/passkeys/options"))
    return await client.post("/account/passkeys/new", form={"name": name, "credential": answer})


async def show(client: QuartClient, device: Authenticator, **more: str) -> Any:
    """Sign in with it."""
    return await client.post("/login/passkey", form={"credential": device.get(await options(client)), **more})


async def kept(app: Application) -> list[Passkey]:
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


async def test_it_is_asked_for_with_all_that_makes_it_two_factors(ada: QuartClient, device: Authenticator) -> None:
    asked = (await options(ada, "/account/passkeys/options"))["publicKey"]

    assert asked["rp"]["id"] == "localhost"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert len(asked["excludeCredentials"]) == 1
    assert b"ada" not in device.handle


async def test_it_signs_in_without_an_address(app: Application, ada: QuartClient, device: Authenticator) -> None:
    stranger = app.test_client()
    asked = await options(stranger)
    assert "allowCredentials" not in asked["publicKey"]
    assert asked["publicKey"]["userVerification"] == "required"

    answer = await show(stranger, device)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert await is_signed_in(stranger)
    assert (await kept(app))[0].used_at is not None
    assert (await events(app, "session.started"))[-1].details["method"] == "passkey"


async def test_signing_in_goes_where_one_wanted_to_and_nowhere_else(app: Application, device: Authenticator) -> None:
    for target, place in (("/account/devices", "/account/devices"), ("//evil.example", "/dashboard")):
        client = app.test_client()
        form = {"credential": device.get(await options(client))}
        answer = await client.post("/login/passkey", query_string={"next": target}, form=form)
        assert answer.headers["Location"] == place


async def test_it_remembers_no_more_than_a_password(app: Application, device: Authenticator) -> None:
    short = await show(app.test_client(), device)
    long = await show(app.test_client(), device, remember="y")

    def has_age(answer: Any) -> bool:
        return any("sign-in=" in one and "Max-Age=" in one for one in answer.headers.getlist("Set-Cookie"))

    assert [has_age(short), has_age(long)] == [False, True]


async def test_it_confirms_who_one_is(app: Application, ada: QuartClient, device: Authenticator) -> None:
    await grow_stale(app)
    assert (await ada.get("/account/password")).status_code == 303
    asked = await options(ada)
    assert len(asked["publicKey"]["allowCredentials"]) == 1

    answer = await ada.post("/login/confirm/passkey?next=/account/password", form={"credential": device.get(asked)})

    assert answer.headers["Location"] == "/account/password"
    await page(ada, "/account/password")
    assert (await events(app, "session.confirmed"))[-1].details["method"] == "passkey"


async def test_what_was_asked_for_is_done_after_it_as_well(
    app: Application, ada: QuartClient, device: Authenticator
) -> None:
    await grow_stale(app)
    asked = await ada.post("/account/passkeys/1/removal", headers={"Referer": "http://localhost/account/passkeys/1"})
    html = unescape(await page(ada, asked.headers["Location"]))
    by_passkey = re.search(r'action="(/login/confirm/passkey[^"]+)"', html)
    assert by_passkey
    again = await ada.post(by_passkey[1], form={"credential": "{}"})
    assert again.headers["Location"] == asked.headers["Location"]

    proved = await ada.post(by_passkey[1], form={"credential": device.get(await options(ada))})

    assert (proved.status_code, proved.headers["Location"]) == (307, "/account/passkeys/1/removal")
    assert (await ada.post("/account/passkeys/1/removal")).headers["Location"] == "/account/passkeys"
    assert await kept(app) == []


async def test_the_question_offers_what_one_has_and_nothing_else(
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
    assert (refused.status_code, "not your password" in await said(refused)) == (422, False)


async def test_nobody_confirms_with_somebody_elses(
    app: Application, ada: QuartClient, eve: QuartClient, device: Authenticator
) -> None:
    await add(eve, Authenticator())
    await grow_stale(app)

    answer = await eve.post("/login/confirm/passkey", form={"credential": device.get(await options(eve))})

    assert answer.headers["Location"] == "/login/confirm"
    assert (await eve.get("/account/password")).status_code == 303
    assert "was not accepted" in await page(eve, "/login/confirm")


async def test_who_has_none_is_told_so(ada: QuartClient) -> None:
    answer = await ada.post("/login/passkey/options", headers={"Accept": "application/json"})

    assert answer.status_code == 422
    assert "You have no passkey yet" in json.loads(await answer.get_data())["detail"]


async def test_it_is_good_while_a_second_factor_is_on(app: Application, device: Authenticator) -> None:
    async def turn_on(work: UnitOfWork) -> None:
        await work.session.execute(update(User).values(totp_secret="sealed"))

    await db.of(app).write(turn_on)
    client = app.test_client()

    await show(client, device)

    assert await is_signed_in(client)


async def refused(app: Application, client: QuartClient, answer: Any) -> None:
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
async def test_a_forged_answer_opens_nothing(app: Application, device: Authenticator, lie: dict[str, Any]) -> None:
    liar = copy(device)
    for name, value in lie.items():
        setattr(liar, name, value)
    client = app.test_client()

    await refused(app, client, await show(client, liar))

    await show(client, device)
    assert await is_signed_in(client)


async def test_an_answer_is_good_once(app: Application, device: Authenticator) -> None:
    client, thief = app.test_client(), app.test_client()
    answer = {"credential": device.get(await options(client))}
    cookie = next(one for one in client.cookie_jar or () if one.name == COOKIE)
    assert (await client.post("/login/passkey", form=answer)).headers["Location"] == "/dashboard"

    headers = {"Cookie": f"{COOKIE}={cookie.value}"}
    await refused(app, thief, await thief.post("/login/passkey", form=answer, headers=headers))


async def test_an_answer_counts_only_in_the_browser_that_was_asked(app: Application, device: Authenticator) -> None:
    client, thief = app.test_client(), app.test_client()
    answer = {"credential": device.get(await options(client))}
    await options(thief)

    await refused(app, thief, await thief.post("/login/passkey", form=answer))
    stranger = app.test_client()
    await refused(app, stranger, await stranger.post("/login/passkey", form=answer))


async def test_a_failed_answer_has_used_its_challenge_up(app: Application, device: Authenticator) -> None:
    client = app.test_client()
    answer = {"credential": device.get(await options(client))}
    await client.post("/login/passkey", form={"credential": "{}"})

    await refused(app, client, await client.post("/login/passkey", form=answer))


async def test_a_challenge_is_good_for_what_it_was_asked_for(app: Application, ada: QuartClient, device: Any) -> None:
    asked = await options(ada, "/account/passkeys/options")

    answer = await ada.post("/login/confirm/passkey", form={"credential": device.get(asked)})
    assert answer.headers["Location"] == "/login/confirm"
    asked = await options(ada)
    other = Authenticator()
    made = other.create({"publicKey": asked["publicKey"] | {"user": {"id": "AAAA"}}})
    answer = await ada.post("/account/passkeys/new", form={"name": "x", "credential": made})
    assert answer.status_code == 422
    assert len(await kept(app)) == 1


async def test_a_challenge_is_good_for_who_asked(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    """A cookie that somebody has planted in Ada's browser makes no key of theirs hers."""
    made = Authenticator().create(await options(eve, "/account/passkeys/options"))
    planted = next(one for one in eve.cookie_jar or () if one.name == COOKIE)
    ada.set_cookie("localhost", COOKIE, str(planted.value))

    answer = await ada.post("/account/passkeys/new", form={"name": "x", "credential": made})

    assert answer.status_code == 422
    assert (await events(app))[-1].event != "passkey.added"
    assert await kept(app) == []


async def test_what_was_asked_to_confirm_signs_nobody_in(app: Application, ada: QuartClient, device: Any) -> None:
    answer = {"credential": device.get(await options(ada))}
    await sign_out(ada)

    await refused(app, ada, await ada.post("/login/passkey", form=answer))


async def test_a_count_that_goes_back_is_a_copied_key(app: Application, device: Authenticator) -> None:
    stolen = copy(device)
    client = app.test_client()
    await show(client, device)
    await sign_out(client)

    await refused(app, client, await show(client, stolen))

    assert "copy" in (await events(app, "session.refused"))[-1].details["reason"]


async def test_keys_that_count_nothing_are_fine(app: Application, ada: QuartClient) -> None:
    device = Authenticator(count=0)
    await add(ada, device)
    for _ in range(2):
        client = app.test_client()
        await show(client, device)
        assert await is_signed_in(client)


async def test_who_is_not_active_is_refused(app: Application, device: Authenticator) -> None:
    async def deactivate(work: UnitOfWork) -> None:
        await work.session.execute(update(User).values(is_active=False))

    await db.of(app).write(deactivate)
    client = app.test_client()

    await refused(app, client, await show(client, device))


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "[]", "null", "1", '"x"', "not json", "[" * 30_000, "x" * 40_000, '{"rawId": 1}', "nul\0",
     '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}}'],
    ids=lambda text: text[:24],
)  # fmt: skip
async def test_what_is_no_answer_at_all_is_refused_in_words(app: Application, ada: QuartClient, answer: str) -> None:
    await options(ada, "/account/passkeys/options")
    adding = await ada.post("/account/passkeys/new", form={"name": "x", "credential": answer})
    client = app.test_client()
    await options(client)
    signing_in = await client.post("/login/passkey", form={"credential": answer})

    assert adding.status_code == 422
    assert "Nothing was added" in await said(adding) or "another look" in await said(adding)
    await refused(app, client, signing_in)


async def test_the_same_key_is_added_once(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    device = Authenticator()
    await add(ada, device)

    again, elsewhere = await add(ada, device), await add(eve, device)

    assert (again.status_code, elsewhere.status_code) == (422, 422)
    assert "known already" in await said(again)
    assert [one.user_id for one in await kept(app)] == [1]


async def test_adding_takes_a_fresh_sign_in(app: Application, ada: QuartClient) -> None:
    asked = await options(ada, "/account/passkeys/options")
    await grow_stale(app)

    answer = await ada.post("/account/passkeys/new", form={"name": "x", "credential": Authenticator().create(asked)})

    assert answer.headers["Location"].startswith("/login/confirm")
    assert (await ada.post("/account/passkeys/options")).headers["Location"].startswith("/login/confirm")
    assert await kept(app) == []


async def test_it_is_renamed(app: Application, ada: QuartClient, device: Authenticator) -> None:
    assert 'value="My phone"' in await page(ada, "/account/passkeys/1")

    await ada.post("/account/passkeys/1", form={"name": " The old\tphone "})
    refused = await ada.post("/account/passkeys/1", form={"name": "x" * 81})

    assert refused.status_code == 422
    assert "The old phone" in await page(ada, "/account/passkeys")


async def test_a_removed_one_opens_nothing(app: Application, ada: QuartClient, device: Authenticator) -> None:
    answer = await ada.post("/account/passkeys/1/removal")

    assert answer.headers["Location"] == "/account/passkeys"
    assert "My phone" not in (await page(ada, "/account/passkeys")).partition("<h1>")[2]
    client = app.test_client()
    await refused(app, client, await show(client, device))
    assert (await events(app, "passkey.removed"))[0].details == {"name": "My phone"}


async def test_other_peoples_passkeys_are_not_there(app: Application, eve: QuartClient, device: Authenticator) -> None:
    assert "My phone" not in await page(eve, "/account/passkeys")
    for number in (1, 99, 2**64):
        await page(eve, f"/account/passkeys/{number}", 404)
        assert (await eve.post(f"/account/passkeys/{number}", form={"name": "Eve's"})).status_code == 404
        assert (await eve.post(f"/account/passkeys/{number}/removal")).status_code == 404
    assert [one.name for one in await kept(app)] == ["My phone"]


async def test_a_person_has_a_limited_number_of_passkeys(app: Application, ada: QuartClient, monkeypatch: Any) -> None:
    monkeypatch.setattr("webapp.models.accounts.passkey.MAX_PASSKEYS", 1)
    await add(ada, Authenticator())

    answer = await add(ada, Authenticator())

    assert answer.status_code == 422
    assert len(await kept(app)) == 1


async def test_strangers_may_not_ask_without_end(app: Application) -> None:
    client = app.test_client()
    asked = [(await client.post("/login/passkey/options")).status_code for _ in range(101)]

    assert set(asked[:100]) == {200}
    assert asked[100] == 429


async def test_challenges_nobody_answered_are_not_kept(app: Application, client: QuartClient) -> None:
    async def age(work: UnitOfWork) -> None:
        from datetime import timedelta

        from webapp.models import utc_now

        await work.session.execute(update(OneTimeToken).values(expires_at=utc_now() - timedelta(seconds=1)))

    await options(client)
    await db.of(app).write(age)
    await options(client)

    async with db.of(app).reading() as session:
        assert len(list(await session.scalars(select(OneTimeToken)))) == 1


async def test_at_a_bare_address_the_page_says_where_to_go(app: Application, ada: QuartClient) -> None:
    bare = app.test_client()
    headers = {"Host": "127.0.0.1:8000"}
    await bare.post("/login", form={"email": ADA.email, "password": ADA.password}, headers=headers)
    jar = {one.name: str(one.value) for one in bare.cookie_jar or ()}
    cookie = "; ".join(f"{name}={value}" for name, value in jar.items())

    answer = await app.test_client().get("/account/passkeys", headers=headers | {"Cookie": cookie})
    asked = await app.test_client().post("/login/passkey/options", headers=headers | {"Accept": "application/json"})

    html = await said(answer)
    assert 'href="http://localhost:8000/account/passkeys"' in html
    assert "Add a passkey" not in html
    assert asked.status_code == 422
    assert "neither" in json.loads(await asked.get_data())["detail"]


async def test_behind_tls_they_belong_to_the_public_name(data_dir: Path) -> None:
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


async def test_who_is_signed_in_already_goes_on(ada: QuartClient, device: Authenticator) -> None:
    answer = await ada.post("/login/passkey", form={"credential": "{}"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


async def test_the_sign_in_page_has_a_button_that_only_a_script_shows(app: Application, device: Authenticator) -> None:
    html = await page(app.test_client(), "/login")

    assert 'data-passkey="get"' in html
    assert '<form class="stack" hidden action="/login/passkey"' in html
    assert EVE.email not in html
