"""The recorded installation as the release before left it, and today's application on it; on each database."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.conftest import Client, make_settings
from tests.copies.installations import DATABASES
from tests.database import FILE, on_server
from tests.postgresql import EMPTY, PostgresServer, sqlalchemy_url
from tests.upgrades.installations import copy_database, read_recorded, unpack
from webapp import create_app
from webapp.web.application import Application

KEEP = 36_500  # days: what was recorded long ago is not cleared away, whenever this runs


def settings_of(data_dir: Path, **more: Any) -> Settings:
    """With the key of the folder, as the release had it."""
    return make_settings(data_dir, secret_key="", history_days=KEEP, trash_days=KEEP, audit_days=KEEP, **more)


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    return read_recorded()


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For copying."""
    return unpack(tmp_path_factory.mktemp("release") / "data")


@pytest.fixture(scope="session")
def unpacked_postgresql(unpacked: Path, postgresql_server: PostgresServer) -> Iterator[str]:
    """The name of a database with the same, for copying."""
    name = postgresql_server.create_database()
    url = sqlalchemy_url(postgresql_server.url(name))
    copy_database(settings_of(unpacked), settings_of(unpacked, database_url=url))
    yield name
    postgresql_server.drop_database(name)


@pytest.fixture(params=DATABASES)
def before(request: pytest.FixtureRequest, tmp_path: Path, unpacked: Path) -> Iterator[Settings]:
    """Of the installation that is to be upgraded."""
    folder = shutil.copytree(unpacked, tmp_path / "data")
    with ExitStack() as made:
        if request.param == "postgresql":
            (folder / FILE).unlink()
            server = request.getfixturevalue("postgresql_server")
            template = request.getfixturevalue("unpacked_postgresql")
            made.enter_context(on_server(folder, server.database(template)))
        yield settings_of(folder)


@pytest.fixture
def empty(request: pytest.FixtureRequest, before: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Of an installation that has nothing yet, on a database of the same system."""
    with ExitStack() as made:
        if before.database_url:
            server = request.getfixturevalue("postgresql_server")
            made.enter_context(on_server(tmp_path / "empty", server.database(EMPTY)))
        yield settings_of(tmp_path / "empty")


@pytest.fixture
async def app(before: Settings) -> AsyncIterator[Application]:
    """Today's application, whose start has upgraded it."""
    made = create_app(before)
    made.test_client_class = Client
    async with made.test_app():
        yield made
