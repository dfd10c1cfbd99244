"""Adding, duplicating and deleting rows, undo and redo: by the script and by forms."""

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.http.tables.test_cells import edit, exported, member, save, send
from tests.http.tables.test_tables import get
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.web.application import Application


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


async def test_rows_are_added_behind_the_last_with_the_texts_given(client: QuartClient, planets: str) -> None:
    answer = await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto", "2": "5"}, {}]})

    assert answer == {"seq": 1, "ids": [9, 10], "message": "2 rows added."}
    assert (await exported(client, planets))[9:] == ["Pluto,5,,,", ",,,,"]
    assert (await send(client, f"{planets}/rows", {}))["ids"] == [11]


async def test_a_row_that_does_not_fit_is_not_added(client: QuartClient, planets: str) -> None:
    answer = await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto"}, {"2": "some"}]}, 422)

    assert answer["detail"].startswith("Moons: ")
    assert len(await exported(client, planets)) == 9


async def test_adding_again_with_the_same_key_adds_nothing(client: QuartClient, planets: str) -> None:
    key = {"Idempotency-Key": "a1"}
    first = await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto"}]}, **key)

    again = await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto"}]}, **key)

    assert (again["seq"], again["ids"], again["is_repeat"]) == (first["seq"], first["ids"], True)
    assert len(await exported(client, planets)) == 10


async def test_rows_are_duplicated_and_deleted(client: QuartClient, planets: str) -> None:
    copied = await send(client, f"{planets}/rows/duplicate", {"ids": [3, 5]})
    assert (copied["ids"], (await exported(client, planets))[9]) == ([9, 10], "Earth,1,6371.0,no,")

    assert (await send(client, f"{planets}/rows/deletion", {"ids": [3, 9, 99]}))["ids"] == [3, 9]
    assert (await send(client, f"{planets}/rows/deletion", {"ids": [3]}))["ids"] == []
    await send(client, f"{planets}/rows/duplicate", {"ids": [3]}, 404)
    assert [line.split(",")[0] for line in await exported(client, planets)][3] == "Mars"


@pytest.mark.parametrize("body", [{}, {"ids": 3}, {"ids": ["3"]}, {"ids": [0]}, {"ids": [2**63]}])
async def test_ids_that_are_none_are_a_mistake_of_the_sender(
    client: QuartClient, planets: str, body: dict[str, object]
) -> None:
    for what in ("duplicate", "deletion"):
        await send(client, f"{planets}/rows/{what}", body, 400)


async def test_undo_says_what_it_restored_and_who_changed_the_rest(
    app: Application, client: QuartClient, planets: str
) -> None:
    await save(client, planets, *(edit(row, 1, PLANET_ROWS[row - 1][0], "x") for row in range(1, 9)))
    ana = await member(app, planets)
    await save(ana, planets, edit(2, 1, "x", "Venus II"), edit(3, 1, "x", "Earth II"))

    answer = await send(client, f"{planets}/undo", {})

    assert answer["message"] == "6 of 8 restored; 2 were changed since by Ana."
    assert (answer["done"], answer["total"], answer["left"]) == (6, 8, [[3, 1], [2, 1]])
    assert (await send(client, f"{planets}/redo", {}))["message"] == "6 changes redone."
    assert "nothing to redo" in (await send(client, f"{planets}/redo", {}, 422))["detail"]


async def test_undo_names_who_wrote_into_a_row_that_it_leaves(
    app: Application, client: QuartClient, planets: str
) -> None:
    await send(client, f"{planets}/rows", {"rows": [{"1": "Pluto"}, {"1": "Eris"}]})
    ana = await member(app, planets)
    await save(ana, planets, edit(9, 2, "", "5"))

    answer = await send(client, f"{planets}/undo", {})

    assert answer["message"] == "1 of 2 restored; 1 was changed since by Ana."


async def test_without_a_script_buttons_do_the_same(client: QuartClient, planets: str) -> None:
    page = await get(client, f"{planets}/rows/3")
    assert f'action="{planets}/rows/duplicate"' in page

    copied = await client.post(f"{planets}/rows/duplicate", form={"id": "3", "idempotency_key": "k"})
    again = await client.post(f"{planets}/rows/duplicate", form={"id": "3", "idempotency_key": "k"})
    assert (copied.status_code, copied.headers["Location"]) == (303, f"{planets}/rows/9")
    assert again.status_code == 303
    assert len(await exported(client, planets)) == 10

    deleted = await client.post(f"{planets}/rows/deletion", form={"id": "9"})
    assert "1 row deleted" in await get(client, deleted.headers["Location"])
    undone = await client.post(f"{planets}/undo")
    assert "1 change undone." in await get(client, undone.headers["Location"])
    assert len(await exported(client, planets)) == 10
    await client.post(f"{planets}/redo")
    assert len(await exported(client, planets)) == 9
    assert (await client.post(f"{planets}/rows/deletion", form={"id": "x"})).status_code == 400
