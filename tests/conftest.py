"""Fixtures for all tests: an application with its own database, a client, a real server."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from quart.routing import QuartRule
from quart.testing import QuartClient, TestApp

from settings import Settings
from tests.database import FILE, database_url, follow_ids, on_server
from tests.database_pool import DatabasePool
from tests.postgresql import PostgresServer, server_of, sqlalchemy_url
from tests.servers import Server
from webapp import create_app
from webapp.db import migrations
from webapp.web.application import Application

# How long an example takes says nothing on a busy machine.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")

SECRET_KEY = "a key for tests, of a length that production accepts"


class Client(QuartClient):
    """Sends what a browser sends from one of our pages; cross-site protection stays on in tests."""

    async def open(self, path: str, *, headers: Any = None, **kwargs: Any) -> Any:
        return await super().open(path, headers={"Sec-Fetch-Site": "same-origin"} | dict(headers or {}), **kwargs)


class PatientApp(TestApp):
    """Quart's waits 6 s for the start and for the end: less than a busy machine may take to end child processes."""

    def __init__(self, app: Application) -> None:
        super().__init__(app, startup_timeout=60, shutdown_timeout=60)


class RememberedRule(QuartRule):
    """Compiling the rules of an application takes most of the time in which one is made, and there are thousands of
    applications in a run, with the same rules: each is compiled once.
    """

    _known: ClassVar[dict[tuple[Any, ...], dict[str, Any]]] = {}

    def compile(self) -> None:
        place = (self.rule, self.host, self.subdomain, self.websocket, repr(self.defaults))
        key = (*place, self.endpoint, frozenset(self.methods or ()))
        known = self._known.get(key)
        if known is None:
            super().compile()
            known = {name: value for name, value in vars(self).items() if name != "map"}
            self._known[key] = known
        vars(self).update(known)


Application.test_app_class = PatientApp
Application.url_rule_class = RememberedRule


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=["sqlite", "postgresql"], default="sqlite", help="what applications in tests run on"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `sqlite` is no test of another database system."""
    left_out = [item for item in items if item.get_closest_marker("sqlite") and _system_of(item) != "sqlite"]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _system_of(item: pytest.Item) -> Any:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return parameters.get("system", item.config.getoption("--database"))


def make_settings(data_dir: Path, **more: Any) -> Settings:
    """Settings independent of the environment the tests run in."""
    given: dict[str, Any] = {"environment": "testing", "secret_key": SECRET_KEY, "data_dir": data_dir, **more}
    given.setdefault("database_url", database_url(data_dir))
    return Settings(_env_file=None, **given)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROWCAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The PostgreSQL server of this run, which starts with the first test that asks for it."""
    own = tmp_path_factory.getbasetemp()
    server = server_of(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    yield server
    server.close()


@pytest.fixture
def postgresql_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """Of an empty database (`postgresql://...`), with the extensions that the application needs."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated, empty database, for copying."""
    folder = tmp_path_factory.mktemp("migrated")
    migrations.upgrade(make_settings(folder))
    return folder


@pytest.fixture(scope="session")
def database_pool(
    postgresql_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabasePool]:
    """Migrated, empty databases."""
    name = postgresql_server.create_database()
    url = sqlalchemy_url(postgresql_server.url(name))
    migrations.upgrade(make_settings(tmp_path_factory.mktemp("template"), database_url=url))
    follow_ids(postgresql_server.url(name))
    with closing(DatabasePool(postgresql_server, name)) as pool:
        yield pool
    postgresql_server.drop_database(name)


@pytest.fixture
def system(request: pytest.FixtureRequest) -> str:
    """The database system that `data_dir` is for."""
    return str(request.config.getoption("--database"))


Folders = Callable[[Path], Path]


@pytest.fixture
def make_data_dir(migrated: Path, system: str, request: pytest.FixtureRequest) -> Iterator[Folders]:
    """`make_data_dir(path)` makes a data folder there with a migrated, empty database."""
    with ExitStack() as made:

        def make(path: Path) -> Path:
            shutil.copytree(migrated, path)
            if system == "postgresql":
                (path / FILE).unlink()
                made.enter_context(on_server(path, request.getfixturevalue("database_pool").database()))
            return path

        yield make


@pytest.fixture
def data_dir(tmp_path: Path, make_data_dir: Folders) -> Path:
    return make_data_dir(tmp_path / "data")


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Application]:
    """The application, serving: everything it opens at start is open."""
    made = create_app(settings)
    made.test_client_class = Client
    async with made.test_app():
        yield made


@pytest.fixture
def client(app: Application) -> QuartClient:
    return app.test_client()


@pytest.fixture(scope="module")
def shared_server(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Server]]:
    """Like `server`, for a whole module, because starting takes a second. Its data is in `Server.data_dir`."""
    with ExitStack() as running:

        def start(factory: str = "webapp:create_app", **options: Any) -> Server:
            folder = shutil.copytree(migrated, tmp_path_factory.mktemp("server") / "data")
            if request.config.getoption("--database") == "postgresql":
                (folder / FILE).unlink()
                running.enter_context(on_server(folder, request.getfixturevalue("database_pool").database()))
            return running.enter_context(Server(factory, folder, **options))

        yield start


@pytest.fixture
def server(data_dir: Path) -> Iterator[Callable[..., Server]]:
    """`server()` starts a real one in a separate process; `server("tests.server.apps:streams")` one with a test's
    app.
    """
    with ExitStack() as running:

        def start(factory: str = "webapp:create_app", **options: Any) -> Server:
            return running.enter_context(Server(factory, data_dir, **options))

        yield start
