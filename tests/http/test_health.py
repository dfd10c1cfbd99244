"""The health checks."""

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from webapp.extensions import drain
from webapp.web.application import Application


@pytest.mark.parametrize(("path", "body"), [("/up", b"up\n"), ("/ready", b"ready\n")])
async def test_a_working_server_is_up_and_ready(client: QuartClient, path: str, body: bytes) -> None:
    response = await client.get(path)

    assert (response.status_code, await response.get_data()) == (200, body)


async def test_the_api_reports_its_health_in_json(client: QuartClient) -> None:
    assert await (await client.get("/api/health")).get_json() == {"status": "ok"}


async def test_a_draining_server_is_up_and_not_ready(app: Application, client: QuartClient) -> None:
    drain.of(app).begin()

    assert (await client.get("/up")).status_code == 200
    assert (await client.get("/ready")).status_code == 503


async def test_a_database_of_another_version_is_not_ready(client: QuartClient, settings: Settings) -> None:
    with connect(settings.data_dir / "rowcast.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()

    response = await client.get("/ready")

    assert response.status_code == 503
    assert b"rowcast db upgrade" in await response.get_data()
