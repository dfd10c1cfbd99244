"""Headers of every answer."""

from collections.abc import Callable

import pytest
from quart import Response
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client, make_settings
from webapp import create_app
from webapp.web.application import Application

Serve = Callable[..., QuartClient]


@pytest.mark.parametrize("path", ["/up", "/static/icons.svg", "/static/none", "/api/health", "/api/none", "/none"])
async def test_every_response_has_the_security_headers(bare: Application, path: str) -> None:
    headers = (await bare.test_client().get(path)).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Request-Id"]
    assert headers["Server-Timing"].startswith("app;dur=")
    assert "Strict-Transport-Security" not in headers


async def test_browsers_are_told_to_stay_with_tls_when_there_is_tls(settings: Settings) -> None:
    app = create_app(make_settings(settings.data_dir, public_origin="https://rows.example.org"))

    response = await Client(app).get("/up")

    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_pages_are_not_cached_and_vary_by_fragment(serve: Serve) -> None:
    async def page() -> str:
        return "<h1>Private</h1>"

    response = await serve(page).get("/try")

    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.vary) == {"HX-Request-Type", "Cookie"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "HX-Request-Type, Cookie"),
        ("Accept", "Accept, HX-Request-Type, Cookie"),
        ("cookie,Accept", "cookie,Accept, HX-Request-Type"),
        ("Cookie, HX-Request-Type", "Cookie, HX-Request-Type"),
        ("*", "*"),
    ],
)
async def test_what_a_view_varies_by_is_kept(serve: Serve, before: str, after: str) -> None:
    async def page() -> Response:
        return Response("news", headers={"Vary": before} if before else None)

    assert (await serve(page).get("/try")).headers["Vary"] == after


async def test_a_view_can_set_its_own_cache_control(serve: Serve) -> None:
    async def page() -> Response:
        return Response("news", headers={"Cache-Control": "public, max-age=60"})

    assert (await serve(page).get("/try")).headers["Cache-Control"] == "public, max-age=60"


async def test_errors_are_never_cached(serve: Serve) -> None:
    async def page() -> Response:
        return Response("no", 410, headers={"Cache-Control": "public, max-age=60"})

    assert (await serve(page).get("/try")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/static/icons.svg", "/favicon.ico"])
async def test_static_files_do_not_vary_by_cookie(bare: Application, path: str) -> None:
    response = await bare.test_client().get(path)

    assert set(response.vary) == {"Accept-Encoding"}
