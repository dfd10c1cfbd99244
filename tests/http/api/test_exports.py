"""Exports by token: the bytes that the page gives."""

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.http.api.conftest import Make, problem
from tests.http.api.tables import add_planets
from webapp.models import Scope

TABLES = "/api/v1/tables"


@pytest.mark.parametrize(
    "args",
    ["", "format=ndjson&sort=-2", "format=json&f.2=ge:16", "format=csv&safe=1&cols=1,3", "excel=1", "rows=1-3,5"],
)
async def test_an_export_is_that_of_the_page(settings: Settings, program: Make, owner: QuartClient, args: str) -> None:
    table_id, client = add_planets(settings), await program(Scope.READ)

    by_token = await client.get(f"{TABLES}/{table_id}/export?{args}")
    by_page = await owner.get(f"/tables/{table_id}/export?{args}")

    assert by_token.status_code == by_page.status_code == 200
    assert await by_token.get_data() == await by_page.get_data()
    for name in ("Content-Type", "Content-Disposition"):
        assert by_token.headers[name] == by_page.headers[name]


async def test_a_workbook_and_columns_by_title(settings: Settings, program: Make) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/export"

    workbook = await client.get(f"{url}?format=xlsx")
    table = await (await client.get(f"{url}?fields=Moons&fields=Planet&rows=3")).get_data(as_text=True)

    assert (await workbook.get_data())[:2] == b"PK"
    assert table == "Moons,Planet\r\n1,Earth\r\n"


@pytest.mark.parametrize(("args", "status"), [("format=parquet", 400), ("safe=yes", 400), ("sort=99", 422)])
async def test_what_cannot_be_exported_is_named(settings: Settings, program: Make, args: str, status: int) -> None:
    client, url = await program(Scope.READ), f"{TABLES}/{add_planets(settings)}/export"

    found = await problem(await client.get(f"{url}?{args}"), status)

    assert found["errors"][0]["parameter"] == args.partition("=")[0]
