"""The search index follows columns whose cells are stored otherwise: at once, or it is built again."""

from typing import Any

import pytest
from sqlalchemy import update

from settings import Settings
from tests.models.tables.conftest import Followed
from tests.models.tables.large import carry_out, plan
from tests.models.tables.test_editing import ADA, PEOPLE, TABLE, table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import Table
from webapp.models.tables import editing
from webapp.models.tables.access import find_access
from webapp.models.tables.change_set import Entry
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.search_indexing import finish_search_index, renew_search_index
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.type_changing import change_type
from webapp.models.tables.undo import redo_latest, undo_latest
from webapp.rowstore import create_store, open_loader, within
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


async def test_an_index_that_searches_use_is_not_built_again(database: Database, indexed: Followed) -> None:
    await database.write(renew_search_index, TABLE)
    assert indexed.tasks == []
    assert (await found(database)).search_index == SearchIndex.READY

    await database.write(drop_index)
    await database.write(renew_search_index, TABLE)

    assert indexed.tasks == [("index_table", str(TABLE))]
    assert (await found(database)).search_index == SearchIndex.BUILDING


@pytest.mark.parametrize("state", [SearchIndex.NONE, SearchIndex.BUILDING])
async def test_nobody_builds_an_index_that_is_not_wanted_or_being_built(
    database: Database, indexed: Followed, state: SearchIndex
) -> None:
    await database.write(drop_index)
    await set_state(database, state)
    await database.write(renew_search_index, TABLE)
    await database.write(renew_search_index, 99)
    assert indexed.tasks == []
    assert (await found(database)).search_index == state


async def drop_index(work: UnitOfWork) -> None:
    await within(work, lambda rows: rows.drop_search_index(TABLE))


async def test_after_a_large_change_that_keeps_a_text_the_index_is_built_at_once(
    database: Database, indexed: Followed, system: str
) -> None:
    """Unless the database knows the index by the texts in it."""
    change = await plan(database, [Entry(3, PEOPLE, "", "few")])
    indexed.tasks.clear()
    await carry_out(database, change)
    is_asked_for = ("index_table", str(TABLE)) in indexed.tasks
    assert is_asked_for == (system == "postgresql")
    await build(database)
    assert await uses_index(database)
