"""A migrated database of either system, and no application."""

from collections.abc import AsyncIterator

import pytest

from settings import Settings
from webapp.db.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    await database.open()
    yield database
    await database.close()
