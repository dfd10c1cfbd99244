"""The trash of a table's rows and columns in pages: what is listed, restored and deleted for good."""

import asyncio
import html
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from quart import Response
from quart.testing import QuartClient

from tests.database import connect
from tests.helpers import ADA, GRACE, sign_up
from tests.people import settle, window
from tests.servers import wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.models import Role
from webapp.rowstore.entries import Entry, cells_to_json, pack_part
from webapp.web.application import Application


async def get(client: QuartClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status_code == status, await answer.get_data(as_text=True)
    return html.unescape(await answer.get_data(as_text=True))


async def post(client: QuartClient, path: str, fields: Sequence[tuple[str, object]]) -> Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post(path, data="&".join(f"{name}={value}" for name, value in fields), headers=form)


async def delete(client: QuartClient, table: str, *rows: int) -> int:
    answer = await client.post(f"{table}/rows/deletion", json={"ids": rows})
    return int((await answer.get_json())["seq"])


@pytest.fixture
async def planets(client: QuartClient, data_dir: Path) -> str:
    await sign_up(client, ADA)
    return f"/tables/{add_table(data_dir, PLANETS, PLANET_ROWS)}"


async def editor(app: Application, client: QuartClient, planets: str, role: str = "editor") -> QuartClient:
    await settle(app, GRACE.email, Role.MEMBER, "Grace")
    await client.post(f"{planets}/members", form={"person": GRACE.email, "role": role})
    return await window(app, GRACE)


async def test_the_trash_of_a_table_shows_who_deleted_what_with_the_first_cells(
    app: Application, client: QuartClient, planets: str
) -> None:
    assert "Nothing is in the trash" in await get(client, f"{planets}/trash")
    grace = await editor(app, client, planets)
    await delete(grace, planets, 1, 2, 3, 4, 5)
    await client.post(f"{planets}/columns/2/deletion", form={"seen": "Moons"})

    page = await get(client, f"{planets}/trash")

    assert re.search(r"<b>The column Moons</b>.*<b>5 rows</b>.*Grace deleted 5 rows", page, re.DOTALL)
    assert all(text in page for text in ("Mercury", "Venus", "Earth", "… and 2 more rows"))
    assert "Jupiter" not in page
    for path in (planets, f"{planets}/history", f"{planets}/edit", "/dashboard"):
        assert f'href="{planets}/trash"' in await get(client, path)


async def test_a_deletion_is_restored_by_its_button_and_several_by_their_boxes(
    client: QuartClient, planets: str
) -> None:
    seqs = [await delete(client, planets, row) for row in (3, 4, 5)]

    answer = await post(client, f"{planets}/trash/restoration", [("seq", seqs[1]), ("one", seqs[0])])
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{planets}/trash")
    page = await get(client, f"{planets}/trash")
    assert "1 row restored." in page
    assert re.findall(r'name="seq" value="(\d+)"', page) == [str(seqs[2]), str(seqs[1])]

    await post(client, f"{planets}/trash/restoration", [("seq", seqs[1]), ("seq", seqs[2]), ("seq", "x")])
    page = await get(client, f"{planets}/trash")
    assert "2 rows restored." in page
    assert "Nothing is in the trash" in page
    assert "Jupiter" in await get(client, planets)
    assert "restored 2 rows" in await get(client, f"{planets}/history")


async def test_some_rows_of_a_deletion_are_chosen_on_its_own_page(client: QuartClient, planets: str) -> None:
    seq = await delete(client, planets, 3, 4, 5)
    page = await get(client, f"{planets}/trash/{seq}")
    assert re.findall(r'name="row" value="(\d+)"', page) == ["3", "4", "5"]

    fields = [("seq", seq), ("row", 4), ("row", "x"), ("some", 1)]
    await post(client, f"{planets}/trash/restoration", fields)

    assert "1 row restored." in await get(client, f"{planets}/trash")
    page = await get(client, planets)
    assert "Mars" in page
    assert "Jupiter" not in page
    await post(client, f"{planets}/trash/restoration", [("seq", seq), ("some", 1)])
    assert "Nothing was chosen" in await get(client, f"{planets}/trash")
    await post(client, f"{planets}/trash/restoration", [("seq", seq)])
    assert "Nothing is in the trash" in await get(client, f"{planets}/trash")
    assert (await client.get(f"{planets}/trash/{seq}")).headers["Location"] == f"{planets}/trash"
    assert "not in the trash any more" in await get(client, f"{planets}/trash")
    await post(client, f"{planets}/trash/restoration", [("seq", seq)])
    assert "nothing left to restore" in await get(client, f"{planets}/trash")


async def test_a_deletion_of_many_rows_is_shown_in_pages(client: QuartClient, data_dir: Path) -> None:
    await sign_up(client, ADA)
    table = f"/tables/{add_table(data_dir, {'A': 'text'}, [[f'text {n}'] for n in range(250)])}"
    seq = await delete(client, table, *range(1, 251))

    found, path = list[str](), f"{table}/trash/{seq}"
    for size in (100, 100, 50):
        page = await get(client, path)
        ids = re.findall(r'name="row" value="(\d+)"', page)
        assert len(ids) == size
        found += ids
        following = re.search(rf'href="({table}/trash/{seq}\?from=\d+)"', page)
        path = following[1] if following else ""

    assert found == [str(number) for number in range(1, 251)]
    assert path == ""


async def test_deleting_for_good_asks_first_and_then_leaves_no_text_in_the_history(
    client: QuartClient, planets: str, data_dir: Path
) -> None:
    edit = {"row": 5, "column": 1, "seen": "Jupiter", "text": "Zeus"}
    await client.post(f"{planets}/cells", json={"edits": [edit]})
    seq, other = await delete(client, planets, 5), await delete(client, planets, 6)
    page = await get(client, f"{planets}/trash/purge?seq={seq}&seq=x&seq=99")
    assert "Delete 1 row for good?" in page
    assert re.findall(r'name="seq" value="(\d+)"', page) == [str(seq)]
    assert "Zeus" in await get(client, f"{planets}/history/1")

    answer = await post(client, f"{planets}/trash/purge", [("seq", seq)])

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{planets}/trash")
    page = await get(client, f"{planets}/trash")
    assert "leaves the history, too" in page
    assert re.findall(r'name="seq" value="(\d+)"', page) == [str(other)]

    def is_over() -> bool:
        with closing(connect(data_dir / "rowcast.db")) as connection:
            return not connection.execute("SELECT 1 FROM change_sets WHERE is_purging").fetchone()

    await asyncio.to_thread(wait_for, is_over)
    for path in ("history", "history/1", f"history/{seq}"):
        page = await get(client, f"{planets}/{path}")
        assert "Zeus" not in page
        assert "1 entry is gone: what they were about was deleted for good." in page
    assert "nothing about it is kept" in await get(client, f"{planets}/rows/5/history")
    refused = await client.post(f"{planets}/history/{seq}/revert")
    assert refused.status_code == 422
    assert "deleted for good" in await refused.get_data(as_text=True)
    assert (await post(client, f"{planets}/trash/purge", [("seq", seq)])).status_code == 303
    assert "None of this is in the trash any more." in await get(client, f"{planets}/trash")
    assert (await client.get(f"{planets}/trash/purge?seq={seq}")).status_code == 303


async def test_an_editor_restores_but_only_the_owner_deletes_for_good(
    app: Application, client: QuartClient, planets: str
) -> None:
    grace = await editor(app, client, planets)
    seq = await delete(client, planets, 5)

    page = await get(grace, f"{planets}/trash")
    assert "Jupiter" in page
    assert "/trash/purge" not in page
    await get(grace, f"{planets}/trash/purge?seq={seq}", 403)
    assert (await post(grace, f"{planets}/trash/purge", [("seq", seq)])).status_code == 403
    assert (await post(grace, f"{planets}/trash/restoration", [("seq", seq)])).status_code == 303
    assert "Jupiter" in await get(grace, planets)


async def test_a_viewer_does_not_see_what_was_deleted(app: Application, client: QuartClient, planets: str) -> None:
    grace = await editor(app, client, planets, "viewer")
    seq = await delete(client, planets, 5)

    for path in ("trash", f"trash/{seq}"):
        assert "Jupiter" not in await get(grace, f"{planets}/{path}", 403)
    assert f"{planets}/trash" not in await get(grace, planets)
    assert f"{planets}/trash" not in await get(grace, "/dashboard")


async def test_restoring_and_purging_at_the_same_time_do_one_of_both(client: QuartClient, planets: str) -> None:
    seq = await delete(client, planets, 5)

    answers = await asyncio.gather(
        *(
            post(client, f"{planets}/trash/{action}", [("seq", seq)])
            for action in ("restoration", "purge", "restoration")
        )
    )

    assert {answer.status_code for answer in answers} == {303}
    is_back = "Jupiter" in await get(client, planets)
    page = await get(client, f"{planets}/history")
    assert ("gone: what they were about" in page or "being deleted for good" in page) is not is_back


async def test_a_large_deletion_comes_back_in_the_background(client: QuartClient, planets: str, data_dir: Path) -> None:
    seq = await delete(client, planets, 1, 2, 3)
    with closing(connect(data_dir / "rowcast.db")) as connection:  # as if it had been a large change
        cells = [(row, None, cells_to_json({1: f"Old {row}"}), None) for row in (1, 2, 3)]
        part = (seq, pack_part([Entry(*cell) for cell in cells]))
        connection.execute("DELETE FROM changes WHERE seq = ?", (seq,))
        connection.execute("UPDATE change_sets SET parts = 1 WHERE seq = ?", (seq,))
        connection.execute("INSERT INTO change_set_parts VALUES (1, ?, 1, 3, 3, 0, '', 1, 3, ?)", part)
    assert "3 rows" in await get(client, f"{planets}/trash")
    assert "Old 2" in await get(client, f"{planets}/trash/{seq}")

    huge = 10**30  # as no page of ours asks for
    assert (await client.get(f"{planets}/trash/{seq}?from={huge}")).status_code == 303
    for form in ([("seq", seq), ("row", huge), ("some", 1)], [("seq", huge)]):
        assert (await post(client, f"{planets}/trash/restoration", form)).location == f"{planets}/trash"
    for path in (f"{planets}/trash/purge", "/tables/trash/purge"):
        assert (await post(client, path, [("seq", huge), ("id", huge)])).status_code in (303, 422)
    some = await post(client, f"{planets}/trash/restoration", [("seq", seq), ("row", 2), ("some", 1)])
    assert some.location == f"{planets}/trash"
    rest = await post(client, f"{planets}/trash/restoration", [("one", seq)])
    assert re.fullmatch(rf"{planets}/changes/\d+", rest.location or "")
