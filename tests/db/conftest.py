"""A migrated database in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from settings import Environment, Settings
from tests.postgresql import sqlalchemy_url
from webapp.db import migrations
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, environment=Environment.TESTING, data_dir=tmp_path / "data")


@pytest.fixture
def postgresql_settings(settings: Settings, postgresql_url: str) -> Settings:
    """Of an empty database."""
    return settings.model_copy(update={"database_url": SecretStr(sqlalchemy_url(postgresql_url))})


@pytest.fixture(params=["sqlite", "postgresql"])
def each_settings(request: pytest.FixtureRequest) -> Settings:
    """Of an empty database of either system."""
    name = "settings" if request.param == "sqlite" else "postgresql_settings"
    given: Settings = request.getfixturevalue(name)
    return given


@pytest.fixture
async def each_database(each_settings: Settings) -> AsyncIterator[Database]:
    """Migrated and open, of either system, with a table `counters` whose single row is at zero."""
    migrations.upgrade(each_settings)
    database = Database(each_settings)
    await database.open()
    await database.write(_make_counter)
    yield database
    await database.close()


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
    await database.write(_make_counter)
    return database


async def _make_counter(work: UnitOfWork) -> None:
    await work.session.execute(text("CREATE TABLE counters (n INTEGER NOT NULL)"))
    await work.session.execute(text("INSERT INTO counters VALUES (0)"))
