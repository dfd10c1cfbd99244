"""Where the server requires a second factor, a password alone opens only the pages to set one up."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pyotp
import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.authenticator import Authenticator
from tests.conftest import make_settings
from tests.helpers import ADA, GRACE, PASSWORD, sign_in, sign_out, sign_up
from tests.http.auth.conftest import add_second_factor, code
from webapp.web.application import Application

SET_UP = "/account/second-factor"


@pytest.fixture
def settings(data_dir: Path, request: pytest.FixtureRequest) -> Settings:
    return make_settings(data_dir, second_factor=getattr(request, "param", "everybody"), registration="open")


async def test_a_password_alone_opens_only_the_setup_pages(client: QuartClient) -> None:
    await sign_up(client)

    page = await client.get("/dashboard")
    part = await client.get("/tables/1", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    api = await client.get("/api/v1/me")

    assert (page.status_code, page.headers["Location"]) == (303, SET_UP)
    assert (part.status_code, part.headers["HX-Redirect"]) == (401, SET_UP)
    assert api.status_code == 403
    for open_page in (SET_UP, f"{SET_UP}/new", "/account/passkeys", "/account/passkeys/new"):
        assert (await client.get(open_page)).status_code == 200, open_page
    for closed in ("/account", "/account/tokens", "/account/export", "/account/devices", "/admin/people"):
        assert (await client.get(closed)).headers["Location"] == SET_UP, closed


async def test_the_first_code_opens_everything_and_later_sign_ins_require_a_code(
    app: Application, client: QuartClient
) -> None:
    await sign_up(client)
    page = await (await client.get(f"{SET_UP}/new")).get_data(as_text=True)
    secret, sealed = re.search(r"<code[^>]*>([A-Z2-7 ]+)<", page), re.search(r'name="sealed"[^>]*value="([^"]+)"', page)
    assert secret
    assert sealed
    shown = pyotp.TOTP(secret[1].replace(" ", "")).now()

    answer = await client.post(f"{SET_UP}/new", form={"sealed": unescape(sealed[1]), "code": shown})

    assert answer.status_code == 200
    assert (await client.get("/dashboard")).status_code == 200
    await sign_out(client)
    assert (await sign_in(client)).headers["Location"].startswith("/login/code")


async def test_the_setup_page_says_that_the_server_asks_for_it(client: QuartClient) -> None:
    await sign_up(client)

    page = await (await client.get(SET_UP)).get_data(as_text=True)
    assert "This server requires two-factor authentication. Turn it on" in page


async def test_a_person_with_a_second_factor_is_not_asked_to_set_one_up(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    await sign_out(client)
    await add_second_factor(app)

    await client.post("/login", form={"email": ADA.email, "password": PASSWORD})
    await client.post("/login/code", form={"code": code()})

    assert (await client.get("/dashboard")).status_code == 200


@pytest.mark.parametrize("settings", ["administrators"], indirect=True)
async def test_the_second_factor_can_be_required_of_administrators_only(app: Application) -> None:
    owner, member = app.test_client(), app.test_client()
    await sign_up(owner)
    await sign_up(member, GRACE)

    assert (await owner.get("/dashboard")).headers["Location"] == SET_UP
    assert (await member.get("/dashboard")).status_code == 200


@pytest.mark.parametrize("settings", ["optional"], indirect=True)
async def test_the_second_factor_is_not_required_by_default(client: QuartClient) -> None:
    await sign_up(client)

    assert (await client.get("/dashboard")).status_code == 200


async def test_the_identity_can_be_confirmed_before_the_setup(client: QuartClient) -> None:
    await sign_up(client)

    assert (await client.get("/login/confirm")).status_code == 200
    by_passkey = await client.post("/login/confirm/passkey", form={"credential": "none"})
    assert by_passkey.headers["Location"] == "/login/confirm"
    assert (await client.post("/verifications")).headers["Location"] == "/dashboard"
    assert (await client.post("/logout/everywhere")).headers["Location"] == "/login"


async def challenge(client: QuartClient, path: str) -> dict[str, Any]:
    answer = await client.post(path, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(await answer.get_data())
    return found


async def with_passkey(client: QuartClient) -> Authenticator:
    """Whose owner has just signed up and has no other factor."""
    device = Authenticator()
    made = device.create(await challenge(client, "/account/passkeys/options"))
    answer = await client.post("/account/passkeys/new", form={"name": "Phone", "credential": made})
    assert answer.headers["Location"] == "/account/passkeys"
    return device


async def test_an_existing_passkey_must_be_shown_before_another_factor_is_added(client: QuartClient) -> None:
    await sign_up(client)
    device = await with_passkey(client)
    await sign_out(client)
    await sign_in(client)

    for path in (f"{SET_UP}/new", "/account/passkeys/new", "/dashboard"):
        assert (await client.get(path)).headers["Location"] == f"/login/confirm?next={path}", path
    for path in (f"{SET_UP}/new", "/account/passkeys/new", "/account/passkeys/options"):
        assert (await client.post(path)).headers["Location"].startswith("/login/confirm"), path
    page = await (await client.get("/login/confirm")).get_data(as_text=True)
    assert 'name="password"' not in page
    refused = await client.post("/login/confirm", form={"password": PASSWORD})
    assert refused.status_code == 422
    assert (await client.get(f"{SET_UP}/new")).status_code == 303

    shown = device.get(await challenge(client, "/login/passkey/options"))
    answer = await client.post("/login/confirm/passkey?next=/dashboard", form={"credential": shown})

    assert answer.headers["Location"] == "/dashboard"
    for path in ("/dashboard", f"{SET_UP}/new", "/account/passkeys/new"):
        assert (await client.get(path)).status_code == 200, path


async def test_a_session_older_than_the_second_factor_must_show_a_code(app: Application, client: QuartClient) -> None:
    await sign_up(client)
    await add_second_factor(app)

    assert (await client.get("/account/passkeys/new")).headers["Location"].startswith("/login/confirm")
    await client.post("/login/confirm", form={"password": PASSWORD, "code": code()})

    assert (await client.get("/account/passkeys/new")).status_code == 200


@pytest.mark.parametrize("settings", ["optional"], indirect=True)
async def test_where_no_second_factor_is_required_the_password_confirms(client: QuartClient) -> None:
    await sign_up(client)
    await with_passkey(client)
    await sign_out(client)
    await sign_in(client)

    assert (await client.get(f"{SET_UP}/new")).status_code == 200
    assert (await client.post("/login/confirm", form={"password": PASSWORD})).status_code == 303
