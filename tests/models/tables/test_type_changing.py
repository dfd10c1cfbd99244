"""The verbs that change a column's type."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from tests.database import search_index_sql, search_indexes
from tests.models.tables.conftest import ADA, Followed, load
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import SpareColumn, Table, TypeChange, utc_now
from webapp.models.errors import NotFound
from webapp.models.tables import search_indexing, spare_columns, type_changing
from webapp.models.tables.access import find_table
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.spare_columns import empty_spare_column
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.type_change import KEPT, RowsComing, TypeChangeRunning, TypeChangeState
from webapp.models.tables.type_changing import (
    NoSuchType,
    cancel_type_change,
    change_type,
    fail_type_change,
    finish_type_change,
)
from webapp.rowstore import create_store, within
from webapp.rowstore.sql import converting
from webapp.rowstore.values import Comparison, StoredRow

DECIMAL = {"style": "fixed", "scale": 1}
EQUAL = Comparison(differing=0, empty=0, exceptions=0)


@pytest.fixture
async def planets(database: Database, previewed: Followed) -> Followed:
    """Table 1 with the columns Planet (1, text) and Moons (2, integer), and the rows of its file."""
    await load(database)
    table = await find_table(database, ADA, 1)

    async def insert(work: UnitOfWork) -> None:
        await within(work, lambda rows: rows.insert(table.ref, [StoredRow(1, ("Mars", "2")), StoredRow(2, ("x", "0"))]))
        await work.session.execute(update(Table).values(row_count=2, next_row_id=3))

    await database.write(insert)
    previewed.tasks.clear()
    return previewed


@pytest.fixture
def is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any table counts as large: a task changes its types."""
    monkeypatch.setattr(type_changing, "AT_ONCE", 0)


async def begin(database: Database, number: int = 2, type: str = "text") -> TypeChange:
    change = await database.write(change_type, ADA, 1, number, type, {})
    assert change is not None
    return change


async def texts(database: Database) -> list[tuple[str, ...]]:
    table = await find_table(database, ADA, 1)
    cells = await create_store(database).read(lambda rows: rows.cells(table.ref, [1, 2], table.ref.fields), 5)
    return [cells[row_id] for row_id in sorted(cells)]


async def changes(database: Database) -> list[TypeChange]:
    async with database.reading() as session:
        return list(await session.scalars(select(TypeChange).order_by(TypeChange.id)))


async def spares(database: Database) -> dict[int, SpareColumn]:
    async with database.reading() as session:
        return {spare.storage: spare for spare in await session.scalars(select(SpareColumn))}


async def test_a_small_table_is_changed_at_once(database: Database, planets: Followed) -> None:
    before = await texts(database)

    change = await begin(database)

    column = (await find_table(database, ADA, 1)).columns[1]
    assert (change.state, change.user_id, planets.tasks) == ("done", 1, [])
    assert (column.number, column.type, column.format, column.storage) == (2, "text", {}, 3)
    assert column.facts["reason"] == "Text, as you chose"
    assert await texts(database) == before
    assert (await spares(database))[2].kept_until > utc_now() + KEPT - timedelta(minutes=1)


async def test_a_large_table_is_changed_by_a_task(database: Database, planets: Followed, is_large: None) -> None:
    change = await begin(database, 1, "integer")

    assert (change.state, planets.tasks) == ("running", [("change_type", str(change.id))])
    assert (await find_table(database, ADA, 1)).columns[0].type == "text"
    with pytest.raises(TypeChangeRunning, match="“Planet” is being changed already"):
        await database.write(change_type, ADA, 1, 1, "decimal", DECIMAL)
    await database.write(finish_type_change, change.id, EQUAL)
    column = (await find_table(database, ADA, 1)).columns[0]
    assert (column.type, column.keeps_texts, column.facts["exceptions"]) == ("integer", True, 2)


async def test_the_same_change_asked_for_twice_is_made_once(
    database: Database, planets: Followed, is_large: None
) -> None:
    first, second = await begin(database), await begin(database)

    assert first.id == second.id
    assert planets.tasks == [("change_type", str(first.id))]
    await database.write(finish_type_change, first.id, EQUAL)
    assert await database.write(change_type, ADA, 1, 2, "text", {}) is None


async def test_a_small_table_that_takes_long_is_left_to_the_task(
    database: Database, planets: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_changing, "AT_ONCE_SECONDS", -1)

    change = await begin(database)

    assert (change.state, planets.tasks) == ("running", [("change_type", str(change.id))])


async def test_more_new_rows_than_fit_into_one_transaction_are_left_to_the_task(
    database: Database, planets: Followed, is_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_changing, "BATCH", 1)
    change = await begin(database)

    await database.write(finish_type_change, change.id, EQUAL)

    (change,) = await changes(database)
    assert (change.state, change.last_row) == ("running", 2)
    assert planets.tasks == [("change_type", str(change.id))] * 2
    await database.write(finish_type_change, change.id, EQUAL)
    assert (await changes(database))[0].state == "done"


async def test_cells_that_would_come_out_otherwise_end_a_change(
    database: Database, planets: Followed, is_large: None
) -> None:
    change = await begin(database)

    await database.write(finish_type_change, change.id, replace(EQUAL, differing=1))

    (change,) = await changes(database)
    assert (change.state, change.failure) == ("failed", type_changing.UNEQUAL)
    assert (await find_table(database, ADA, 1)).columns[1].storage == 2


async def test_a_failed_and_a_cancelled_change_leave_the_column_as_it_was(
    database: Database, planets: Followed, is_large: None
) -> None:
    before = (await find_table(database, ADA, 1)).ref
    for end in ("failed", "cancelled"):
        change = await begin(database)
        if end == "failed":
            await database.write(fail_type_change, change.id, "The disk is full.")
        else:
            await database.write(cancel_type_change, ADA, 1, 2)
        await database.write(finish_type_change, change.id, EQUAL)  # it came too late
        assert (await changes(database))[-1].state == end
        assert (await spares(database))[change.storage].kept_until <= utc_now()
    assert (await find_table(database, ADA, 1)).ref == before
    await database.write(cancel_type_change, ADA, 1, 2)  # once more


async def test_what_is_refused(database: Database, planets: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        await database.write(change_type, replace(ADA, id=2), 1, 2, "text", {})
    with pytest.raises(NotFound):
        await database.write(change_type, ADA, 1, 9, "text", {})
    with pytest.raises(NoSuchType):
        await database.write(change_type, ADA, 1, 2, "colour", {})
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 3)
    with pytest.raises(UserError, match="it is full"):
        await database.write(change_type, ADA, 1, 2, "text", {})
    assert await changes(database) == []
    assert await database.write(change_type, ADA, 1, 2, "integer", {}) is None


async def test_while_rows_are_coming_in_no_type_is_changed(database: Database, planets: Followed) -> None:
    async def begin(work: UnitOfWork) -> None:
        await work.session.execute(update(Table).values(state="importing"))

    await database.write(begin)
    with pytest.raises(RowsComing, match="still coming in"):
        await database.write(change_type, ADA, 1, 2, "text", {})


async def test_a_table_deleted_during_a_change_stops_it(database: Database, planets: Followed, is_large: None) -> None:
    change = await begin(database)
    await database.write(delete_table, ADA, 1)

    await database.write(finish_type_change, change.id, EQUAL)

    assert [one.state for one in await changes(database)] == [TypeChangeState.CANCELLED]


async def test_what_was_replaced_is_emptied_bit_by_bit_and_then_used_again(
    database: Database, planets: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare_columns, "BATCH", 1)
    await database.write(change_type, ADA, 1, 2, "text", {})
    spare = (await spares(database))[2]

    assert [await database.write(empty_spare_column, spare.id) for _ in range(4)] == [True, True, False, False]
    await database.write(change_type, ADA, 1, 2, "integer", {})

    assert (await find_table(database, ADA, 1)).columns[1].storage == 2
    assert set(await spares(database)) == {3}
    assert await texts(database) == [("Mars", "2"), ("x", "0")]


async def test_a_word_for_empty_cells_that_is_shown_from_now_on_is_found(database: Database, planets: Followed) -> None:
    async def build(work: UnitOfWork) -> None:
        await work.session.execute(update(Table).values(search_index=SearchIndex.READY))

    await database.write(change_type, ADA, 1, 2, "integer", {"null": "NA"})
    await database.write(build)
    await database.write(change_type, ADA, 1, 2, "decimal", DECIMAL | {"null": "NA"})
    assert planets.tasks == []
    await database.write(change_type, ADA, 1, 2, "text", {})
    assert planets.tasks == [("index_table", "1")]
    assert (await find_table(database, ADA, 1)).search_index == SearchIndex.BUILDING


async def test_a_search_index_that_was_built_of_the_cells_before_is_built_again(
    database: Database, planets: Followed
) -> None:
    async def build(work: UnitOfWork) -> None:
        await work.session.execute(update(Table).values(search_index=SearchIndex.BUILDING))
        await work.session.execute(text(search_index_sql(database.settings.data_dir)))

    await database.write(build)
    indexed = (await find_table(database, ADA, 1)).ref
    await database.write(change_type, ADA, 1, 2, "integer", {"null": "NA"})
    await database.write(build)

    await database.write(search_indexing.finish_search_index, indexed, is_built=True)

    assert search_indexes(database.settings.data_dir / "rowcast.db") == {}
    assert (await find_table(database, ADA, 1)).search_index == SearchIndex.BUILDING
    await database.write(search_indexing.finish_search_index, (await find_table(database, ADA, 1)).ref, is_built=True)
    assert (await find_table(database, ADA, 1)).search_index == SearchIndex.READY
