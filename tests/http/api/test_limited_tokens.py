"""Tokens that are for some tables only: nothing else is there for them."""

from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import select

from settings import Settings
from tests.http.api.conftest import Make, Program, problem
from tests.http.api.tables import add_planets
from webapp.extensions import db
from webapp.models import ApiToken, AuditEvent, Event, Scope
from webapp.models.accounts.user import User, actor_from
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.trash import restore_table
from webapp.web.application import Application

TABLES = "/api/v1/tables"


async def limited(app: Application, table_ids: list[int], scope: Scope = Scope.ADMIN) -> Program:
    program = Program(app, use_cookies=False)
    _, program.token = await db.of(app).write(
        ApiToken.issue, 1, name="limited", scope=scope, expires_at=None, table_ids=table_ids
    )
    return program


async def test_a_limited_token_finds_its_tables_and_no_others(
    app: Application, settings: Settings, owner: QuartClient
) -> None:
    mine, other = add_planets(settings, title="Mine"), add_planets(settings, title="Other")
    client = await limited(app, [mine])

    listed = await (await client.get(TABLES)).get_json()
    me = await (await client.get("/api/v1/me")).get_json()

    assert [item["title"] for item in listed["items"]] == ["Mine"]
    assert me["table_ids"] == [mine]
    assert (await client.get(f"{TABLES}/{mine}/rows")).status_code == 200
    assert (await client.patch(f"{TABLES}/{mine}/rows/1", json={"cells": {"Moons": 1}})).status_code == 200
    assert (await client.patch(f"{TABLES}/{mine}", json={"title": "Still mine"})).status_code == 200
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/rows", None),
        ("GET", "/rows/1", None),
        ("GET", "/columns", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("POST", "/rows", {"rows": [{"cells": {}}]}),
        ("PATCH", "/rows/1", {"cells": {"Moons": 1}}),
        ("POST", "/columns", {"title": "x"}),
        ("GET", "/links", None),
        ("POST", "/links", {"name": "x"}),
    ]
    for method, path, body in requests:
        await problem(await client.open(f"{TABLES}/{other}{path}", method=method, json=body), 404)


async def test_a_limited_token_does_nothing_beyond_tables(
    app: Application, settings: Settings, owner: QuartClient
) -> None:
    client = await limited(app, [add_planets(settings)])

    for method, path, body in (
        ("POST", TABLES, {"title": "T", "columns": [{"title": "a"}]}),
        ("GET", "/api/v1/users", None),
        ("POST", "/api/v1/users", {"email": "a@example.org"}),
    ):
        found = await problem(await client.open(path, method=method, json=body), 403)
        assert "some tables only" in found["detail"]


async def test_a_token_for_tables_that_are_gone_is_for_none(
    app: Application, settings: Settings, owner: QuartClient
) -> None:
    table_id = add_planets(settings)
    client, nothing = await limited(app, [table_id]), await limited(app, [])
    add_planets(settings, title="Later")
    async with db.of(app).reading() as session:
        actor = actor_from(await session.get_one(User, 1))

    await db.of(app).write(delete_table, actor, table_id)

    for program in (client, nothing):
        assert (await (await program.get(TABLES)).get_json())["items"] == []
    await db.of(app).write(restore_table, actor, table_id)
    assert len((await (await client.get(TABLES)).get_json())["items"]) == 1


async def test_tables_are_chosen_when_a_token_is_made(app: Application, settings: Settings, owner: QuartClient) -> None:
    mine, other = add_planets(settings, title="Mine"), add_planets(settings, title="Other")
    strangers = other + 100
    form = {"name": "nightly", "scope": "write", "lifetime": "90"}

    page = await (await owner.get("/account/tokens/new")).get_data(as_text=True)
    nothing = await owner.post("/account/tokens/new", form=form | {"reach": "some", "table": str(strangers)})
    made = await owner.post("/account/tokens/new", form=form | {"reach": "some", "table": str(mine)})
    everything = await owner.post("/account/tokens/new", form=form | {"name": "all", "table": str(mine)})
    listed = await (await owner.get("/account/tokens")).get_data(as_text=True)

    assert 'name="table" value="1"' in page
    assert ">Other</label>" in page
    assert (nothing.status_code, "Tick the tables" in await nothing.get_data(as_text=True)) == (422, True)
    assert (made.status_code, everything.status_code) == (200, 200)
    assert "only in “Mine”" in listed
    async with db.of(app).reading() as session:
        found = (await session.execute(select(ApiToken.name, ApiToken.table_ids).order_by(ApiToken.id))).all()
        details = (await session.scalars(select(AuditEvent.details).where(AuditEvent.event == Event.TOKEN_MADE))).all()
    assert [tuple(row) for row in found] == [("nightly", [mine]), ("all", None)]
    assert [detail.get("tables") for detail in details] == [str(mine), None]


async def test_tables_beyond_those_listed_are_chosen_by_their_numbers(
    app: Application, settings: Settings, owner: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other, third = (add_planets(settings, title=title) for title in ("Mine", "Other", "Third"))
    form = {"name": "nightly", "scope": "write", "lifetime": "90", "reach": "some", "table": str(mine)}
    all_listed = await (await owner.get("/account/tokens/new")).get_data(as_text=True)
    monkeypatch.setattr("webapp.account.tokens.MAX_LISTED", 2)

    page = await (await owner.get("/account/tokens/new")).get_data(as_text=True)
    unknown = await owner.post("/account/tokens/new", form=form | {"others": f"{third}, 99"})
    words = await owner.post("/account/tokens/new", form=form | {"others": "Third"})
    made = await owner.post("/account/tokens/new", form=form | {"others": f"{other}, {third}"})

    assert 'name="others"' not in all_listed
    assert (">Third</label>" in page, 'name="others"' in page) == (False, True)
    assert (unknown.status_code, words.status_code, made.status_code) == (422, 422, 200)
    assert "no part in a table with the number 99" in await unknown.get_data(as_text=True)
    async with db.of(app).reading() as session:
        assert (await session.scalars(select(ApiToken.table_ids))).all() == [[mine, other, third]]


async def test_an_unlimited_token_says_so(program: Make) -> None:
    client = await program()

    assert (await (await client.get("/api/v1/me")).get_json())["table_ids"] is None
