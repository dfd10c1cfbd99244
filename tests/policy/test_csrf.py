"""Every route that changes something refuses cross-site requests."""

import pytest
from quart.testing import QuartClient
from werkzeug.routing import IntegerConverter

from settings import Settings
from webapp import create_app
from webapp.web.csrf import SAFE_METHODS


async def test_every_unsafe_route_refuses_cross_site_requests(settings: Settings) -> None:
    app = create_app(settings)
    client = QuartClient(app)
    adapter = app.url_map.bind("localhost")
    tried = 0
    for rule in app.url_map.iter_rules():
        values = {name: 1 if isinstance(rule._converters[name], IntegerConverter) else "x" for name in rule.arguments}
        for method in (rule.methods or set()) - SAFE_METHODS:
            path = adapter.build(rule.endpoint, values, method=method)
            response = await client.open(path, method=method, headers={"Sec-Fetch-Site": "cross-site"})
            assert response.status_code == 403, f"{method} {path}"
            tried += 1

    assert tried >= 5


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_an_unknown_url_refuses_cross_site_requests(settings: Settings, method: str) -> None:
    response = await QuartClient(create_app(settings)).open(
        "/none", method=method, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert response.status_code == 403
