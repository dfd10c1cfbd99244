"""Deleting one's account and everything that belongs to it."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect, relations
from tests.events import events, names
from tests.helpers import ADA, PASSWORD, is_signed_in
from tests.http.account.conftest import make_session_stale, page, text_of
from tests.http.account.test_tokens import create_token
from tests.import_states import add_import
from tests.mails import letters
from tests.people import EVE, settle, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models import Role
from webapp.web.application import Application

CORPUS = Path(__file__).parents[2] / "corpus"


def ask(settings: Settings, statement: str, *parameters: Any) -> list[Any]:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        answer = connection.execute(statement, parameters)
        return answer.fetchall() if answer.description else []


def tables(settings: Settings) -> set[str]:
    """The SQL tables that hold rows of somebody's."""
    return {name for name in relations(settings.data_dir / "rowcast.db") if re.match(r"t\d", name)}


async def delete(client: QuartClient, email: str = EVE.email) -> Any:
    return await client.post("/account/deletion", form={"email": email})


async def test_the_page_lists_what_will_be_deleted(settings: Settings, ada: QuartClient, eve: QuartClient) -> None:
    assert "table" not in (await page(eve, "/account/deletion")).partition("<h1>")[2].partition("</ul>")[0]
    add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=2)
    add_table(settings.data_dir, PLANETS, PLANET_ROWS[3:4], owner=2)
    add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=1)

    for path in ("/account/deletion", "/account/export"):
        assert "2 tables with 9 rows, and the files they came from" in await page(eve, path)


async def test_deleting_an_account_deletes_its_tables_and_files_and_nothing_of_others(
    app: Application, settings: Settings, ada: QuartClient, eve: QuartClient
) -> None:
    add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=2)
    add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=1)
    address = add_import(settings.data_dir, CORPUS / "ragged.csv", "done", table_id=1)
    import_id = address.rpartition("/")[2]
    ask(settings, "UPDATE imports SET user_id = 2")
    folder = settings.imports_dir / import_id
    folder.mkdir(parents=True)
    (folder / "original").write_text("a,b\n")
    await create_token(eve)
    elsewhere = await window(app, EVE)

    answer = await delete(eve, " EVE@Example.org")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not await is_signed_in(eve)
    assert not await is_signed_in(elsewhere)
    assert tables(settings) == {"t2"}
    assert ask(settings, "SELECT id FROM users") == [(1,)]
    for name in ("sessions", "api_tokens", "passkeys", "imports", "one_time_tokens"):
        assert ask(settings, f"SELECT count(*) FROM {name} WHERE user_id = 2") == [(0,)], name
    await _gone(app, folder)
    assert (await app.test_client().post("/login", form={"email": EVE.email, "password": PASSWORD})).status_code == 422
    assert await is_signed_in(ada)
    assert "Planets" in await page(ada, "/tables/2")


async def _gone(app: Application, folder: Path) -> None:
    """Files go after the commit, in the background."""
    from webapp.extensions import jobs

    async with jobs.of(app).lock(folder.name):
        pass
    assert not folder.exists()


async def test_a_deletion_leaves_an_audit_event_and_a_mail(app: Application, eve: QuartClient) -> None:
    await delete(eve)

    (event,) = await events(app, "account.deleted")
    assert (event.actor, event.subject, event.details) == (EVE.email, EVE.email, {"role": "member"})
    (letter,) = await letters(app, EVE.email)
    assert "is deleted, with all that was yours" in letter.text


async def test_deleting_an_account_cancels_its_running_import(
    app: Application, settings: Settings, eve: QuartClient
) -> None:
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=2)
    ask(settings, "UPDATE tables SET state = 'importing'")
    add_import(settings.data_dir, CORPUS / "ragged.csv", "loading", table_id=table_id)
    ask(settings, "UPDATE imports SET user_id = 2")
    assert "1 import on the way, which will be cancelled" in await page(eve, "/account/deletion")

    await delete(eve)

    assert tables(settings) == set()
    assert ask(settings, "SELECT count(*) FROM imports") == [(0,)]


@pytest.mark.parametrize("typed", ["", "ada@example.org", "eve", "eve@example.org\0", "x" * 5000])
async def test_typing_another_address_deletes_nothing(app: Application, eve: QuartClient, typed: str) -> None:
    answer = await delete(eve, typed)

    assert answer.status_code == 422
    assert 'id="email-error"' in await text_of(answer)
    assert await is_signed_in(eve)
    assert "account.deleted" not in await names(app)


async def test_the_last_owner_cannot_delete_the_account(app: Application, settings: Settings, ada: QuartClient) -> None:
    html = await page(ada, "/account/deletion")
    assert "Make somebody else an owner first" in html
    assert 'action="/account/deletion"' not in html

    answer = await delete(ada, ADA.email)

    assert answer.status_code == 422
    assert await is_signed_in(ada)
    await settle(app, "grace@example.org", Role.OWNER)
    assert (await delete(ada, ADA.email)).status_code == 303
    assert ask(settings, "SELECT email FROM users") == [("grace@example.org",)]


async def test_deleting_an_account_requires_a_fresh_sign_in(app: Application, eve: QuartClient) -> None:
    await make_session_stale(app)

    assert (await delete(eve)).headers["Location"].startswith("/login/confirm")
    assert await is_signed_in(eve)
