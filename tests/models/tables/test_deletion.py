"""Deleting all tables of a person, and what is not there; `test_trash.py` has the trash."""

import pytest

from tests.models.tables.conftest import ADA, IMPORT, Followed
from tests.models.tables.test_importing import sql_tables
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.report import ImportOverrides
from webapp.models import Import, User
from webapp.models.errors import NotFound
from webapp.models.tables import importing
from webapp.models.tables.deletion import delete_table, delete_tables_of
from webapp.models.tables.renaming import rename_table


async def test_a_deleted_table_is_not_found(database: Database, followed: Followed) -> None:
    with pytest.raises(NotFound):
        await database.write(delete_table, ADA, 1)
    with pytest.raises(NotFound):
        await database.write(rename_table, ADA, 1, "Anything")


async def test_deleting_a_person_deletes_all_tables_and_running_imports(
    database: Database, previewed: Followed
) -> None:
    await database.write(importing.begin_loading, IMPORT, ImportOverrides())

    async def remove(work: UnitOfWork) -> None:
        await delete_tables_of(work, 1)
        await work.session.delete(await work.session.get_one(User, 1))

    await database.write(remove)

    assert await sql_tables(database) == set()
    assert previewed.tasks[-1] == ("discard_import", IMPORT)
    assert previewed.topics[-1] == f"import:{IMPORT}"
    async with database.reading() as session:
        assert await session.get(Import, IMPORT) is None
