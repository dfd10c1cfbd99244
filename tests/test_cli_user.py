"""`rowcast user`: adding and promoting people, resetting their passwords and listing them, beside a running server."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from quart.testing import QuartClient

from tests.authenticator import Authenticator
from tests.conftest import SECRET_KEY
from tests.database import connect
from tests.database import environment as folder_environment
from tests.helpers import Person, is_signed_in, sign_in
from tests.http.account.test_passkeys import add
from tests.people import window
from webapp.cli.main import main
from webapp.web.application import Application

PASSWORD = "a long and unlikely sentence"
ADA, EVE = Person("ada@example.org", PASSWORD), Person("eve@example.org", PASSWORD)


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`run("list")` in this process; return its output, or, if it fails, its error message."""
    for name, value in (("ENVIRONMENT", "testing"), ("SECRET_KEY", SECRET_KEY), ("DATA_DIR", str(data_dir))):
        monkeypatch.setenv(f"ROWCAST_{name}", value)

    def run(*arguments: str, typed: str = f"{PASSWORD}\n", status: int = 0) -> str:
        ended = CliRunner().invoke(main, ["user", *arguments], input=typed, catch_exceptions=False)
        assert ended.exit_code == status, ended.output
        return ended.output

    return lambda *arguments, **more: asyncio.to_thread(run, *arguments, **more)


async def role_of(run: Any, email: str) -> str | None:
    people = json.loads(await run("list", "--json"))
    return next((person["role"] for person in people if person["email"] == email), None)


def log(data_dir: Path) -> list[tuple[Any, ...]]:
    return ask(data_dir, "SELECT event, actor, subject FROM audit_events ORDER BY id")


def ask(data_dir: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(connect(data_dir / "rowcast.db")) as connection:
        return connection.execute(statement).fetchall()


async def test_the_first_person_added_becomes_the_owner_and_can_sign_in(
    app: Application, run: Any, data_dir: Path
) -> None:
    assert "is the owner's" in await run("add", EVE.email, "--role", "guest", status=1)
    await run("add", " Ada@Example.org", "--name", "Ada")
    await run("add", EVE.email)

    assert (await role_of(run, ADA.email), await role_of(run, EVE.email)) == ("owner", "member")
    assert (await (await window(app, ADA)).get("/admin/people")).status_code == 200
    assert log(data_dir)[:2] == [
        ("person.added", "command line", ADA.email),
        ("person.added", "command line", EVE.email),
    ]


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("add", "ada@example.org"), PASSWORD, "already an account"),
        (("add", "nobody"), PASSWORD, "@"),
        (("add", "new@example.org"), "short", "at least 10 characters"),
        (("add", "new@example.org"), "", "at least 10 characters"),
        (("promote", "new@example.org", "--role", "guest"), "", "Nobody has an account"),
        (("promote", "ada@example.org", "--role", "guest"), "", "last owner"),
        (("reset-password", "new@example.org"), PASSWORD, "Nobody has an account"),
        (("reset-password", "ada@example.org"), "ada@example.org", "hardly more than"),
    ],
)
async def test_a_command_that_cannot_be_carried_out_is_refused_with_a_message(
    run: Any, data_dir: Path, arguments: tuple[str, ...], typed: str, words: str
) -> None:
    await run("add", ADA.email)
    before = log(data_dir)

    assert words in await run(*arguments, typed=typed, status=1)
    assert log(data_dir) == before


async def test_a_password_is_not_accepted_as_an_argument(run: Any) -> None:
    assert "No such option" in await run("add", ADA.email, "--password", PASSWORD, status=2)
    assert "unexpected extra argument" in await run("add", ADA.email, PASSWORD, status=2)


async def test_a_promotion_takes_effect_with_the_next_sign_in(app: Application, run: Any, data_dir: Path) -> None:
    await run("add", ADA.email)
    await run("add", EVE.email)
    eve = await window(app, EVE)
    assert (await eve.get("/admin/people")).status_code == 403

    assert "eve@example.org is owner now." in await run("promote", EVE.email, "--role", "owner")
    assert not await is_signed_in(eve)
    await sign_in(eve, EVE)
    assert (await eve.get("/admin/people")).status_code == 200
    await run("promote", ADA.email, "--role", "member")
    assert log(data_dir)[-1] == ("person.role_changed", "command line", ADA.email)


async def test_a_promotion_does_not_end_the_only_factor_that_the_server_asks_for(
    app: Application, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWCAST_SECOND_FACTOR", "administrators")
    await run("add", ADA.email)
    await run("add", EVE.email)
    await add(await window(app, EVE), Authenticator())

    assert "turn on an authenticator app first" in await run("promote", EVE.email, "--role", "owner", status=1)
    assert await role_of(run, EVE.email) == "member"


async def choose_password(client: QuartClient, link: str) -> QuartClient:
    answer = await client.post(
        link.removeprefix("http://127.0.0.1:8000"), form={"password": PASSWORD, "confirmation": PASSWORD}
    )
    assert answer.status_code == 303, await answer.get_data(as_text=True)
    return client


async def test_a_new_password_signs_out_everywhere(app: Application, run: Any, data_dir: Path) -> None:
    await run("add", ADA.email)
    client = await window(app, ADA)
    await run("reset-password", ADA.email, typed="another long sentence\n")

    assert not await is_signed_in(client)
    await sign_in(client, Person(ADA.email, "another long sentence"))
    assert ("password.reset", "command line", ADA.email) in log(data_dir)
    assert "sentence" not in str(log(data_dir))


async def test_a_reset_link_lets_them_choose_a_password_and_ends_their_sessions(app: Application, run: Any) -> None:
    await run("add", ADA.email)
    client = await window(app, ADA)
    said = await run("reset-password", ADA.email, "--link")
    link = next(line for line in said.splitlines() if line.startswith("http"))

    assert not await is_signed_in(client)
    await choose_password(client, link)
    await sign_in(app.test_client(), ADA)


async def test_a_reset_link_ends_the_old_password_and_sign_ins_in_progress(
    app: Application, run: Any, data_dir: Path
) -> None:
    for email in (ADA.email, EVE.email):
        await run("add", email)
    ask(
        data_dir,
        "INSERT INTO one_time_tokens (purpose, token_hash, user_id, data, created_at, expires_at)"
        " VALUES ('second-step', 'x', 2, '{}', '2026-01-01 00:00:00.000000', '2999-01-01 00:00:00.000000')",
    )

    assert "last owner" not in await run("reset-password", EVE.email, "--link")

    refused = await app.test_client().post("/login", form={"email": EVE.email, "password": PASSWORD})
    assert refused.status_code == 422
    assert ask(data_dir, "SELECT used_at IS NOT NULL FROM one_time_tokens WHERE token_hash = 'x'") == [(1,)]


async def test_a_reset_link_for_the_last_owner_warns_that_no_owner_has_a_password(run: Any) -> None:
    await run("add", ADA.email)

    assert "This is the last owner with a password" in await run("reset-password", ADA.email, "--link")


async def test_a_person_added_without_a_password_chooses_one_by_link(
    app: Application, run: Any, data_dir: Path
) -> None:
    await run("add", ADA.email)
    link = (await run("add", EVE.email, "--link", typed="")).strip()
    assert json.loads(await run("list", "--json"))[1]["state"] == "invited"

    assert ask(data_dir, "SELECT data FROM one_time_tokens") == [('{"by_hand": true}',)]
    await choose_password(app.test_client(), link)
    await sign_in(app.test_client(), EVE)


async def test_a_reset_can_remove_the_second_factor(run: Any, data_dir: Path) -> None:
    await run("add", ADA.email)
    ask(data_dir, "UPDATE users SET totp_secret = 'sealed'")

    await run("reset-password", ADA.email)
    assert ask(data_dir, "SELECT totp_secret FROM users") == [("sealed",)]
    await run("reset-password", ADA.email, "--remove-second-factor")
    assert ask(data_dir, "SELECT totp_secret FROM users") == [(None,)]
    assert ("second_factor.removed", "command line", ADA.email) in log(data_dir)


async def test_removing_the_second_factor_removes_the_passkeys(run: Any, data_dir: Path) -> None:
    await run("add", ADA.email)
    ask(
        data_dir,
        "INSERT INTO passkeys (user_id, name, credential_id, credential, sign_count, created_at)"
        " VALUES (1, 'phone', x'01', x'02', 0, '2026-01-01 00:00:00.000000')",
    )

    await run("reset-password", ADA.email)
    assert ask(data_dir, "SELECT name FROM passkeys") == [("phone",)]
    await run("reset-password", ADA.email, "--remove-second-factor")
    assert ask(data_dir, "SELECT name FROM passkeys") == []
    assert ("passkey.removed", "command line", ADA.email) in log(data_dir)


async def test_people_are_listed_as_text_and_as_json(run: Any) -> None:
    assert await run("list") == ""
    await run("add", ADA.email, "--name", "Ada Lovelace")

    assert await run("list") == "ada@example.org  Ada Lovelace  owner  active  never\n"
    assert json.loads(await run("list", "--json")) == [
        {"email": "ada@example.org", "name": "Ada Lovelace", "role": "owner", "state": "active", "seen_at": None}
    ]


def test_the_password_is_read_from_standard_input(data_dir: Path) -> None:
    environment = {**folder_environment(data_dir), "ROWCAST_ENVIRONMENT": "testing", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "webapp", "user"]
    for arguments, said in ((["add", ADA.email], "has an account."), (["list"], "owner")):
        ended = subprocess.run(
            [*command, *arguments],
            input=PASSWORD.encode(),
            env=environment,
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert said in ended.stdout.decode()


async def test_what_is_printed_cannot_command_a_terminal(run: Any, data_dir: Path) -> None:
    await run("add", ADA.email, "--name", "Ada\x1b[2J\u202e")
    assert ask(data_dir, "SELECT name FROM users") == [("Ada[2J",)]
    # As an earlier release stored it.
    ask(data_dir, "UPDATE users SET name = 'Ada' || char(27) || '[2J' || char(155) || char(8238)")

    listed = await run("list")
    as_json = await run("list", "--json")

    assert r"Ada\u001b[2J\u009b\u202e" in listed
    for printed in (listed, as_json):
        assert all(letter.isprintable() for line in printed.splitlines() for letter in line)
    assert json.loads(as_json)[0]["name"] == "Ada\x1b[2J\x9b\u202e"
