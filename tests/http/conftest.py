"""An OpenID provider, and a server that lets in everybody who comes from it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conftest import Client, make_settings
from tests.helpers import sign_up
from tests.provider import FakeProvider, fake_provider, oidc_settings
from webapp import create_app
from webapp.web.application import Application


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with fake_provider() as running:
        yield running


@pytest.fixture
async def provider_app(data_dir: Path, provider: FakeProvider) -> AsyncIterator[Application]:
    """Owned by Ada."""
    made = create_app(make_settings(data_dir, **oidc_settings(provider.issuer, oidc_accounts="everybody")))
    made.test_client_class = Client
    async with made.test_app():
        await sign_up(made.test_client())
        yield made
