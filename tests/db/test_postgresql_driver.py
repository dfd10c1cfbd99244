"""Plain connections to PostgreSQL: what a session is set to, which texts it takes, and how it ends."""

import subprocess
import sys
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.postgresql import PASSWORD, PostgresServer, sqlalchemy_url
from tests.servers import ROOT, wait_for
from webapp.db import postgresql_driver
from webapp.db.postgresql_driver import connect, hidden, register_escaped_text, storable_json, whole


def test_either_form_of_the_url_is_taken(postgresql_url: str) -> None:
    for url in (postgresql_url, sqlalchemy_url(postgresql_url)):
        with closing(connect(url)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_the_environment_says_goes_to_processes_that_do_not_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asked = (
        "postgresql+psycopg://ada@db.example/rows",
        "postgresql://ada:password@db.example/rows?sslmode=require",
    )
    assert whole(plain) == plain
    monkeypatch.setenv("PGPASSWORD", "p@ss/word%&")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGOPTIONS", "-c timezone=Asia/Tokyo")
    found = conninfo_to_dict(whole(plain).replace("+psycopg", ""))
    assert (found["user"], found["password"], found["sslmode"]) == ("ada", "p@ss/word%&", "verify-full")
    assert "p@ss" not in hidden(whole(plain))
    assert "Tokyo" not in whole(plain)
    assert whole(asked) == asked


def test_sessions_are_alike_whatever_the_server_is_set_to(postgresql_server: PostgresServer) -> None:
    name = postgresql_server.create_database()
    postgresql_server.execute(f"""ALTER DATABASE "{name}" SET timezone TO 'Asia/Tokyo'""")
    postgresql_server.execute(f"""ALTER DATABASE "{name}" SET datestyle TO 'German'""")
    with closing(connect(postgresql_server.url(name))) as connection:
        shown = [_one(connection, f"SHOW {setting}") for setting in ("timezone", "datestyle", "plan_cache_mode")]
    postgresql_server.drop_database(name)
    assert shown == ["UTC", "ISO, YMD", "force_custom_plan"]


def test_a_reader_cannot_write(postgresql_url: str) -> None:
    with closing(connect(postgresql_url, read_only=True)) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE t (n int)")
        assert _one(connection, "SHOW transaction_isolation") == "repeatable read"


def test_what_postgresql_cannot_store_is_replaced(postgresql_url: str) -> None:
    with closing(connect(postgresql_url)) as connection:
        assert connection.execute("SELECT %s || 'x', %b", ["a\0b\ud800", "c\0"]).fetchone() == (
            "a␀b\N{REPLACEMENT CHARACTER}x",
            "c␀",
        )
        assert connection.execute("SELECT %s::text[]", [["k", "\0"]]).fetchone() == (["k", "␀"],)


def test_escaped_texts_go_the_drivers_own_way(postgresql_url: str) -> None:
    with closing(connect(postgresql_url)) as connection:
        connection.execute("CREATE TABLE t (a text, b bigint)")
        with connection.cursor() as cursor:
            register_escaped_text(cursor.adapters)
            with cursor.copy("COPY t FROM STDIN") as copy:
                copy.write_row(("ä", 1))
            with pytest.raises(psycopg.DataError):
                cursor.execute("SELECT %s::text", ["\0"])
        assert connection.execute("SELECT * FROM t").fetchall() == [("ä", 1)]


def test_nul_in_a_json_document_is_replaced() -> None:
    assert storable_json(r'"a\u0000 \\u0000 \\\u0000"') == r'"a\u2400 \\u0000 \\\u2400"'


def test_databases_of_tests_have_trigrams_of_all_scripts(postgresql_url: str) -> None:
    with closing(connect(postgresql_url)) as connection:
        assert _one(connection, "SELECT cardinality(show_trgm('Я'))") == 2
        assert _one(connection, """SELECT lower('ÄЯ' COLLATE "default")""") == "äя"
        assert _one(connection, "SELECT lower('ÄЯA' COLLATE \"C\")") == "ÄЯa"


def test_the_statement_of_a_killed_process_ends_on_the_server(postgresql_url: str) -> None:
    """It says nothing when it is killed, and the statement would go on for hours."""
    code = "import sys; from webapp.db.postgresql_driver import connect; connect(sys.stdin.read()).execute(sys.argv[1])"
    command = [sys.executable, "-c", code, "SELECT pg_sleep(3600)"]
    with closing(connect(postgresql_url)) as connection:
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True) as child:
            assert child.stdin is not None
            with closing(child.stdin) as stdin:
                stdin.write(postgresql_url)
            wait_for(lambda: _is_sleeping(connection))
            child.kill()
        wait_for(lambda: not _is_sleeping(connection))


def test_a_server_that_cannot_look_whether_we_are_there_takes_us(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_driver, "CLIENT_CHECK", "-1s")  # refused in the same way
    with closing(connect(postgresql_url)) as connection:
        assert _one(connection, "SHOW client_connection_check_interval") == "0"


def _is_sleeping(connection: "psycopg.Connection[Any]") -> bool:
    of_others = "datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'"
    return bool(_one(connection, f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND {of_others}"))


def test_a_password_is_not_shown(postgresql_url: str) -> None:
    assert "pass" not in hidden("postgresql+psycopg://me:pass@host/x?sslmode=require")
    assert hidden("postgresql://me@host/x") == "postgresql://me@host/x"
    assert "secret" not in hidden("postgresql:///x?user=me&password=secret&host=/tmp")
    with closing(connect(postgresql_url)) as connection:
        assert PASSWORD not in repr(connection)


def _one(connection: "psycopg.Connection[Any]", statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]
