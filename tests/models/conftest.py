"""A migrated database and no application."""

from collections.abc import AsyncIterator

import pytest

from settings import Settings
from webapp.db.database import Database


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    await database.open()
    yield database
    await database.close()
