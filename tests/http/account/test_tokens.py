"""API tokens: made, shown once, listed, revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.events import events
from tests.http.account.conftest import make_session_stale, page, text_of
from tests.mails import letters
from webapp.extensions import db
from webapp.models import ApiToken
from webapp.web.application import Application

GIVEN = {"name": "nightly export", "scope": "read", "lifetime": "90"}


async def create_token(client: QuartClient, **more: str) -> str:
    """The token as it is shown."""
    answer = await client.post("/account/tokens/new", form={**GIVEN, **more})
    html = await text_of(answer)
    assert answer.status_code == 200, html
    found = re.search(r"rowcast_[\w-]{43}", html)
    assert found
    return found[0]


async def stored_tokens(app: Application) -> list[ApiToken]:
    async with db.of(app).reading() as session:
        return list(await session.scalars(select(ApiToken).order_by(ApiToken.id)))


async def test_a_token_is_shown_once_and_opens_the_api(app: Application, ada: QuartClient) -> None:
    token = await create_token(ada)

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


async def test_a_revoked_token_is_refused(app: Application, ada: QuartClient) -> None:
    token = await create_token(ada)

    assert (await ada.post("/account/tokens/1/revocation")).status_code == 303

    answer = await app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert "nightly export" not in await page(ada, "/account/tokens")
    assert (await ada.post("/account/tokens/1/revocation")).status_code == 404
    assert len(await events(app, "token.revoked")) == 1


async def test_a_name_can_be_used_again_once_its_token_has_ended(app: Application, ada: QuartClient) -> None:
    await create_token(ada)

    form = {"name": "nightly export", "scope": "read", "lifetime": "30"}
    again = await ada.post("/account/tokens/new", form=form)

    assert again.status_code == 422
    assert "You have a token with this name already." in await text_of(again)
    assert len(await stored_tokens(app)) == 1
    await ada.post("/account/tokens/1/revocation")
    assert (await ada.post("/account/tokens/new", form=form)).status_code == 200


@pytest.mark.parametrize(("lifetime", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
async def test_the_lifetime_of_a_token_is_chosen(
    app: Application, ada: QuartClient, lifetime: str, days: int | None
) -> None:
    await create_token(ada, lifetime=lifetime)

    (token,) = await stored_tokens(app)
    if days is None:
        assert token.expires_at is None
    else:
        assert token.expires_at is not None
        assert abs(token.expires_at - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)


async def test_the_last_day_of_a_token_ends_in_its_owners_time_zone(app: Application, ada: QuartClient) -> None:
    await ada.post("/account", form={"name": "Ada", "time_zone": "Asia/Tokyo", "number_style": "comma"})
    day = (datetime.now(UTC) + timedelta(days=10)).date()

    await create_token(ada, lifetime="date", until=day.isoformat())

    (token,) = await stored_tokens(app)
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
async def test_an_invalid_field_is_refused_beside_the_field(
    app: Application, ada: QuartClient, more: dict[str, str], field: str
) -> None:
    answer = await ada.post("/account/tokens/new", form={**GIVEN, **more})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in await text_of(answer)
    assert await stored_tokens(app) == []


async def test_only_administrators_may_issue_the_admin_scope(
    app: Application, ada: QuartClient, eve: QuartClient
) -> None:
    assert 'value="admin"' in await page(ada, "/account/tokens/new")
    assert 'value="admin"' not in await page(eve, "/account/tokens/new")

    answer = await eve.post("/account/tokens/new", form={**GIVEN, "scope": "admin"})

    assert answer.status_code == 422
    await create_token(ada, scope="admin")
    assert [token.user_id for token in await stored_tokens(app)] == [1]


async def test_the_tokens_of_other_people_are_not_found(app: Application, ada: QuartClient, eve: QuartClient) -> None:
    await create_token(ada)

    assert "nightly export" not in await page(eve, "/account/tokens")
    for number in (1, 99, 2**64):
        assert (await eve.post(f"/account/tokens/{number}/revocation")).status_code == 404
    assert (await stored_tokens(app))[0].revoked_at is None


async def test_issuing_a_token_requires_a_fresh_sign_in_and_revoking_does_not(
    app: Application, ada: QuartClient
) -> None:
    await create_token(ada)
    await make_session_stale(app)

    answer = await ada.post("/account/tokens/new", form=GIVEN)

    assert answer.headers["Location"].startswith("/login/confirm")
    assert len(await stored_tokens(app)) == 1
    assert (await ada.post("/account/tokens/1/revocation")).headers["Location"] == "/account/tokens"


async def test_a_person_has_a_limited_number_of_tokens(
    app: Application, ada: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.models.accounts.api_token.MAX_TOKENS", 2)
    await create_token(ada)
    await create_token(ada, name="weekly export")

    answer = await ada.post("/account/tokens/new", form={**GIVEN, "name": "yearly export"})

    assert answer.status_code == 422
    assert "You have 2 tokens already." in await text_of(answer)
    assert len(await stored_tokens(app)) == 2
    await ada.post("/account/tokens/1/revocation")
    await create_token(ada, name="yearly export")
