"""The names the server answers to."""

from typing import Any

import pytest

from settings import Settings
from tests.conftest import Client, make_settings
from webapp import create_app


async def ask(settings: Settings, name: str, path: str = "/static/icons.svg", **more: Any) -> int:
    app = create_app(make_settings(settings.data_dir, **more))
    return (await Client(app).get(path, headers={"Host": name})).status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
async def test_a_local_server_answers_to_local_names(settings: Settings, host: str) -> None:
    assert await ask(settings, host) == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "a b"])
async def test_a_local_server_answers_to_no_other_name(settings: Settings, host: str) -> None:
    assert await ask(settings, host) in (400, 421)


async def test_a_server_beyond_loopback_answers_to_any_name_until_it_has_an_origin(settings: Settings) -> None:
    assert await ask(settings, "rows.lan", host="0.0.0.0") == 200  # noqa: S104
    assert await ask(settings, "rows.lan", public_origin="https://rows.example.org") == 421
    assert await ask(settings, "ROWS.example.org", public_origin="https://rows.example.org") == 200
    assert await ask(settings, "rows.example.org:8443", public_origin="https://rows.example.org:8443") == 200


async def test_health_checks_may_use_any_host(settings: Settings) -> None:
    assert await ask(settings, "10.0.0.7:8000", "/up", public_origin="https://rows.example.org") == 200
