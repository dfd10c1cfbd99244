"""A furnished installation, made once, and an empty one; each on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import Settings
from tests.conftest import make_settings
from tests.copies.installations import begin_nothing, furnish
from tests.postgresql import PostgresServer, sqlalchemy_url
from webapp.copies.moving import move


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    furnish(make_settings(shutil.copytree(migrated, folder / "data")), folder)
    (folder / "data" / "secret_key").write_text("k" * 64)
    return folder / "data"


@pytest.fixture(scope="session")
def furnished_postgresql(furnished: Path, postgresql_server: PostgresServer) -> Iterator[str]:
    """The name of a database with the same, for copying."""
    name = postgresql_server.create_database()
    elsewhere = make_settings(furnished, database_url=sqlalchemy_url(postgresql_server.url(name)))
    move(make_settings(furnished), elsewhere, begin_nothing)
    yield name
    postgresql_server.drop_database(name)


@pytest.fixture
def on_sqlite(tmp_path: Path, furnished: Path) -> Settings:
    return make_settings(shutil.copytree(furnished, tmp_path / "source"))


@pytest.fixture
def source(request: pytest.FixtureRequest, on_sqlite: Settings) -> Settings:
    """Furnished; tests name the databases by `parametrize`, it is on SQLite else."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return on_sqlite
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    url = server.url(server.create_database(request.getfixturevalue("furnished_postgresql")))
    return make_settings(on_sqlite.data_dir, database_url=sqlalchemy_url(url))


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Empty."""
    return make_settings(tmp_path / "target", database_url=_empty(request))


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, source: Settings, tmp_path: Path) -> Settings:
    """The data folder of `source` with another, empty database."""
    url = _empty(request) or f"sqlite+aiosqlite:///{tmp_path / 'elsewhere' / 'moved.db'}"
    return make_settings(source.data_dir, database_url=url)


def _empty(request: pytest.FixtureRequest) -> str:
    """The address of an empty database; none of SQLite's usual one."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    return sqlalchemy_url(request.getfixturevalue("postgresql_url"))
