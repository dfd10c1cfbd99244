"""Sort indexes created on demand by sorting."""

import asyncio
from contextlib import closing

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.tables import add_table
from webapp.db.sqlite_driver import connect
from webapp.extensions import indexes
from webapp.jobs import SortIndexes
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sqlite.store import SqliteRowReader
from webapp.rowstore.table_ref import Field
from webapp.tables import tables as views
from webapp.web.application import Application

ROWS = [(f"row {number}", str(number % 7)) for number in range(300)]


def index_names(settings: Settings) -> list[str]:
    with closing(connect(settings.data_dir / "rowcast.db", query_only=True)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 't1'")
        return [name for (name,) in found]


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


async def test_a_sort_that_times_out_also_creates_an_index(
    app: Application, client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_up(client)
    add_table(settings.data_dir, {"Name": "text", "Group": "integer"}, ROWS)
    monkeypatch.setattr(views, "MIN_ROWS", 100)

    def too_long(*args: object, **more: object) -> None:
        raise QueryTimeout

    monkeypatch.setattr(SqliteRowReader, "page", too_long)
    assert (await client.get("/tables/1?sort=2")).status_code == 422
    await until_done(indexes.of(app))

    assert len(index_names(settings)) == 1


async def test_an_index_of_a_deleted_table_causes_no_error(settings: Settings) -> None:
    alone = SortIndexes(str(settings.data_dir / "rowcast.db"))

    alone.request(99, Field(1, "Name", "text", {}))
    await until_done(alone)
    await alone.close()

    assert index_names(settings) == []
