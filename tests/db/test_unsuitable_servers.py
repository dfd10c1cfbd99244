"""PostgreSQL servers and databases that the application cannot use say why, and what to do."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import make_settings
from tests.postgresql import BUILT_IN, ROLE, PostgresServer, sqlalchemy_url
from webapp.db import migrations, postgresql_system
from webapp.db.database import Database
from webapp.db.postgresql_system import UnsuitableDatabase
from webapp.db.systems import system_of

GUEST = "guest"  # owns nothing


@contextmanager
def guest(server: PostgresServer) -> Iterator[None]:
    server.execute(f"CREATE ROLE {GUEST} LOGIN")
    try:
        yield
    finally:
        server.execute(f"DROP ROLE {GUEST}")


def assert_refused(folder: Path, url: str, message: str) -> None:
    """A server that starts, a command that migrates and the doctor say the same."""
    settings = make_settings(folder, database_url=sqlalchemy_url(url))
    with pytest.raises(UnsuitableDatabase, match=message):
        migrations.upgrade(settings)
    assert migrations.current(settings) is None
    assert re.match(message, system_of(settings).fitness().advice)


def test_a_server_that_is_too_old(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert postgresql_system.MIN_VERSION == 15
    monkeypatch.setattr(postgresql_system, "MIN_VERSION", 99)
    assert_refused(tmp_path, postgresql_url, r"PostgreSQL 99 or newer is needed; this is \d+\.\d+\.")


def test_letters_of_english_only(postgresql_server: PostgresServer, tmp_path: Path) -> None:
    with postgresql_server.database(BUILT_IN, "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'") as url:
        assert_refused(tmp_path, url, "The locale .* knows letters of English only.* Create another: CREATE DATABASE")


def test_another_encoding(postgresql_server: PostgresServer, tmp_path: Path) -> None:
    with postgresql_server.database(BUILT_IN, "ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'") as url:
        assert_refused(tmp_path, url, "The database must have the encoding UTF8. Create another: CREATE DATABASE")


def test_no_trigrams_and_no_right_to_create_them(postgresql_server: PostgresServer, tmp_path: Path) -> None:
    with guest(postgresql_server), postgresql_server.database(BUILT_IN) as url:
        said = "The extension pg_trgm is missing .* PostgreSQL says: permission denied to create extension"
        assert_refused(tmp_path, url.replace(f"//{ROLE}:", f"//{GUEST}:"), said)


def test_trigrams_are_created_by_whoever_may(postgresql_server: PostgresServer, tmp_path: Path) -> None:
    with postgresql_server.database(BUILT_IN) as url:
        settings = make_settings(tmp_path, database_url=sqlalchemy_url(url))
        assert system_of(settings).fitness().is_good
        assert migrations.upgrade(settings)
        with closing(psycopg.connect(url)) as connection:
            assert connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'").fetchone()


@pytest.mark.parametrize("system", ["postgresql"])
async def test_a_migrated_database_that_was_put_into_another_server(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_system, "MIN_VERSION", 99)
    settings = make_settings(data_dir)
    assert not migrations.upgrade(settings)
    with pytest.raises(UnsuitableDatabase):
        await Database(settings).open()


def test_the_statement_that_is_advised_makes_a_suitable_database(
    postgresql_server: PostgresServer, tmp_path: Path
) -> None:
    with postgresql_server.database(BUILT_IN, "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'") as url:
        advice = system_of(make_settings(tmp_path, database_url=sqlalchemy_url(url))).fitness().advice
    options = re.search("CREATE DATABASE rowcast (.*) TEMPLATE template0", advice)
    assert options
    with postgresql_server.database(BUILT_IN, options[1]) as url:
        assert system_of(make_settings(tmp_path, database_url=sqlalchemy_url(url))).fitness().is_good
