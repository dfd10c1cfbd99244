"""5. Session protection: bound to an address it signs out people who move; bound to nothing it cannot be revoked."""

import hashlib
from datetime import timedelta
from typing import Any

from quart import Quart, request, session
from quart.testing import QuartClient
from quart.typing import ResponseReturnValue
from quart_auth import AuthUser, QuartAuth, current_user, login_user, logout_user
from sqlalchemy import select

from tests.helpers import is_signed_in, sign_in, sign_up
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Session
from webapp.web.application import Application

TRAIN: dict[str, Any] = {"headers": {"User-Agent": "Firefox/200"}, "scope_base": {"client": ("192.0.2.7", 4711)}}


async def test_plain_session_protection_signs_out_people_whose_address_changes() -> None:
    """Flask-Login's "strong" protection, ported. It works as documented: the trouble is that people move."""
    app = Quart("plain")
    app.secret_key = "k" * 32

    def identity() -> str:
        return hashlib.sha512(f"{request.remote_addr}|{request.user_agent}".encode()).hexdigest()

    @app.before_request
    async def protect() -> None:
        if session.get("_id") != identity():
            session.clear()

    @app.get("/login")
    async def login() -> ResponseReturnValue:
        session.update(_id=identity(), user="ada")
        return ""

    @app.get("/who")
    async def who() -> ResponseReturnValue:
        return str(session.get("user"))

    client = app.test_client()
    await client.get("/login")
    assert await (await client.get("/who")).get_data() == b"ada"

    assert await (await client.get("/who", scope_base={"client": ("192.0.2.7", 1)})).get_data() == b"None"


async def test_plain_quart_auth_can_neither_end_a_session_nor_list_them() -> None:
    """Fails if quart-auth stores sessions: then Rowcast may have to store less."""
    app = Quart("plain")
    app.secret_key = "k" * 32
    QuartAuth(app, cookie_secure=False)

    @app.get("/login")
    async def login() -> ResponseReturnValue:
        login_user(AuthUser("7"))
        return ""

    @app.get("/logout")
    async def logout() -> ResponseReturnValue:
        logout_user()
        return ""

    @app.get("/who")
    async def who() -> ResponseReturnValue:
        return str(current_user.auth_id)

    client, thief = app.test_client(), app.test_client(use_cookies=False)
    cookie = (await client.get("/login")).headers["Set-Cookie"].partition(";")[0]
    await client.get("/logout")

    assert await (await client.get("/who")).get_data() == b"None"
    assert await (await thief.get("/who", headers={"Cookie": cookie})).get_data() == b"7"  # valid for a year
    serializer = app.extensions["QUART_AUTH"][0]
    assert serializer.load_token(cookie.partition("=")[2], app) == "7"  # the person only, nothing about the device


async def rows(app: Application) -> list[Session]:
    async with db.of(app).reading() as reading:
        return list(await reading.scalars(select(Session).order_by(Session.id)))


async def wait_six_minutes(app: Application) -> None:
    """The last-seen time is written at most every five minutes."""

    async def write(work: UnitOfWork) -> None:
        for each in await work.session.scalars(select(Session)):
            each.seen_at -= timedelta(minutes=6)

    await db.of(app).write(write)


async def test_our_session_survives_a_change_of_address_and_records_it(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    await wait_six_minutes(app)

    there = await client.get("/", **TRAIN)
    await db.of(app).wait_for_writes()
    here = await client.get("/")

    assert (there.status_code, here.status_code) == (303, 303)  # both to the dashboard
    (session,) = await rows(app)
    assert (session.address, session.agent) == ("192.0.2.7", "Firefox/200")


async def test_our_sessions_can_be_listed_and_ended_one_by_one_or_all(app: Application, client: QuartClient) -> None:
    """One row per sign-in; once ended, a copied cookie is worthless from the next request on."""
    laptop, phone = app.test_client(), app.test_client()
    await sign_up(client)
    await sign_in(laptop)
    await sign_in(phone)

    page = await (await client.get("/account/devices")).get_data(as_text=True)
    first, second, third = (row.id for row in await rows(app))
    assert [f'id="device-{number}"' in page for number in (first, second, third)] == [True, True, True]
    assert page.count("This one") == 1

    assert (await client.post(f"/account/devices/{second}/end")).headers["Location"] == "/account/devices"
    assert [await is_signed_in(browser) for browser in (client, laptop, phone)] == [True, False, True]

    await sign_in(laptop)
    await client.post("/account/devices/others/end")
    assert [await is_signed_in(browser) for browser in (client, laptop, phone)] == [True, False, False]


async def test_our_sessions_can_be_ended_by_their_owner_only(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    (own,) = await rows(app)

    stranger = await app.test_client().post(f"/account/devices/{own.id}/end")

    assert (stranger.status_code, stranger.headers["Location"]) == (303, "/login")
    assert await is_signed_in(client)
