"""Changing many rows by one decision: which rows, the preview, and what is made of it."""

from typing import Any
from urllib.parse import urlencode

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_cells import exported, send
from tests.http.tables.test_tables import get, tree
from tests.tables import PLANET_ROWS, PLANETS, add_table

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


async def post(client: QuartClient, address: str, status: int = 200, **form: Any) -> str:
    data = urlencode([(name, value) for name, value in form.items()], doseq=True)
    answer = await client.post(
        address,
        data=data,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"},
    )
    text = (await answer.get_data(as_text=True)) if status != 303 else answer.headers["Location"]
    assert answer.status_code == status, text
    return text


async def made(client: QuartClient, address: str, **form: Any) -> str:
    """The message after a change."""
    location = await post(client, address, 303, confirm="1", **form)
    return notice(await get(client, location))


def notice(html: str) -> str:
    return " ".join("".join(p.itertext()) for p in tree(html).iter("p") if "notice" in p.attrib.get("class", ""))


async def column(client: QuartClient, table: str, number: int) -> list[str]:
    return [line.split(",")[number - 1] for line in (await exported(client, table))[1:]]


async def test_a_column_is_set_in_the_rows_that_the_view_shows(client: QuartClient, planets: str) -> None:
    address = f"{planets}/bulk/set?f.4=eq:yes&rows=all"

    preview = await post(client, address, column=2, text="7")

    assert "Of 4 rows: 4 cells change." in preview
    assert "Change 4 cells" in preview
    assert await column(client, planets, 2) == [row[1] for row in PLANET_ROWS]
    assert await made(client, address, column=2, text="7") == "4 cells changed. Undo takes all of it back."
    assert await column(client, planets, 2) == ["0", "0", "1", "2", "7", "7", "7", "7"]
    assert (await send(client, f"{planets}/undo", {}))["message"] == "4 changes undone."
    assert await column(client, planets, 2) == [row[1] for row in PLANET_ROWS]
