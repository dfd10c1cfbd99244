"""A migrated database in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from settings import Environment, Settings
from webapp.db import migrations
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, environment=Environment.TESTING, data_dir=tmp_path / "data")


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    migrations.upgrade(settings)
    database = Database(settings)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def counter(database: Database) -> Database:
    """With a table `counters` whose single row is at zero."""

    async def make(work: UnitOfWork) -> None:
        await work.session.execute(text("CREATE TABLE counters (n INTEGER NOT NULL)"))
        await work.session.execute(text("INSERT INTO counters VALUES (0)"))

    await database.write(make)
    return database
