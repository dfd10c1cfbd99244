"""Hostile input: a readable error, nothing changed, no secret logged."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect, contents
from tests.helpers import ADA, GRACE, PASSWORD, sign_up
from tests.http.auth.conftest import add_second_factor
from tests.mails import letters, newest_link
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import OneTimeToken, Purpose
from webapp.web.application import Application

LONG = "x" * 1_000_000
KELVIN = "\N{KELVIN SIGN}"  # its small letter is a plain k


def stored_state(settings: Settings) -> dict[str, list[Any]]:
    """All that an account is made of; "seen" moves by itself."""
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY id").fetchall()
            for table, columns in {
                "users": "id, email, name, password_hash, role, is_active, verified_at, totp_secret, totp_step",
                "sessions": "id, user_id, token_hash, authenticated_at, revoked_at",
                "recovery_codes": "id, used_at",
                "one_time_tokens": "purpose, used_at",
            }.items()
        }


async def forms(app: Application) -> dict[str, tuple[QuartClient, dict[str, str]]]:
    """Each form for people who are not signed in: its URL, who posts it, and valid input."""
    ada, halfway = app.test_client(), app.test_client()
    await sign_up(ada)
    data = {"role": "member", "inviter": ADA.email}
    invited = await db.of(app).write(OneTimeToken.issue, Purpose.INVITE, email="eve@example.org", data=data)
    await app.test_client().post("/reset", form={"email": ADA.email})
    reset = await newest_link(app)
    await add_second_factor(app)
    await halfway.post("/login", form={"email": ADA.email, "password": PASSWORD})
    chosen = {"password": "another good sentence", "confirmation": "another good sentence"}
    return {
        "/login": (app.test_client(), {"email": ADA.email, "password": "wrong sentence"}),
        "/login/code": (halfway, {"code": "not a code"}),
        "/login/confirm": (ada, {"password": PASSWORD, "code": "not a code"}),
        "/reset": (app.test_client(), {"email": ADA.email}),
        reset: (app.test_client(), chosen),
        f"/invitations/{invited}": (app.test_client(), {"name": "Eve", **chosen}),
    }


async def test_an_overlong_field_is_refused_before_hashing_and_lookup(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await forms(app)
    before = stored_state(settings)

    def never(*_: object) -> None:
        raise AssertionError("hashed")

    monkeypatch.setattr("webapp.hashing.Hasher._run", never)
    for path, (client, form) in asked.items():
        for field in form:
            assert (await client.post(path, form=form | {field: LONG})).status_code == 413, (path, field)
            answer = await client.post(path, form=form | {field: "x" * 5000})
            assert answer.status_code == 422, (path, field)
    assert stored_state(settings) == before


async def test_missing_fields_are_refused_and_extra_ones_ignored(app: Application, settings: Settings) -> None:
    asked = await forms(app)
    before = stored_state(settings)

    for path, (client, form) in asked.items():
        for missing in form.keys() - {"name"}:
            left = {name: value for name, value in form.items() if name != missing}
            answer = await client.post(path, form=left)
            assert answer.status_code == 422, (path, missing)
            assert 'aria-invalid="true"' in await answer.get_data(as_text=True), (path, missing)
        assert (await client.post(path, form={})).status_code == 422, path
        surplus = {"role": "owner", "is_active": "1", "user_id": "1", "id": "1", "verified_at": "now"}
        assert (await client.post(path, form=surplus)).status_code == 422, path
    assert stored_state(settings) == before


async def test_nul_is_refused_in_every_field(app: Application, settings: Settings) -> None:
    asked = await forms(app)
    before = stored_state(settings)

    for path, (client, form) in asked.items():
        for field in form:
            answer = await client.post(path, form=form | {field: form[field] + "\0"})
            assert answer.status_code == 422, (path, field)
    assert stored_state(settings) == before


@pytest.mark.parametrize(
    "body", [b"email=%ff%fe&password=x", b"\xff\xfe", b"email=ada@example.org&password=\xed\xa0\x80", b"a" * 2000]
)
async def test_a_body_that_is_not_a_form_is_refused(app: Application, settings: Settings, body: bytes) -> None:
    asked = await forms(app)
    before = stored_state(settings)

    for path, (client, _) in asked.items():
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post(path, data=body, headers=kind)
        assert answer.status_code in (400, 422), path
        json = await client.post(path, data=b'{"email": {"a": []}}', headers={"Content-Type": "application/json"})
        assert json.status_code == 422, path
    assert stored_state(settings) == before


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@[127.0.0.1",
        "ada@example.org, eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        '"<script>"@example.org',
        "ada@" + "a" * 250 + ".org",
        "ada\u202e@example.org",
        "ada\u200b@example.org",
        "ada@exa\u2024mple.org\u3002evil.example@x",
    ],
)
async def test_an_invalid_address_gets_neither_account_nor_mail(open_app: Application, email: str) -> None:
    form = {"email": email, "password": PASSWORD, "confirmation": PASSWORD}

    for path in ("/register", "/login", "/reset"):
        assert (await open_app.test_client().post(path, form=form)).status_code == 422, path

    assert await letters(open_app) == []


async def test_lookalike_letters_lead_to_no_other_account(open_app: Application) -> None:
    await sign_up(open_app.test_client(), type(GRACE)("kim@example.org"))
    before = len(await letters(open_app))
    form = {"password": PASSWORD, "confirmation": PASSWORD}

    # What folds to the same spelling is the same account, and the mail goes to the address that was verified.
    folded = await open_app.test_client().post("/register", form=form | {"email": f"{KELVIN}im@example.org"})
    await open_app.test_client().post("/reset", form={"email": f"{KELVIN}IM@example.org"})
    assert folded.status_code == 422
    assert [letter.recipient for letter in await letters(open_app)][before:] == ["kim@example.org"]

    # What only looks the same is somebody else.
    cyrillic = "k\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}m@example.org"
    await open_app.test_client().post("/reset", form={"email": cyrillic})
    assert len(await letters(open_app)) == before + 1


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_no_form_redirects_to_another_site(app: Application, target: str) -> None:
    ada = app.test_client()
    await sign_up(ada)
    await add_second_factor(app)

    step = await app.test_client().post(
        "/login", query_string={"next": target}, form={"email": ADA.email, "password": PASSWORD}
    )

    assert step.headers["Location"].startswith("/login/code?next=")
    assert (await ada.get("/login", query_string={"next": target})).headers["Location"] == "/dashboard"


async def test_the_database_stores_no_token_of_a_link(open_app: Application, data_dir: Path) -> None:
    await sign_up(open_app.test_client(), GRACE)
    token = (await newest_link(open_app)).rpartition("/")[2]

    async def nothing(work: UnitOfWork) -> None:
        pass

    await db.of(open_app).write(nothing)
    files = contents(data_dir)
    assert token.encode() not in files
