"""Ids of new rows: taken in the transaction that uses them, and never used twice."""

import asyncio

import pytest

from settings import Settings
from tests.tables import add_table
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import User
from webapp.models.errors import NotFound
from webapp.models.tables.change_log import take_row_ids
from webapp.rowstore import create_store, within
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import StoredRow

REF = TableRef(1, (Field(1, "Name", "text", {}),))


@pytest.fixture
async def table(database: Database, settings: Settings) -> TableRef:
    """A table with the rows 1 and 2."""

    async def add_owner(work: UnitOfWork) -> None:
        work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="x", role="owner"))

    await database.write(add_owner)
    assert add_table(settings.data_dir, {"Name": "text"}, [("a",), ("b",)]) == REF.id
    return REF


async def take(work: UnitOfWork, table_id: int, count: int) -> range:
    return await work.run(lambda connection: take_row_ids(connection, table_id, count))


async def add_row(work: UnitOfWork, name: str) -> int:
    (row_id,) = await take(work, REF.id, 1)
    await within(work, lambda rows: rows.insert(REF, [StoredRow(row_id, (name,))]))
    return row_id


async def delete_row(work: UnitOfWork, row_id: int) -> None:
    await within(work, lambda rows: rows.delete(REF, [row_id]))


async def test_the_id_of_a_deleted_row_is_not_used_again(database: Database, table: TableRef) -> None:
    assert await database.write(add_row, "c") == 3
    await database.write(delete_row, 3)
    assert await database.write(add_row, "d") == 4


async def test_rows_added_at_once_get_different_ids(database: Database, table: TableRef) -> None:
    ids = await asyncio.gather(*(database.write(add_row, str(number)) for number in range(20)))
    assert sorted(ids) == list(range(3, 23))
    page = await create_store(database).read(lambda rows: rows.page(table, TableQuery.of(table.fields)), 5)
    assert [row_id for row_id, _ in page.rows] == list(range(1, 23))


async def test_several_ids_are_taken_at_once(database: Database, table: TableRef) -> None:
    assert list(await database.write(take, 1, 3)) == [3, 4, 5]
    assert list(await database.write(take, 1, 1)) == [6]


async def test_a_table_that_does_not_exist_has_no_ids(database: Database) -> None:
    with pytest.raises(NotFound):
        await database.write(take, 9, 1)
