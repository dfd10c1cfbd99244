"""Reads of rows: those of one person do not keep others waiting."""

import asyncio
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from quart import g

from settings import Settings
from tests.conftest import make_settings
from tests.database import connect
from tests.helpers import GRACE, sign_up
from tests.servers import PATIENCE, wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.database import Database
from webapp.models import Actor
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import RowReader
from webapp.rowstore.sql import pages
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.table_ref import TableRef
from webapp.web.application import Application
from webapp.web.row_reads import PersonalLimit, read_table, row_reads


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open", database_readers=3)


async def test_slow_searches_of_one_person_leave_a_reader_to_others(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, grace = app.test_client(), app.test_client()
    await sign_up(ada)
    await sign_up(grace, GRACE)
    slow = add_table(settings.data_dir, PLANETS, PLANET_ROWS)
    quick = add_table(settings.data_dir, PLANETS, PLANET_ROWS, owner=2)
    released, page, began = threading.Event(), pages.page, []

    def held(connection: Connection, table: TableRef, *rest: Any) -> Any:
        if table.id == slow:
            began.append(table.id)
            assert released.wait(PATIENCE)
        return page(connection, table, *rest)

    monkeypatch.setattr(pages, "page", held)
    async with asyncio.TaskGroup() as group:
        searches = [group.create_task(ada.get(f"/tables/{slow}")) for _ in range(8)]
        await asyncio.to_thread(wait_for, lambda: row_reads.of(app)._open.get(1, (None, 0))[1] == 8 and len(began) >= 2)
        try:
            answer = await asyncio.wait_for(grace.get(f"/tables/{quick}"), PATIENCE / 2)
        finally:
            released.set()

    assert answer.status_code == 200
    assert len(began) == 8
    assert {search.result().status_code for search in searches} == {200}


@pytest.mark.parametrize("address", ["", "?q=ur", "/rows?after=WyIiLDJd", "/rows/5"])
async def test_a_table_and_its_rows_are_read_together(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """After the look-up of who asks there is one more switch to a thread."""
    client = app.test_client()
    await sign_up(client)
    table = add_table(settings.data_dir, PLANETS, PLANET_ROWS)
    switches: list[str] = []
    for name in ("fetch_one", "read"):
        monkeypatch.setattr(Database, name, _counted(getattr(Database, name), switches))
    answer = await client.get(f"/tables/{table}{address}", headers={"HX-Request-Type": "partial"})

    assert answer.status_code == 200
    assert switches == ["fetch_one", "read"]


async def test_a_table_is_read_as_it_was_when_it_was_found(app: Application, settings: Settings) -> None:
    await sign_up(app.test_client())
    table = add_table(settings.data_dir, PLANETS, PLANET_ROWS)

    def read(access: TableAccess, rows: RowReader) -> tuple[str, int]:
        with closing(connect(settings.data_dir / "rowcast.db")) as other:
            other.execute(f"DELETE FROM t{table} WHERE id > 2")
        query = TableQuery.of(access.table.ref.fields)
        return access.table.title, rows.count(access.table.ref, query).number

    async with app.test_request_context("/"):
        g.actor = Actor(1, "ada@example.org", "Ada", "owner")
        assert await read_table(table, read, 5) == ("Planets", len(PLANET_ROWS))
        g.actor = Actor(2, "grace@example.org", "Grace", "member")
        with pytest.raises(NotFound):
            await read_table(table, read, 5)


async def test_nothing_is_kept_of_a_person_whose_reads_have_ended() -> None:
    reads = PersonalLimit(1)
    async with reads.of(1), reads.of(2):
        waiting = asyncio.ensure_future(_take(reads, 1))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    cancelled = asyncio.ensure_future(_take(reads, 1))
    async with reads.of(1):
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)

    assert not reads._open


async def _take(reads: PersonalLimit, user_id: int) -> None:
    async with reads.of(user_id):
        pass


def _counted(method: Any, calls: list[str]) -> Any:
    async def counted(database: Database, *arguments: Any) -> Any:
        calls.append(method.__name__)
        return await method(database, *arguments)

    return counted
