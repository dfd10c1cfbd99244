"""Logs, request ids, timings."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from quart.testing import QuartClient
from structlog.testing import capture_logs

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import sign_up
from webapp import create_app
from webapp.web import observability, request_context
from webapp.web.application import Application

Serve = Callable[..., QuartClient]


@pytest.fixture
def _restored() -> Iterator[None]:
    """Logging belongs to the process; the next test wants it as it was."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers, logging.getLogger().level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


async def test_each_request_is_logged_in_one_line_without_its_query(serve: Serve) -> None:
    async def view() -> str:
        request_context.add_log_fields(table=7)
        return "twelve bytes"

    with capture_logs() as lines:
        response = await serve(view).get("/try?q=private")

    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["request_id"] if "request_id" in line else response.headers["X-Request-Id"]
    assert (line["method"], line["path"], line["status"], line["sent"], line["table"]) == ("GET", "/try", 200, 12, 7)
    assert "cut" not in line
    assert "private" not in str(line)


async def test_the_log_line_has_the_users_id_and_nothing_else_about_them(client: QuartClient) -> None:
    await sign_up(client)
    with capture_logs() as lines:
        await client.get("/dashboard")
        await client.post("/logout")
        await client.get("/login")

    seen = [line for line in lines if line["event"] == "request"]
    assert [line.get("user") for line in seen] == [1, 1, None]
    others = [{name: value for name, value in line.items() if name != "request_id"} for line in seen]
    assert "ada" not in str(others)  # a request's id is hexadecimal, and may spell anything


async def test_every_log_line_of_a_request_has_its_id(serve: Serve) -> None:
    seen: list[str] = []

    async def view() -> str:
        seen.append(structlog.contextvars.get_contextvars()["request_id"])
        seen.append(await asyncio.create_task(_id_in_a_task()))
        return request_context.request_id()

    response = await serve(view).get("/try")

    assert {*seen, await response.get_data(as_text=True)} == {response.headers["X-Request-Id"]}


async def _id_in_a_task() -> str:
    return request_context.request_id()


@pytest.mark.parametrize(("proxies", "given", "kept"), [(1, "from-the-proxy", True), (0, "from-anybody", False)])
async def test_a_request_id_is_accepted_only_from_a_trusted_proxy(
    settings: Settings, proxies: int, given: str, kept: bool
) -> None:
    app = create_app(make_settings(settings.data_dir, trusted_proxies=proxies))

    response = await Client(app).get("/up", headers={"X-Request-Id": given})

    assert (response.headers["X-Request-Id"] == given) is kept


@pytest.mark.parametrize("given", ["", "short", "a b c d e f g", "x" * 65, "evil\u00e9evil"])
def test_a_malformed_request_id_is_replaced(given: str) -> None:
    assert request_context.choose_request_id(given) != given


async def test_server_timing_shows_each_duration(serve: Serve) -> None:
    async def view() -> str:
        request_context.add_duration("render", 0.004)
        request_context.add_duration("db", 0.002)
        request_context.add_duration("db", 0.001)
        return ""

    timing = (await serve(view).get("/try")).headers["Server-Timing"]

    assert "db;dur=3.0" in timing
    assert "render;dur=4.0" in timing


async def test_queries_are_timed(app: Application, client: QuartClient) -> None:
    assert "db;dur=" in (await client.get("/ready")).headers["Server-Timing"]


@pytest.mark.usefixtures("_restored")
def test_production_writes_json_without_secrets(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    observability.configure(make_settings(settings.data_dir, environment="production"))

    structlog.get_logger("test").info(
        "hello",
        password="p1",
        headers={"Cookie": "c1", "Authorization": "a1", "Accept": "kept"},
        tries=[{"session_token": "t1"}],
        number=7,
    )
    logging.getLogger("another.library").warning("from the standard library", exc_info=ValueError("long ago"))
    try:
        raise ValueError("what happened")
    except ValueError:
        structlog.get_logger("test").exception("failed")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    text = json.dumps(lines)
    assert [line["event"] for line in lines] == ["hello", "from the standard library", "failed"]
    assert lines[0]["number"] == 7
    assert lines[0]["headers"] == {"Cookie": "[redacted]", "Authorization": "[redacted]", "Accept": "kept"}
    assert not {"p1", "c1", "a1", "t1"} & set(text.replace('"', " ").split())
    assert "what happened" in text
    assert "long ago" in text


@pytest.mark.usefixtures("_restored")
def test_development_logs_are_text(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    observability.configure(make_settings(settings.data_dir, environment="development"))

    structlog.get_logger("test").info("hello", number=7)

    written = capsys.readouterr().err
    assert "hello" in written
    assert "number=7" in written
    assert not written.startswith("{")


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_contains_no_local_variables(
    settings: Settings, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    observability.configure(make_settings(settings.data_dir, log_format=log_format))

    def sign_in(typed: str) -> None:
        raise ValueError("what happened")

    try:
        sign_in("-".join(("correct", "horse")))
    except ValueError:
        structlog.get_logger("test").exception("failed")

    written = capsys.readouterr().err
    assert "what happened" in written
    assert "correct-horse" not in written


@pytest.mark.usefixtures("_restored")
def test_the_log_level_is_a_setting(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    observability.configure(make_settings(settings.data_dir, log_level="warning"))

    structlog.get_logger("test").info("quiet")

    assert capsys.readouterr().err == ""


def test_secrets_are_redacted_by_name_and_other_values_are_kept() -> None:
    kept: dict[str, Any] = {"event": "a token was used", "path": "/x", "rows": (1, 2)}

    assert observability.redact(None, "info", dict(kept)) == {"event": "a token was used", "path": "/x", "rows": [1, 2]}
