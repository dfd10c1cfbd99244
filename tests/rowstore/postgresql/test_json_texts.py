"""Whether a text is JSON, asked in the form for servers that cannot say: as Python's own parser sees it."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.db.postgresql_driver import connect
from webapp.rowstore.postgresql import json_texts
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.dialect import dialect_of
from webapp.rowstore.sql.statement import Sql

Databases = Callable[[], Any]

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


def found(url: str, texts: Sequence[str], is_json: Callable[[str], str] = json_texts.is_json) -> list[bool]:
    source = "unnest(CAST(? AS text[])) WITH ORDINALITY AS texts(each, place)"
    with closing(connect(url)) as driver:
        asked = Sql(f"SELECT {is_json('each')} FROM {source} ORDER BY place", (list(texts),))
        return [answer for (answer,) in PostgresqlConnection(driver).execute(asked)]


@pytest.mark.parametrize("form", [json_texts.is_json, None])
def test_known_texts(emptied_databases: Databases, form: Callable[[str], str] | None) -> None:
    """In both forms, where the server knows both."""
    with emptied_databases() as url:
        with closing(connect(url)) as driver:
            is_json_sql = form or PostgresqlConnection(driver).dialect.is_json
        answers = dict(zip(TEXTS, found(url, TEXTS, is_json_sql), strict=True))
    assert answers == {text: is_json(text) for text in TEXTS}


@settings(max_examples=30)
@given(texts=st.lists(SPACED | DAMAGED | SOUP, min_size=20, max_size=60))
def test_any_texts(emptied_databases: Databases, texts: list[str]) -> None:
    with emptied_databases() as url:
        assert found(url, texts) == list(map(is_json, texts))


def test_deep_ones_end(emptied_databases: Databases) -> None:
    levels = (json_texts.MAX_DEPTH, json_texts.MAX_DEPTH + 1, 100 * json_texts.MAX_DEPTH)
    with emptied_databases() as url:
        assert found(url, ["[" * depth + "]" * depth for depth in levels]) == [True, False, False]


def test_only_servers_that_cannot_say_are_asked_so() -> None:
    assert dialect_of(180_000).is_json("c1") == "(c1) IS JSON"
    assert dialect_of(160_000).is_json("c1") == "(c1) IS JSON"
    assert dialect_of(150_017).is_json("c1") == json_texts.is_json("c1")
