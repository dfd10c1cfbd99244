"""How large a request may be."""

from collections.abc import Callable

import pytest
from quart import request
from quart.testing import QuartClient

from settings import Settings
from webapp.web.body import MAX_FORM_FIELDS, body_limit

Serve = Callable[..., QuartClient]
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
SENT = 1000


async def size_of_all() -> str:
    return str(len(await request.get_data()))


async def fields() -> str:
    return str(len(list((await request.form).items(multi=True))))


@pytest.mark.parametrize(("limit", "status"), [(10, 413), (999, 413), (1000, 200), (10_000_000, 200)])
async def test_a_view_has_a_limit_of_its_own(serve: Serve, limit: int, status: int) -> None:
    response = await serve(body_limit(limit)(size_of_all)).post("/try", data=b"x" * SENT)

    assert response.status_code == status


async def test_a_limit_can_come_from_the_settings(serve: Serve, settings: Settings) -> None:
    client = serve(body_limit(lambda settings: settings.body_limit * 2)(size_of_all))

    assert (await client.post("/try", data=b"x" * settings.body_limit * 2)).status_code == 200
    assert (await client.post("/try", data=b"x" * (settings.body_limit * 2 + 1))).status_code == 413


async def test_the_default_body_limit_is_small(serve: Serve, settings: Settings) -> None:
    client = serve(size_of_all)

    assert (await client.post("/try", data=b"x" * settings.body_limit)).status_code == 200
    assert (await client.post("/try", data=b"x" * (settings.body_limit + 1))).status_code == 413


@pytest.mark.parametrize(("count", "status"), [(MAX_FORM_FIELDS, 200), (MAX_FORM_FIELDS + 1, 413)])
async def test_the_number_of_form_fields_is_limited(serve: Serve, count: int, status: int) -> None:
    response = await serve(fields).post("/try", data="&".join(["a=1"] * count).encode(), headers=URLENCODED)

    assert response.status_code == status


async def test_a_view_may_have_more_fields(serve: Serve) -> None:
    client = serve(body_limit(1_000_000, fields=5000)(fields))

    response = await client.post("/try", data="&".join(["a=1"] * 5000).encode(), headers=URLENCODED)

    assert await response.get_data() == b"5000"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"a=\xff", URLENCODED),
        (b"a=%ff", URLENCODED),
        (b"x", {"Content-Type": "multipart/form-data"}),
    ],
)
async def test_a_malformed_form_is_refused(serve: Serve, body: bytes, headers: dict[str, str]) -> None:
    assert (await serve(fields).post("/try", data=body, headers=headers)).status_code == 400


async def test_an_empty_form_is_accepted(serve: Serve) -> None:
    assert await (await serve(fields).post("/try", data=b"", headers=URLENCODED)).get_data() == b"0"


@pytest.mark.parametrize("headers", [{}, {"HX-Request-Type": "partial"}, {"Accept": "application/json"}])
async def test_a_413_is_a_page_a_fragment_or_a_problem(serve: Serve, headers: dict[str, str]) -> None:
    response = await serve(body_limit(1)(size_of_all)).post("/try", data=b"xx", headers=headers)

    assert response.status_code == 413
    assert "too large" in await response.get_data(as_text=True)


async def test_the_whole_body_can_be_read_twice(serve: Serve) -> None:
    async def twice() -> bytes:
        return await request.get_data() + await request.get_data()

    assert await (await serve(twice).post("/try", data=b"ab")).get_data() == b"abab"


async def test_a_json_body_is_parsed(serve: Serve) -> None:
    async def echo() -> object:
        return await request.get_json()

    assert await (await serve(echo).post("/try", json={"a": 1})).get_json() == {"a": 1}
