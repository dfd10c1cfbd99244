"""Whom a token stands for, where it is accepted, and how it is refused."""

from datetime import timedelta

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from tests.database import contents
from tests.http.api.conftest import Make, Program, problem
from webapp.extensions import db
from webapp.models import ApiToken, Role, Scope, utc_now
from webapp.models.accounts.api_token import revoke_api_token
from webapp.models.accounts.audit import COMMAND_LINE
from webapp.web import bearer
from webapp.web.application import Application

UNSAFE = [("POST", "/api/v1/users"), ("PATCH", "/api/v1/users/1"), ("DELETE", "/api/v1/users/1")]


async def test_a_token_acts_as_its_owner_within_its_scope(program: Make) -> None:
    client = await program(Scope.WRITE)

    answer = await client.get("/api/v1/me")

    document = await answer.get_json()
    assert document["person"]["email"] == "ada@example.org"
    assert document["scopes"] == ["read", "write"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_request_without_a_token_is_told_how_to_send_one(client: QuartClient) -> None:
    answer = await client.get("/api/v1/me")

    document = await problem(answer, 401)
    assert "Authorization: Bearer" in document["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Rowcast"'


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer rowcast_" + "x" * 43,
        "Bearer x",
        "Bearer ",
        "Bearer",
        "bearer rowcast_",
        "BEARER rowcast_\u00e9",
        "Bearer rowcast_" + "x" * 5000,
        "Bearer rowcast_a, Bearer rowcast_b",
    ],
)
async def test_an_invalid_token_is_refused_even_with_a_valid_cookie(owner: QuartClient, shown: str) -> None:
    answer = await owner.get("/api/v1/me", headers={"Authorization": shown.encode().decode("latin1")})

    await problem(answer, 401)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_another_authorization_scheme_is_not_a_token(client: QuartClient) -> None:
    answer = await client.get("/api/v1/me", headers={"Authorization": "Basic YTpi"})

    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Rowcast"'


async def test_a_token_that_is_revoked_or_expired_or_of_a_deactivated_person_is_refused(
    app: Application, program: Make
) -> None:
    old = await program(expires_at=utc_now() - timedelta(seconds=1))
    revoked, fine = await program(), await program()
    await db.of(app).write(revoke_api_token, COMMAND_LINE, 1, 2)
    member = await program(role=Role.MEMBER)
    before = await member.get("/api/v1/me")
    await fine.patch("/api/v1/users/2", json={"is_active": False})

    assert before.status_code == 200
    for client in (old, revoked, member):
        await problem(await client.get("/api/v1/me"), 401)
    assert (await fine.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize(("method", "path"), UNSAFE)
async def test_a_refusal_names_the_scope_that_is_missing(program: Make, method: str, path: str) -> None:
    client = await program(Scope.WRITE)

    answer = await client.open(path, method=method, json={})

    document = await problem(answer, 403)
    assert "'admin'" in document["detail"]
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="admin"' in challenge


async def test_a_scope_grants_no_more_than_the_role_of_its_owner(program: Make) -> None:
    client = await program(Scope.ADMIN, Role.MEMBER)

    answer = await client.post("/api/v1/users", json={"email": "new@example.org"})

    await problem(answer, 403)
    assert "WWW-Authenticate" not in answer.headers


async def test_a_guests_token_reads_only_the_guests_own_account(program: Make) -> None:
    client = await program(role=Role.GUEST)

    assert (await client.get("/api/v1/me")).status_code == 200
    await problem(await client.get("/api/v1/users"), 403)


async def test_pages_accept_no_token(program: Make) -> None:
    client = await program()

    page = await client.get("/dashboard")
    form = await client.post("/tables")

    assert (page.status_code, page.headers["Location"]) == (303, "/login?next=/dashboard")
    assert form.status_code == 303
    assert (await client.get("/account/tokens")).status_code in (303, 404)


async def test_a_token_in_the_url_is_ignored(program: Make, client: QuartClient) -> None:
    token = (await program()).token

    answer = await Program(client.app).get(f"/api/v1/me?token={token}&access_token={token}")

    await problem(answer, 401)


async def test_a_signed_in_browser_may_read_and_not_change(owner: QuartClient) -> None:
    for path in ("/api/v1/me", "/api/v1/users", "/api/v1/users/1"):
        assert (await owner.get(path)).status_code == 200
    for method, path in UNSAFE:
        document = await problem(await owner.open(path, method=method, json={"name": "Eve"}), 403)
        assert "token" in document["detail"]
    assert (await (await owner.get("/api/v1/me")).get_json())["scopes"] is None


async def test_another_site_may_send_a_token_but_no_cookie(app: Application, program: Make, owner: QuartClient) -> None:
    client = await program()
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    alone = await client.patch("/api/v1/users/1", json={"name": "Ada"}, headers=elsewhere)
    both = await owner.patch(
        "/api/v1/users/1", json={"name": "Eve"}, headers=elsewhere | {"Authorization": f"Bearer {client.token}"}
    )
    neither = await Program(app).patch("/api/v1/users/1", json={"name": "Eve"}, headers=elsewhere)

    assert (alone.status_code, both.status_code, neither.status_code) == (200, 403, 403)
    assert "Access-Control-Allow-Origin" not in alone.headers


async def test_the_last_use_of_a_token_is_recorded_at_intervals(
    app: Application, program: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, database = await program(), db.of(app)

    async def used() -> object:
        await database.wait_for_writes()
        row = await database.fetch_one(select(ApiToken.used_at).where(ApiToken.id == 1))
        return row and row.used_at

    assert await used() is None
    await client.get("/api/v1/me")
    first = await used()
    assert first is not None
    await client.get("/api/v1/me")
    assert await used() == first
    monkeypatch.setattr(bearer, "TOUCH_INTERVAL", timedelta(0))
    await client.get("/api/v1/me")
    assert await used() != first


async def test_valid_and_invalid_tokens_are_not_logged(
    program: Make, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    client, secret = await program(), "s3cret-s3cret"
    await client.post("/api/v1/users", json={"password": secret, "email": secret})
    await Program(client.app).get("/api/v1/me", headers={"Authorization": f"Bearer rowcast_{secret}"})

    logged = "".join(capsys.readouterr()) + caplog.text
    assert "/api/v1/users" in logged
    assert client.token not in logged
    assert secret not in logged


async def test_the_database_contains_no_token(app: Application, program: Make) -> None:
    token = (await program()).token
    await db.of(app).write(_checkpoint)
    everything = contents(db.of(app).settings.data_dir)

    assert token.encode() not in everything
    assert token[:12].encode() in everything


async def _checkpoint(work: object) -> None:
    """An empty write, so that everything written before it is in the files."""
