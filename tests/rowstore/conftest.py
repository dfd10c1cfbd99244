"""Fixtures of the row store's tests, none of which needs an app."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.database_pool import DatabasePool
from tests.rowstore.backends import (
    BACKENDS,
    Cells,
    PostgresqlBackend,
    SqliteBackend,
    StoredTable,
    make_table,
)
from webapp.db.database import Database
from webapp.rowstore import create_store
from webapp.rowstore.postgresql import dialect as postgresql_dialect
from webapp.rowstore.postgresql import planning as postgresql_planning
from webapp.rowstore.sql import tables as row_tables
from webapp.rowstore.sqlite import dialect as sqlite_dialect
from webapp.rowstore.sqlite import planning, search_index
from webapp.rowstore.store import RowStore
from webapp.rowstore.table_ref import Field

Make = Callable[..., StoredTable]

# How long an example takes says nothing on a busy machine; each makes a table of its own.
settings.register_profile(
    "rowstore", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.load_profile("rowstore")


@pytest.fixture(params=BACKENDS)
def backend_name(request: pytest.FixtureRequest) -> str:
    """Every test that uses it, also by way of `make`, runs on each database."""
    return str(request.param)


@pytest.fixture
def new_backend(backend_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Makes migrated, empty databases."""
    numbers = count()
    with ExitStack() as opened:

        def sqlite() -> SqliteBackend:
            return SqliteBackend(
                shutil.copytree(request.getfixturevalue("migrated"), tmp_path / f"data{next(numbers)}")
            )

        def postgresql() -> PostgresqlBackend:
            url = opened.enter_context(request.getfixturevalue("database_pool").database())
            return PostgresqlBackend(tmp_path, url)

        yield {"sqlite": sqlite, "postgresql": postgresql}[backend_name]


@pytest.fixture
def backend(new_backend: Callable[[], Any]) -> Any:
    return new_backend()


@pytest.fixture
def both(
    migrated: Path, database_pool: DatabasePool, tmp_path: Path
) -> Iterator[tuple[SqliteBackend, PostgresqlBackend]]:
    """A migrated, empty database of each kind."""
    with database_pool.database() as url:
        yield SqliteBackend(shutil.copytree(migrated, tmp_path / "sqlite")), PostgresqlBackend(tmp_path, url)


@pytest.fixture
def make(new_backend: Callable[[], Any]) -> Iterator[Make]:
    """Makes tables of fields and rows of texts, each in a database of its own."""
    with ExitStack() as opened:

        def make(fields: Sequence[Field], rows: Iterable[Cells] = (), table_id: int = 1) -> StoredTable:
            table = make_table(new_backend(), fields, rows, table_id)
            opened.enter_context(table.opened)
            return table

        yield make


@pytest.fixture
def columns_limit(backend_name: str) -> int:
    """How many columns a table may have."""
    dialects = {"sqlite": sqlite_dialect, "postgresql": postgresql_dialect}
    return dialects[backend_name].DIALECT.limits.columns


@pytest.fixture
async def open_store() -> AsyncIterator[Callable[[StoredTable], Any]]:
    """`await open_store(table)` is the row store of its database, with a single read connection: whatever a read left
    open would be noticed.
    """
    opened: list[Database] = []

    async def open_(table: StoredTable) -> RowStore:
        database = Database(table.backend.settings.model_copy(update={"database_readers": 1}))
        await database.open()
        opened.append(database)
        return create_store(database)

    yield open_
    for database in opened:
        await database.close()


@pytest.fixture
def always_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are searched and indexed like large ones."""
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    monkeypatch.setattr(postgresql_planning, "LARGE_TABLE", 0)
    monkeypatch.setattr(planning, "TRIGRAM_SAMPLE", 2)
    monkeypatch.setattr(search_index, "HOLD_SECONDS", 0.0001)


@pytest.fixture
def any_plan(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], Any]:
    """`with any_plan(number)`: small tables are planned like large ones, with thresholds that `number()` returns."""

    @contextmanager
    def patched(number: Callable[[], int]) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(row_tables, "SMALL_TABLE", 0)
            for name in ("COMMON", "COMMON_BESIDE_INDEX", "BROAD"):
                patch.setattr(planning, name, number())
            patch.setattr(postgresql_planning, "COMMON", number())
            patch.setattr(postgresql_planning, "LARGE_TABLE", number())
            yield

    return patched
