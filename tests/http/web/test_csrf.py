"""Requests that another site makes a browser send."""

from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import make_settings
from webapp import create_app
from webapp.web.application import Application
from webapp.web.body import BoundedBody

OWN, OTHER = "http://localhost", "http://evil.example"


@pytest.fixture
def client(bare: Application) -> QuartClient:
    bare.test_client_class = QuartClient  # sends nothing by itself
    return bare.test_client()


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
        ({"Origin": OWN}, True),
        ({"Origin": OWN, "Cookie": "a=b"}, True),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://localhost:81"}, False),
        ({"Origin": OTHER}, False),
        ({"Origin": "null"}, False),
        ({}, True),
        ({"Cookie": "a=b"}, False),
        ({"Cookie": "a=b", "Authorization": "Bearer x"}, False),
        ({"Authorization": "Bearer x"}, True),
        ({"Authorization": "Bearer x", "Origin": OTHER}, True),
        ({"Authorization": "Basic x", "Origin": OTHER}, False),
    ],
)
async def test_only_requests_of_our_own_pages_and_of_programs_may_change_something(
    client: QuartClient, headers: dict[str, str], passes: bool
) -> None:
    response = await client.post("/nowhere", headers=headers)

    assert (response.status_code != 403) is passes


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_safe_methods_are_allowed_from_any_site(client: QuartClient, method: str) -> None:
    response = await client.open("/up", method=method, headers={"Sec-Fetch-Site": "cross-site", "Origin": OTHER})

    assert response.status_code == 200


async def test_a_refused_body_is_not_read(client: QuartClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(body: BoundedBody) -> None:
        raise AssertionError("somebody reads the body")

    monkeypatch.setattr(BoundedBody, "_check", fail)

    response = await client.post("/login", form={"email": "a@b.example"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403


async def test_behind_a_proxy_the_public_origin_is_compared(settings: Settings) -> None:
    app = create_app(make_settings(settings.data_dir, public_origin="https://rows.example.org"))
    client = QuartClient(app)

    async def post(origin: str) -> Any:
        return (await client.post("/nowhere", headers={"Host": "rows.example.org", "Origin": origin})).status_code

    assert await post("https://rows.example.org") != 403
    assert await post("http://rows.example.org") == 403


async def test_a_page_cached_for_a_day_still_submits(bare: Application) -> None:
    """There is nothing in the page that could have grown old."""
    client = bare.test_client()
    page = await (await client.get("/up")).get_data(as_text=True)

    assert "csrf" not in page.lower()
    assert (await client.post("/logout")).status_code == 303
