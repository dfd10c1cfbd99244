"""Bodies that no program sends by mistake: each is refused with a readable message, and nothing is changed."""

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.http.api.conftest import Make, problem
from webapp.extensions import db
from webapp.models import AuditEvent, User
from webapp.web.application import Application

USERS = "/api/v1/users"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"{'email': 'a@example.org'}", "not JSON"),
        (b'{"email": "a@example.org",}', "not JSON"),
        (b'{"email": "a\x00@example.org"}', "not JSON"),
        (b"email=a@example.org", "not JSON"),
        (b'\xef\xbb\xbf{"email": "a@example.org"}', "not JSON"),
        (b'{"email": "\xff@example.org"}', "UTF-8"),
        ('{"email": "a@example.org"}'.encode("utf-16"), "UTF-8"),
        (b'{"email": "a@example.org", "email": "b@example.org"}', "same name twice"),
        (b'{"email": "a@example.org", "x": {"y": 1, "y": 2}}', "same name twice"),
        (b'{"email": NaN}', "NaN"),
        (b'{"email": -Infinity}', "-Infinity"),
        (b'{"email": ' + b"9" * 5000 + b"}", "too long"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "nested too deep"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", USERS), ("PATCH", f"{USERS}/1")])
async def test_a_body_that_is_not_strict_json_is_refused(
    app: Application, program: Make, body: bytes, expected: str, method: str, path: str
) -> None:
    client = await program()

    answer = await client.open(path, method=method, data=body, headers=JSON)

    assert expected in (await problem(answer, 400))["detail"]
    await assert_nothing_changed(app)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(app: Application, program: Make) -> None:
    client = await program()

    long = await client.post(USERS, json={"email": "x" * 1024 * 1024})
    announced = await client.post(USERS, data=b"{", headers=JSON | {"Content-Length": str(10**12)})

    await problem(long, 413)
    await problem(announced, 413)
    await assert_nothing_changed(app)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/vnd.api+json",
        "application/jsonp",
        "",
        None,
    ],
)
async def test_another_content_type_is_refused(app: Application, program: Make, content_type: str | None) -> None:
    client = await program()
    body = json.dumps({"email": "a@example.org"}).encode()

    answer = await client.post(USERS, data=body, headers={} if content_type is None else {"Content-Type": content_type})

    assert "application/json" in (await problem(answer, 415))["detail"]
    await assert_nothing_changed(app)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_the_content_type_may_have_parameters_and_capitals(program: Make, content_type: str) -> None:
    client = await program()

    answer = await client.post(USERS, data=b'{"email": "a@example.org"}', headers={"Content-Type": content_type})

    assert answer.status_code == 201


async def test_at_most_twenty_invalid_fields_are_listed(program: Make) -> None:
    client = await program()

    document = await problem(await client.post(USERS, json={f"field{n}": n for n in range(5000)}), 400)

    assert len(document["errors"]) == 20
    long = await problem(await client.post(USERS, json={"email": "a@example.org", "x" * 100_000: 1}), 400)
    assert len(long["errors"][0]["pointer"]) < 300


async def test_an_error_never_repeats_the_input(program: Make) -> None:
    client = await program()

    answer = await client.post(USERS, json={"email": "s3cret@@", "password": "s3cret", "name": ["s3cret"]})

    assert "s3cret" not in await answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", USERS, 405),
        ("DELETE", USERS, 405),
        ("POST", f"{USERS}/1", 405),
        ("POST", "/api/v1/me", 405),
        ("GET", f"{USERS}/one", 404),
        ("GET", f"{USERS}/-1", 404),
        ("GET", f"{USERS}/1/", 404),
        ("GET", "/api/v1/", 404),
        ("GET", "/api/v2/users", 404),
        ("GET", "/api/none", 404),
    ],
)
async def test_an_unknown_url_or_method_is_a_problem(program: Make, method: str, path: str, status: int) -> None:
    client = await program()

    answer = await client.open(path, method=method)

    await problem(answer, status)
    assert ("Allow" in answer.headers) is (status == 405)


async def test_head_and_options_are_answered(program: Make) -> None:
    client = await program()

    head = await client.head(f"{USERS}/1")
    shown = await client.get(f"{USERS}/1")
    options = await client.options(USERS)

    assert head.status_code == 200
    assert head.headers["ETag"] == shown.headers["ETag"]
    assert options.status_code == 200
    assert {"GET", "POST"} <= set(options.headers["Allow"].replace(" ", "").split(","))


async def test_an_undeclared_response_is_a_500_without_its_contents(app: Application, program: Make) -> None:
    """Including one found by quart-schema: a response that does not match its view's declaration."""
    from webapp.api.decorators import response
    from webapp.api.schemas import Person

    @app.get("/api/v1/wrong")
    @response(Person)
    async def wrong() -> Any:
        return {"id": "seven", "secret": "of the house"}

    client = await program()
    app.testing = False

    answer = await client.get("/api/v1/wrong")

    assert "secret" not in json.dumps(await problem(answer, 500))


async def assert_nothing_changed(app: Application) -> None:
    async with db.of(app).reading() as session:
        assert list(await session.scalars(select(User.name))) == ["ada"]
        count = select(func.count()).select_from(AuditEvent).where(AuditEvent.event.startswith("person"))
        assert await session.scalar(count) == 0
