"""Plain connections to PostgreSQL: what a session is set to, and which texts it takes."""

from contextlib import closing
from typing import Any

import psycopg
import pytest

from tests.postgresql import PASSWORD, PostgresServer, sqlalchemy_url
from webapp.db.postgresql_driver import connect, hidden, register_escaped_text, storable_json


def test_either_form_of_the_url_is_taken(postgresql_url: str) -> None:
    for url in (postgresql_url, sqlalchemy_url(postgresql_url)):
        with closing(connect(url)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


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
        assert _one(connection, "SELECT lower('ÄЯ' COLLATE pg_c_utf8)") == "äя"
        assert _one(connection, "SELECT lower('ÄЯA' COLLATE \"C\")") == "ÄЯa"


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
