"""API tokens: made, shown once, listed, revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.events import events
from tests.http.account.conftest import grow_stale, page, said
from tests.mails import letters
from webapp.extensions import db
from webapp.models import ApiToken
from webapp.web.application import Application

GIVEN = {"name": "nightly export", "scope": "read", "lifetime": "90"}


async def make(client: QuartClient, **more: str) -> str:
    """The token as it is shown."""
    answer = await client.post("/account/tokens/new", form={**GIVEN, **more})
    html = await said(answer)
    assert answer.status_code == 200, html
    found = re.search(r"rowcast_[\w-]{43}", html)
    assert found
    return found[0]


async def kept(app: Application) -> list[ApiToken]:
    async with db.of(app).reading() as session:
        return list(await session.scalars(select(ApiToken).order_by(ApiToken.id)))


async def test_a_token_is_shown_once_and_opens_the_api(app: Application, ada: QuartClient) -> None:
    token = await make(ada)

    html = await page(ada, "/account/tokens")
    assert token not in html
    assert f"<code>{token[:12]}…</code>" in html
    assert "never used" in html
    answer = await app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    await db.of(app).wait_for_writes()
    assert "last used <time" in await page(ada, "/account/tokens")
    (event,) = await events(app, "token.made")
    assert event.details == {"name": "nightly export", "scope": "read", "token": token[:12]}
    (letter,) = await letters(app)
    assert token not in letter.text


async def test_a_revoked_token_opens_nothing(app: Application, ada: QuartClient) -> None:
    token = await make(ada)

    assert (await ada.post("/account/tokens/1/revocation")).status_code == 303

    answer = await app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert "nightly export" not in await page(ada, "/account/tokens")
    assert (await ada.post("/account/tokens/1/revocation")).status_code == 404
    assert len(await events(app, "token.revoked")) == 1


async def test_a_name_is_taken_while_its_token_works(app: Application, ada: QuartClient) -> None:
    await make(ada)

    form = {"name": "nightly export", "scope": "read", "lifetime": "30"}
    again = await ada.post("/account/tokens/new", form=form)

    assert again.status_code == 422
    assert "You have a token with this name already." in await said(again)
    assert len(await kept(app)) == 1
    await ada.post("/account/tokens/1/revocation")
    assert (await ada.post("/account/tokens/new", form=form)).status_code == 200


@pytest.mark.parametrize(("lifetime", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
async def test_how_long_it_works_is_chosen(app: Application, ada: QuartClient, lifetime: str, days: int | None) -> None:
    await make(ada, lifetime=lifetime)

    (token,) = await kept(app)
    if days is None:
        assert token.expires_at is None
    else:
        assert token.expires_at is not None
        assert abs(token.expires_at - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)


async def test_a_last_day_ends_where_its_person_is(app: Application, ada: QuartClient) -> None:
    await ada.post("/account", form={"name": "Ada", "time_zone": "Asia/Tokyo", "number_style": "comma"})
    day = (datetime.now(UTC) + timedelta(days=10)).date()

    await make(ada, lifetime="date", until=day.isoformat())

    (token,) = await kept(app)
    assert token.expires_at is not None
    assert token.expires_at.strftime("%Y-%m-%d %H:%M") == f"{day} 14:59"  # 23:59 in Tokyo


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"scope": "everything"}, "scope"),
        ({"lifetime": "1000"}, "lifetime"),
        ({"lifetime": "date"}, "until"),
        ({"lifetime": "date", "until": "2020-01-01"}, "until"),
        ({"lifetime": "date", "until": "9999-12-31"}, "until"),
        ({"lifetime": "date", "until": "soon"}, "until"),
    ],
)
async def test_what_cannot_be_is_said_beside_its_field(
    app: Application, ada: QuartClient, more: dict[str, str], field: str
) -> None:
    answer = await ada.post("/account/tokens/new", form={**GIVEN, **more})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in await said(answer)
    assert await kept(app) == []


async def test_only_who_administers_may_give_that_scope(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    assert 'value="admin"' in await page(ada, "/account/tokens/new")
    assert 'value="admin"' not in await page(eve, "/account/tokens/new")

    answer = await eve.post("/account/tokens/new", form={**GIVEN, "scope": "admin"})

    assert answer.status_code == 422
    await make(ada, scope="admin")
    assert [token.user_id for token in await kept(app)] == [1]


async def test_other_peoples_tokens_are_not_there(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    await make(ada)

    assert "nightly export" not in await page(eve, "/account/tokens")
    for number in (1, 99, 2**64):
        assert (await eve.post(f"/account/tokens/{number}/revocation")).status_code == 404
    assert (await kept(app))[0].revoked_at is None


async def test_making_one_takes_a_fresh_sign_in_and_revoking_none(app: Application, ada: QuartClient) -> None:
    await make(ada)
    await grow_stale(app)

    answer = await ada.post("/account/tokens/new", form=GIVEN)

    assert answer.headers["Location"].startswith("/login/confirm")
    assert len(await kept(app)) == 1
    assert (await ada.post("/account/tokens/1/revocation")).headers["Location"] == "/account/tokens"


async def test_a_person_has_a_limited_number_of_tokens(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.models.accounts.api_token.MAX_TOKENS", 2)
    await make(ada)
    await make(ada, name="weekly export")

    answer = await ada.post("/account/tokens/new", form={**GIVEN, "name": "yearly export"})

    assert answer.status_code == 422
    assert "You have 2 tokens already." in await said(answer)
    assert len(await kept(app)) == 2
    await ada.post("/account/tokens/1/revocation")
    await make(ada, name="yearly export")
