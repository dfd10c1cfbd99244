"""The search index follows columns whose cells are stored otherwise: at once, or it is built again."""

from typing import Any

import pytest
from sqlalchemy import update

from settings import Settings
from tests.models.tables.conftest import Followed
from tests.models.tables.test_editing import ADA, PEOPLE, TABLE, table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Table
from webapp.models.tables import editing
from webapp.models.tables.access import find_access
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.search_indexing import finish_search_index
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.type_changing import change_type
from webapp.models.tables.undo import redo_latest, undo_latest
from webapp.rowstore import create_store, open_loader
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import tables as row_tables

__all__ = ["table"]


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def indexed(database: Database, table: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Followed:
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    await set_state(database, SearchIndex.BUILDING)
    await build(database)
    database.queue = database.broker = made = Followed()
    return made


async def found(database: Database) -> Table:
    return (await find_access(database, ADA, TABLE)).table


async def set_state(database: Database, state: SearchIndex) -> None:
    async def verb(work: UnitOfWork) -> None:
        await work.session.execute(update(Table).values(search_index=state))

    await database.write(verb)


async def build(database: Database) -> None:
    """As the job does it, if the state asks for it."""
    made = await found(database)
    if made.search_index != SearchIndex.BUILDING:
        return
    with open_loader(create_store(database).address) as loader:
        assert loader.index_search(made.ref, lambda done, total: None)
    assert await database.write(finish_search_index, made.ref, is_built=True)


async def uses_index(database: Database) -> bool:
    ref = (await found(database)).ref
    query = TableQuery.from_args([("q", "Bergen")], ref.fields)

    def is_matched(rows: Any) -> bool:
        return rows.connection.make_plan(ref, query).match is not None

    return await create_store(database).read(is_matched, 5)


async def keep_a_text(database: Database) -> None:
    await database.write(editing.change_cells, ADA, TABLE, [CellEdit(3, PEOPLE, "", "few", keeps_text=True)])


async def change(database: Database) -> None:
    await database.write(change_type, ADA, TABLE, PEOPLE, "text", {})


async def test_a_search_finds_by_index_again_after_each_change_of_how_cells_are_stored(
    database: Database, indexed: Followed, system: str
) -> None:
    assert await uses_index(database)
    for act in (keep_a_text, change, undo, redo):
        await act(database)
        state = (await found(database)).search_index
        if act is not keep_a_text and state == SearchIndex.BUILDING:
            assert ("index_table", str(TABLE)) in indexed.tasks
        indexed.tasks.clear()
        assert (state == SearchIndex.READY) == await uses_index(database)
        assert (state == SearchIndex.READY) == (system == "sqlite")
        await build(database)
        assert (await found(database)).search_index == SearchIndex.READY
        assert await uses_index(database)


async def undo(database: Database) -> None:
    await database.write(undo_latest, ADA, TABLE)


async def redo(database: Database) -> None:
    await database.write(redo_latest, ADA, TABLE)


async def test_a_column_that_keeps_texts_starts_no_second_build(database: Database, indexed: Followed) -> None:
    for state in (SearchIndex.NONE, SearchIndex.BUILDING):
        await set_state(database, state)
        await keep_a_text(database)
        assert (await found(database)).search_index == state
        await undo(database)
