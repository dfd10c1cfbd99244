"""Whether a text is JSON, asked in the forms of old and new servers: as Python's own parser sees it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.database_pool import DatabasePool
from webapp.db import postgresql_json
from webapp.db.postgresql_driver import connect
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.dialect import dialect_of
from webapp.rowstore.sql.statement import Sql

OLDEST = 150_000  # that is supported

CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS), inner, max_size=3),
    max_leaves=8,
)
SPACED = st.builds(
    lambda value, is_ascii, indent: json.dumps(value, ensure_ascii=is_ascii, indent=indent),
    VALUES,
    st.booleans(),
    st.none() | st.sampled_from(["", " ", "\t"]),
)
PIECES = st.sampled_from([*'"\\,:[]{}01-.e \n', "", '""', "null"])
DAMAGED = st.builds(
    lambda text, place, piece, gone: text[: place % (len(text) + 1)] + piece + text[place % (len(text) + 1) + gone :],
    SPACED,
    st.integers(0, 200),
    PIECES,
    st.integers(0, 2),
)
SOUP = st.lists(PIECES, max_size=12).map("".join)

TEXTS = [
    *("", " ", "0", "-0", "01", "1.", ".5", "1e5", "1E+05", "-", "+1", "NaN", "Infinity", "tru", "true", " null\t"),
    *('""', '"', '"""', '"\n"', '"a\\', '"\\u12x4"', '"\\ud800"', '"\\q"', '"\x7f"', "'a'", '"a" "b"', "1 2", "0 .5"),
    *("[]", "[ ]", "[,]", "[1,]", "[1 2]", "[01]", '["\n"]', '["a""b"]', "[- 1]", "[tr ue]", "-[1]", "[1]e5", "[1]2"),
    *("{}", '{"a":1}', '{"a" : [ {} , null ] }', '{"a"}', "{1:2}", '{"a":1,}', '{"a":1,"a":2}', "{[]:1}", "[[]", "[]]"),
    *('["[", "]"]', '["\\""]', '["\\\\"]', '["\\\\""]', "[\u00a01]", "\ufeff[]", "[\f1]", '["➀", "␀"]', '{"":""}'),
    *('{"a":' * 50 + "1" + "}" * 50, "[" * 50 + "]" * 49, "[" * 49 + "]" * 50),
]


def refused(constant: str) -> None:
    raise ValueError(constant)


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=refused)
    except ValueError:
        return False
    return True


@pytest.fixture
def driver(database_pool: DatabasePool) -> Iterator["psycopg.Connection[Any]"]:
    with database_pool.database() as url, closing(connect(url)) as opened:
        postgresql_json.ensure_function(opened)
        yield opened


def found(driver: "psycopg.Connection[Any]", texts: Sequence[str], version: int) -> list[bool]:
    source = "unnest(CAST(? AS text[])) WITH ORDINALITY AS texts(each, place)"
    asked = Sql(f"SELECT {dialect_of(version).is_json('each')} FROM {source} ORDER BY place", (list(texts),))
    return [answer for (answer,) in PostgresqlConnection(driver).execute(asked)]


def test_known_texts(driver: "psycopg.Connection[Any]") -> None:
    """In the oldest form and in that of this server."""
    for version in (OLDEST, driver.info.server_version):
        answers = dict(zip(TEXTS, found(driver, TEXTS, version), strict=True))
        assert answers == {text: is_json(text) for text in TEXTS}


@settings(max_examples=20)
@given(texts=st.lists(SPACED | DAMAGED | SOUP, min_size=20, max_size=60))
def test_any_texts(driver: "psycopg.Connection[Any]", texts: list[str]) -> None:
    for version in (OLDEST, driver.info.server_version):
        assert found(driver, texts, version) == list(map(is_json, texts))


def test_deep_ones_are_texts(driver: "psycopg.Connection[Any]") -> None:
    assert found(driver, ["[" * depth + "]" * depth for depth in (1_000, 1_000_000)], OLDEST) == [True, False]


def test_what_has_its_own_word_is_used() -> None:
    assert dialect_of(180_006).is_json("c1") == dialect_of(160_000).is_json("c1") == "(c1) IS JSON"
    assert dialect_of(OLDEST).is_json("c1") == "is_json_text(c1)"
