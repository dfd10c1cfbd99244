"""Where the server asks for a second factor, a promotion leaves nobody with a password alone."""

from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.authenticator import Authenticator
from tests.conftest import make_settings
from tests.helpers import sign_up
from tests.http.account.test_passkeys import add, stored_passkeys
from tests.http.account.test_second_factor import current_code, turn_on
from tests.http.admin.conftest import text
from tests.people import EVE, settle, window
from webapp.extensions import db
from webapp.models import ApiToken, Role, Scope, User
from webapp.web.application import Application

REFUSED = "turn on an authenticator app first"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, second_factor="administrators")


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    """The owner, with an authenticator app."""
    await sign_up(client)
    await turn_on(client)
    return client


@pytest.fixture
async def eve(app: Application, ada: QuartClient) -> QuartClient:
    await settle(app, EVE.email)
    return await window(app, EVE)


async def role_of_eve(app: Application) -> str:
    async with db.of(app).reading() as session:
        person = await session.scalar(User.active_by_email(EVE.email))
    assert person is not None
    return person.role


async def promote(ada: QuartClient) -> Any:
    return await ada.post("/admin/people/2/role", form={"role": "administrator"})


async def test_a_promotion_that_would_end_the_only_factor_is_refused(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    await add(eve, Authenticator())

    refused = await promote(ada)

    assert (refused.status_code, REFUSED in await text(refused)) == (422, True)
    assert await role_of_eve(app) == Role.MEMBER
    assert len(await stored_passkeys(app)) == 1


async def test_with_an_authenticator_app_passkeys_end_and_the_app_stays(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    await add(eve, Authenticator())
    secret, _ = await turn_on(eve)

    assert (await promote(ada)).status_code == 303

    assert await stored_passkeys(app) == []
    client = await window(app, EVE)
    await client.post("/login/code", form={"code": current_code(secret, 1)})
    assert (await client.get("/admin/people")).status_code == 200


async def test_a_person_promoted_without_any_factor_sets_one_up_and_is_told_why(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    assert (await promote(ada)).status_code == 303

    client = await window(app, EVE)

    assert (await client.get("/dashboard")).headers["Location"] == "/account/second-factor"
    assert "This server requires two-factor authentication" in await text(await client.get("/account/second-factor"))
    await turn_on(client)
    assert (await client.get("/dashboard")).status_code == 200


async def test_the_api_refuses_it_too(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    await add(eve, Authenticator())
    _, token = await db.of(app).write(ApiToken.issue, 1, name="program", scope=Scope.ADMIN, expires_at=None)
    program, headers = app.test_client(use_cookies=False), {"Authorization": f"Bearer {token}"}

    refused = await program.patch("/api/v1/users/2", json={"role": "administrator"}, headers=headers)

    assert (refused.status_code, REFUSED in await text(refused)) == (409, True)
    assert await role_of_eve(app) == Role.MEMBER
    assert len(await stored_passkeys(app)) == 1
