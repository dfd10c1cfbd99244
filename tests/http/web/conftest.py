"""An application that is created but not started: enough for HTTP behaviour, with views defined by the test."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client
from webapp import create_app
from webapp.web.access import public
from webapp.web.application import Application

View = Callable[..., Awaitable[Any]]


@pytest.fixture
def bare(settings: Settings) -> Application:
    app = create_app(settings)
    app.test_client_class = Client
    return app


@pytest.fixture
def serve(bare: Application) -> Callable[..., QuartClient]:
    """`serve(view)` puts it at `/try` and gives a client."""

    def at(view: View, path: str = "/try", methods: tuple[str, ...] = ("GET", "POST", "PUT")) -> QuartClient:
        view.__name__ = f"view{len(bare.view_functions)}"
        bare.add_url_rule(path, view.__name__, public(view), methods=list(methods))
        return bare.test_client()

    return at
