"""The migrations produce the models' schema: quickly, once, and safely."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from settings import Settings
from webapp.db import migrations, sqlite
from webapp.db.sqlite_driver import connect
from webapp.models import Base


def connection(settings: Settings) -> sqlite3.Connection:
    return connect(sqlite.database_file(settings.sqlalchemy_url))


def test_a_new_database_is_migrated_to_the_newest_revision(settings: Settings) -> None:
    assert migrations.current(settings) is None

    assert migrations.upgrade(settings) is True

    assert migrations.current(settings) == migrations.head()
    assert migrations.upgrade(settings) is False


def test_the_migrations_produce_the_schema_of_the_models(settings: Settings) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    migrations.upgrade(settings)

    with sqlite.migrating(settings.sqlalchemy_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_ignore_imported_tables(settings: Settings) -> None:
    from alembic import command

    migrations.upgrade(settings)
    with closing(connection(settings)) as plain:
        plain.execute("CREATE TABLE t17 (id INTEGER PRIMARY KEY, c1 TEXT)")

    command.check(migrations.configuration(settings, Base.metadata))


def test_the_newest_revision_is_the_head_alembic_finds() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(migrations.configuration(Settings(_env_file=None)))

    assert [migrations.head()] == script.get_heads()


def test_every_migration_of_an_empty_database_can_be_reverted(settings: Settings) -> None:
    from alembic import command

    migrations.upgrade(settings)

    command.downgrade(migrations.configuration(settings), "base")

    with closing(connection(settings)) as plain:
        names = {name for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names <= {"alembic_version", "sqlite_sequence"}


def test_existing_users_are_kept_and_the_owner_is_verified(settings: Settings) -> None:
    from alembic import command

    command.upgrade(migrations.configuration(settings), "0001")
    with closing(connection(settings)) as plain:
        plain.executemany(
            "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
            " VALUES (?, ?, 'a', 'x', ?, 1, '2026-01-01')",
            [(1, "ada@example.org", "owner"), (2, "grace@example.org", "member")],
        )

    migrations.upgrade(settings)

    with closing(connection(settings)) as plain:
        found = plain.execute("SELECT email, time_zone, number_style, verified_at FROM users ORDER BY id").fetchall()
    assert found == [("ada@example.org", "UTC", "comma", "2026-01-01"), ("grace@example.org", "UTC", "comma", None)]


def test_alembic_is_not_loaded_when_there_is_nothing_to_do(settings: Settings) -> None:
    migrations.upgrade(settings)
    code = (
        "import sys; from settings import Settings; from webapp.db import migrations;"
        "assert migrations.upgrade(Settings(_env_file=None)) is False; sys.exit('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ROWCAST_DATA_DIR": str(settings.data_dir), "ROWCAST_ENVIRONMENT": "testing"},
        check=False,
    )

    assert done.returncode == 0


def test_two_servers_that_start_together_migrate_once(settings: Settings) -> None:
    code = (
        "from settings import Settings; from webapp.db import migrations;migrations.upgrade(Settings(_env_file=None))"
    )
    environment = {"ROWCAST_DATA_DIR": str(settings.data_dir), "ROWCAST_ENVIRONMENT": "testing"}

    starts = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]

    assert [start.wait(30) for start in starts] == [0, 0]
    assert migrations.current(settings) == migrations.head()


def test_a_migration_that_fails_leaves_the_database_as_it_was(settings: Settings) -> None:
    def half(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (a)")
        raise LookupError("no")

    with pytest.raises(LookupError), sqlite.migrating(settings.sqlalchemy_url) as migrating:
        half(migrating)

    with closing(connection(settings)) as plain:
        assert plain.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_migration_that_violates_a_foreign_key_is_refused(settings: Settings) -> None:
    migrations.upgrade(settings)

    with pytest.raises(RuntimeError, match="point nowhere"), sqlite.migrating(settings.sqlalchemy_url) as migrating:
        migrating.exec_driver_sql(
            "INSERT INTO tables (owner_id, title, created_at, row_count, state, version, search_index)"
            " VALUES (99, 'x', '2026-01-01', 0, 'ready', 0, 'none')"
        )

    with closing(connection(settings)) as plain:
        assert plain.execute("SELECT count(*) FROM tables").fetchone() == (0,)


def test_copying_a_table_in_a_migration_keeps_the_rows_that_refer_to_it(settings: Settings) -> None:
    """With foreign keys on, dropping the old copy of `users` would delete everybody's tables."""
    migrations.upgrade(settings)
    with closing(connection(settings)) as plain:
        plain.execute(
            "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
            " VALUES (1, 'a@b.test', 'a', 'x', 'owner', 1, '2026-01-01')"
        )
        plain.execute(
            "INSERT INTO tables (id, owner_id, title, created_at, row_count, state, version, search_index)"
            " VALUES (1, 1, 'mine', '2026-01-01', 0, 'ready', 0, 'none')"
        )

    with sqlite.migrating(settings.sqlalchemy_url) as migrating:
        migrating.exec_driver_sql("CREATE TABLE copy AS SELECT * FROM users")
        migrating.exec_driver_sql("DROP TABLE users")
        migrating.exec_driver_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)")
        migrating.exec_driver_sql("INSERT INTO users SELECT id, email FROM copy")

    with closing(connection(settings)) as plain:
        assert plain.execute("SELECT title FROM tables").fetchall() == [("mine",)]


def test_the_command_line_of_alembic_is_configured_in_pyproject(settings: Settings) -> None:
    migrations.upgrade(settings)

    done = subprocess.run(
        [sys.executable, "-m", "alembic", "check"],
        cwd=Path(__file__).parents[2],
        env={"ROWCAST_DATA_DIR": str(settings.data_dir), "ROWCAST_ENVIRONMENT": "testing"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "No new upgrade operations detected" in done.stdout + done.stderr
