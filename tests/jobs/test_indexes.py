"""Sort indexes created on demand by sorting."""

import asyncio
from contextlib import closing
from dataclasses import replace

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import address, connect, relations
from tests.helpers import sign_up
from tests.people import EVE, settle_everybody, window
from tests.tables import add_table
from webapp.db.errors import StorageFull
from webapp.extensions import indexes, row_store
from webapp.jobs import SortIndexes
from webapp.jobs.indexes import KEPT_SECONDS
from webapp.models.policy import Role
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.loader import MAX_INDEXES
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.table_ref import Field
from webapp.tables import tables as views
from webapp.web.application import Application

ROWS = [(f"row {number}", str(number % 7)) for number in range(300)]


def index_names(settings: Settings) -> list[str]:
    names = relations(settings.data_dir / "rowcast.db", "index", of="t1")
    return [name for name in names if not name.endswith("_pkey")]


async def until_done(indexes: SortIndexes) -> None:
    async with asyncio.timeout(10):
        await indexes.wait_until_built()


async def test_the_first_sort_of_a_large_table_creates_an_index(
    app: Application, client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_up(client)
    add_table(settings.data_dir, {"Name": "text", "Group": "integer"}, ROWS)

    await client.get("/tables/1?sort=-2")
    await until_done(indexes.of(app))
    assert index_names(settings) == []  # too small to be worth an index

    monkeypatch.setattr(views, "MIN_ROWS", 100)
    for _ in range(3):
        await client.get("/tables/1?sort=-2,1")
    await until_done(indexes.of(app))
    assert len(index_names(settings)) == 1


async def test_a_table_too_large_for_an_index_gets_none(
    app: Application, client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes waits for the building of an index on SQLite."""
    await sign_up(client)
    add_table(settings.data_dir, {"Name": "text", "Group": "integer"}, ROWS)
    monkeypatch.setattr(views, "MIN_ROWS", 100)
    store = row_store.of(app)
    for most, expected in ((len(ROWS) - 1, 0), (len(ROWS), 1)):
        monkeypatch.setattr(type(store), "limits", replace(store.limits, sorted_rows=most))
        await client.get("/tables/1?sort=2")
        await until_done(indexes.of(app))
        assert len(index_names(settings)) == expected


async def test_a_sort_that_times_out_also_creates_an_index(
    app: Application, client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_up(client)
    add_table(settings.data_dir, {"Name": "text", "Group": "integer"}, ROWS)
    monkeypatch.setattr(views, "MIN_ROWS", 100)

    def too_long(*args: object, **more: object) -> None:
        raise QueryTimeout

    monkeypatch.setattr(SqlRowReader, "page", too_long)
    assert (await client.get("/tables/1?sort=2")).status_code == 422
    await until_done(indexes.of(app))

    assert len(index_names(settings)) == 1


async def test_who_may_not_change_a_table_gets_no_index(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = await settle_everybody(app)
    client = await window(app, EVE)
    add_table(settings.data_dir, {"Name": "text", "Group": "integer"}, ROWS, owner=team[Role.OWNER].id)
    monkeypatch.setattr(views, "MIN_ROWS", 100)
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO table_members (table_id, user_id, role, added_at)"
            " SELECT 1, id, 'viewer', '2026-11-22 12:00:00' FROM users WHERE email = ?",
            (EVE.email,),
        )

    assert (await client.get("/tables/1?sort=2")).status_code == 200
    await until_done(indexes.of(app))

    assert index_names(settings) == []


async def test_a_table_has_at_most_so_many_indexes_and_the_least_recently_used_goes(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    columns = {f"Column {number}": "integer" for number in range(MAX_INDEXES + 4)}
    add_table(settings.data_dir, columns, [["7"] * len(columns)])
    now = 10 * KEPT_SECONDS
    alone = SortIndexes(address(settings.data_dir), lambda: now)

    async def sort(number: int, after: float = 0) -> set[str]:
        nonlocal now
        now += after
        alone.request(1, Field(number, "", "integer", {}))
        await until_done(alone)
        return {name.removeprefix("i1_") for name in index_names(settings)}

    for number in range(1, MAX_INDEXES + 1):
        found = await sort(number, after=1)
    assert found == {str(number) for number in range(1, MAX_INDEXES + 1)}
    assert await sort(MAX_INDEXES + 1) == found  # all of them are in use
    await sort(1, after=KEPT_SECONDS)
    assert await sort(MAX_INDEXES + 1) == found - {"2"} | {str(MAX_INDEXES + 1)}
    assert await sort(2) == found - {"3"} | {str(MAX_INDEXES + 1)}  # one that went is built again
    await alone.close()


async def test_after_a_restart_indexes_that_nobody_has_asked_for_go_first(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    columns = {f"Column {number}": "integer" for number in range(MAX_INDEXES + 1)}
    add_table(settings.data_dir, columns, [["7"] * len(columns)])
    for order in (range(1, MAX_INDEXES + 1), range(2, MAX_INDEXES + 2)):
        indexes = SortIndexes(address(settings.data_dir))
        for number in order:
            indexes.request(1, Field(number, "", "integer", {}))
        await until_done(indexes)
        await indexes.close()

    assert sorted(index_names(settings)) == [f"i1_{number}" for number in range(2, MAX_INDEXES + 2)]


async def test_an_index_of_a_deleted_table_causes_no_error(settings: Settings) -> None:
    alone = SortIndexes(address(settings.data_dir))

    alone.request(99, Field(1, "Name", "text", {}))
    await until_done(alone)
    await alone.close()

    assert index_names(settings) == []


async def test_an_index_that_cannot_be_built_is_not_tried_with_every_sort(
    client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await sign_up(client)
    add_table(settings.data_dir, {"Name": "text", "Group": "integer"}, ROWS)
    now, tries = 0.0, list[float]()
    alone = SortIndexes(address(settings.data_dir), lambda: now)

    async def sort(seconds: float) -> list[float]:
        nonlocal now
        now = seconds
        alone.request(1, Field(2, "Group", "integer", {}))
        await until_done(alone)
        return tries

    def fail(*_: object) -> set[int]:
        tries.append(now)
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(alone, "_ensure", fail)
        for seconds in (0, 1, 59, 60, 61, 179):
            await sort(seconds)
    assert tries == [0, 60]
    assert "No index for column 2 of table 1: it is tried again in 120 s" in caplog.text
    await sort(180)
    assert index_names(settings) == ["i1_2"]
    await alone.close()
