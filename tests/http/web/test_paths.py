"""Paths of pages without a request."""

from collections.abc import Callable

import pytest
from quart import Response
from quart.testing import QuartClient
from werkzeug.routing import BuildError

from webapp.web import paths as module
from webapp.web.application import Application
from webapp.web.paths import Paths, paths


async def test_paths_are_those_of_the_routes(bare: Application) -> None:
    made = paths.of(bare)

    for _ in range(2):  # the second time they are known
        assert made.to("tables.show", table_id=7) == "/tables/7"
        assert made.to("tables.show", table_id=8) == "/tables/8"
        assert made.to("auth.login", next=None) == "/login"
        assert made.to("auth.login", next="/a b&c") == "/login?next=/a+b%26c"


async def test_equal_values_of_different_types_have_paths_of_their_own(
    bare: Application, serve: Callable[..., QuartClient]
) -> None:
    async def view() -> Response:
        return Response("")

    serve(view)
    made, endpoint = Paths(bare), view.__name__

    found = [made.to(endpoint, value=value) for value in (1, True, 1.0, "1", None)]

    assert found == ["/try?value=1", "/try?value=True", "/try?value=1.0", "/try?value=1", "/try"]


async def test_an_unknown_page_has_no_path(bare: Application) -> None:
    with pytest.raises(BuildError):
        paths.of(bare).to("tables.nowhere")


async def test_few_paths_are_kept_and_no_long_ones(bare: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 3)
    made = Paths(bare)

    for number in range(10):
        made.to("tables.show", table_id=number)
    assert made.to("auth.login", next="/" + "x" * 1000).endswith("xxx")

    assert 1 <= len(made._kept) <= 3
