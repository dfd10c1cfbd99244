"""Where an edit may come from: pages of this server. What another site sends with the cookie does nothing."""

import json

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_cells import edit, exported, save
from tests.tables import PLANET_ROWS, PLANETS, add_table

EDIT = json.dumps({"edits": [edit(1, 1, "Mercury", "Vulcan")]})
PASTE = json.dumps({"row": 1, "columns": [1], "rows": [["Vulcan"]]})
JSON, TEXT = "application/json", "text/plain"  # the second is what a form of another site can make look like JSON
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/cells", EDIT, JSON),
        ("/cells", EDIT, TEXT),
        ("/paste", PASTE, JSON),
        ("/paste", PASTE, TEXT),
        ("/rows", '{"rows": [{"1": "Vulcan"}]}', JSON),
        ("/rows/deletion", '{"ids": [1]}', JSON),
        ("/rows/deletion", "id=1", FORM),
        ("/undo", "{}", JSON),
        ("/undo", "", FORM),
        ("/history/1/revert", "", FORM),
        ("/presence", "{}", JSON),
        ("/members", "person=eve@example.org&role=editor", FORM),
    ],
)
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_nothing_that_another_site_sends_changes_a_table(
    client: QuartClient, planets: str, path: str, body: str, kind: str, headers: dict[str, str]
) -> None:
    await save(client, planets, edit(2, 1, "Venus", "Hesperus"))
    before = await exported(client, planets)

    sent = {"data": body, "headers": {"Content-Type": kind, **headers}}
    answer = await QuartClient.open(client, planets + path, method="POST", **sent)  # ours says that it is of this site

    assert answer.status_code == 403
    assert await exported(client, planets) == before


async def test_what_only_looks_like_json_is_no_edit(client: QuartClient, planets: str) -> None:
    """Even from here: no page of ours sends it."""
    before = await exported(client, planets)

    answer = await client.post(f"{planets}/cells", data=EDIT, headers={"Content-Type": TEXT})

    assert 400 <= answer.status_code < 500
    assert await exported(client, planets) == before


async def test_no_other_site_can_read_a_live_stream(client: QuartClient, planets: str) -> None:
    async with client.request(f"/live?table={planets.rpartition('/')[2]}&after=0") as connection:
        await connection.send_complete()
        await connection.receive()
        headers = connection.headers
        await connection.disconnect()

    assert headers is not None
    assert connection.status_code == 200
    assert not [name for name, _ in headers if name.lower().startswith("access-control")]
