"""7. The limit of a request's body: cannot be changed for one request, and does not apply to chunked bodies."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from quart import Quart, request
from quart.typing import ResponseReturnValue

from tests.known_issues.plain import serving
from tests.servers import Answer, Server, Wire
from webapp.web.body import MAX_FIELD_SIZE, MAX_FORM_FIELDS

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=frontier"


@pytest.fixture
def plain() -> Quart:
    """1,000 bytes by default; the view at `/LIMIT` sets another limit, as Flask supports since 3.1."""
    app = Quart("plain")
    app.config.update(MAX_CONTENT_LENGTH=1000, MAX_FORM_PARTS=10)

    @app.post("/<int:limit>")
    async def view(limit: int) -> ResponseReturnValue:
        request.max_content_length = limit
        return str(len(await request.get_data()))

    @app.post("/form")
    async def form() -> ResponseReturnValue:
        return str(len(list((await request.form).items(multi=True))))

    return app


@pytest.mark.parametrize(("limit", "size", "status"), [(5000, 3000, 413), (100, 500, 200)])
async def test_plain_quart_ignores_the_limit_of_one_request(plain: Quart, limit: int, size: int, status: int) -> None:
    """Fails if it is respected (pallets/quart#425): 3,000 bytes are refused despite a limit of 5,000, 500 accepted
    despite one of 100.
    """
    async with serving(plain) as server:
        answer = await server.ask("POST", f"/{limit}", b"x" * size)

    assert answer.status == status


async def test_plain_quart_accepts_an_endless_chunked_body() -> None:
    """Fails if a body without a length is counted too. The client sends no faster than the view reads."""
    app, received = Quart("plain"), asyncio.Queue[int]()
    app.config["MAX_CONTENT_LENGTH"] = 1000

    @app.post("/")
    async def view() -> ResponseReturnValue:
        total = 0
        async for piece in request.body:
            total += len(piece)
            received.put_nowait(total)
        return str(total)

    async with serving(app) as server:
        wire = Wire(server.port)
        wire.send_head("POST", "/", Transfer_Encoding="chunked")
        for number in range(1, 21):
            wire.send_chunk(b"x" * 500)
            while await received.get() < number * 500:
                pass
        wire.send(b"0\r\n\r\n")
        answer = await asyncio.to_thread(wire.answer)
        wire.close()

    assert (answer.status, answer.body) == (200, b"10000")


async def test_plain_quart_limits_the_parts_of_multipart_forms_only(plain: Quart) -> None:
    """Fails if `MAX_FORM_PARTS`, here 10, applies to urlencoded forms. (1.5 million fields took four seconds.)"""
    answer = await plain.test_client().post(
        "/form", data=b"&".join([b"a=1"] * 200), headers={"Content-Type": URLENCODED}
    )

    assert (answer.status_code, await answer.get_data()) == (200, b"200")


@pytest.fixture(scope="module")
def ours(shared_server: Callable[..., Server]) -> Server:
    return shared_server("tests.known_issues.apps:limits", body_limit="1024")


def post(server: Server, path: str, body: bytes, *, is_chunked: bool = False, **headers: Any) -> Answer:
    if not is_chunked:
        return server.ask("POST", path, body, **headers)
    with server.connect() as wire:
        wire.send_head("POST", path, Transfer_Encoding="chunked", **headers)
        for start in range(0, len(body), 500):
            wire.send_chunk(body[start : start + 500])
        wire.send(b"0\r\n\r\n")
        return wire.answer()


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "limit"), [("/default", 1024), ("/lowered", 100), ("/raised", 5000), ("/whole", 5000)]
)
def test_our_body_limit_is_exact_when_lowered_and_raised(ours: Server, path: str, limit: int, is_chunked: bool) -> None:
    fits = post(ours, path, b"x" * limit, is_chunked=is_chunked)
    too_large = post(ours, path, b"x" * (limit + 1), is_chunked=is_chunked)

    assert (fits.status, fits.body) == (200, str(limit).encode())
    assert too_large.status == 413


@pytest.mark.parametrize("is_chunked", [False, True])
def test_our_limit_covers_the_fields_of_urlencoded_and_multipart_forms(ours: Server, is_chunked: bool) -> None:
    def urlencoded(count: int) -> Answer:
        body = b"&".join([b"a=1"] * count)
        return post(ours, "/form", body, is_chunked=is_chunked, Content_Type=URLENCODED)

    def multipart(count: int) -> Answer:
        return post(ours, "/form", parts([b"1"] * count), is_chunked=is_chunked, Content_Type=MULTIPART)

    for form in (urlencoded, multipart):
        assert (form(MAX_FORM_FIELDS).status, form(MAX_FORM_FIELDS).body) == (200, str(MAX_FORM_FIELDS).encode())
        assert form(MAX_FORM_FIELDS + 1).status == 413


def test_our_multipart_fields_have_a_limit_in_memory(ours: Server) -> None:
    fits = post(ours, "/form", parts([b"x" * (MAX_FIELD_SIZE - 1000)]), Content_Type=MULTIPART)
    too_large = post(ours, "/form", parts([b"x" * (MAX_FIELD_SIZE + 1)]), Content_Type=MULTIPART)

    assert (fits.status, too_large.status) == (200, 413)


def parts(values: list[bytes]) -> bytes:
    head = b'--frontier\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    return b"".join(head + value + b"\r\n" for value in values) + b"--frontier--\r\n"
