"""Visitors by a link that allows it change cells and rows: as members do, but nothing that they do not see."""

import json
import re
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.http.admin.conftest import page, text, words_in
from tests.links import add_link, change
from tests.people import EVE, settle_everybody, window
from tests.tables import add_table
from webapp.models import Role, User
from webapp.web.application import Application

COLUMNS = {"name": "text", "salary": "integer", "team": "text"}
ROWS = [("Ada", "71111", "red"), ("Bob", "72222", "blue"), ("Cy", "73333", "red")]
NAME, SALARY, TEAM = 1, 2, 3
RED = [("f.3", "eq:red")]
EDITING = (
    ("POST", "/cells"),
    ("GET", "/cells/1/1/edit"),
    ("POST", "/paste"),
    ("POST", "/rows"),
    ("GET", "/rows/new"),
    ("POST", "/rows/duplicate"),
    ("POST", "/rows/deletion"),
    ("POST", "/rows/1"),
    ("GET", "/rows/1/edit"),
)


@dataclass
class Scene:
    """Eve's table, and a browser of nobody."""

    app: Application
    settings: Settings
    eve: User
    table_id: int
    client: QuartClient

    async def link(self, **options: Any) -> str:
        return (await add_link(self.app, self.table_id, self.eve, **{"may_edit": True, **options}))[1]

    async def send(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        answer = await self.client.post(path, data=json.dumps(body), headers=headers)
        return answer.status_code, json.loads(await text(answer))

    async def edit(self, path: str, *edits: tuple[int, int, str, str]) -> Any:
        named = [dict(zip(("row", "column", "seen", "text"), edit, strict=True)) for edit in edits]
        return await self.send(f"{path}/cells", {"edits": named})

    async def rows(self) -> list[tuple[str, ...]]:
        """All cells of the table, as its owner gets them."""
        csv = await page(await window(self.app, EVE), f"/tables/{self.table_id}/export?format=csv")
        return [tuple(line.split(",")) for line in csv.split("\r\n")[1:-1]]

    def stored(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(connect(self.settings.data_dir / "rowcast.db")) as connection:
            return connection.execute(statement).fetchall()

    def demand(self, column: int, **rules: Any) -> None:
        with closing(connect(self.settings.data_dir / "rowcast.db")) as connection:
            connection.execute(
                "UPDATE columns SET rules = ? WHERE table_id = ? AND number = ?",
                (json.dumps(rules), self.table_id, column),
            )
            connection.execute("UPDATE tables SET version = version + 1 WHERE id = ?", (self.table_id,))


@pytest.fixture
async def scene(app: Application, settings: Settings) -> Scene:
    eve = (await settle_everybody(app))[Role.MEMBER]
    table_id = add_table(settings.data_dir, COLUMNS, ROWS, title="Staff", owner=eve.id)
    return Scene(app, settings, eve, table_id, app.test_client(use_cookies=False))


async def test_a_visitor_changes_a_cell_and_the_history_names_the_link(scene: Scene) -> None:
    path = await scene.link(name="Press & board")

    status, answer = await scene.edit(path, (1, NAME, "Ada", "Eva"))

    assert (status, answer["saved"]) == (200, [[1, NAME, "Eva"]])
    assert (await scene.rows())[0] == ("Eva", "71111", "red")
    assert scene.stored("SELECT actor_id, via, link_name FROM change_sets") == [(None, "link", "Press & board")]
    eve = await window(scene.app, EVE)
    history = await page(eve, f"/tables/{scene.table_id}/history")
    assert "A visitor via link “Press &amp; board” changed 1 cell in name" in words_in(history)
    row = await page(eve, f"/tables/{scene.table_id}/rows/1/history?column=1")
    assert "A visitor via link “Press &amp; board”" in row
    undone = await eve.post(f"/tables/{scene.table_id}/history/1/revert", form={})
    assert undone.status_code == 200
    assert (await scene.rows())[0] == ROWS[0]


@pytest.mark.parametrize(("method", "place"), EDITING)
async def test_a_link_that_only_shows_has_none_of_this(scene: Scene, method: str, place: str) -> None:
    path = await scene.link(may_edit=False)

    answer = await scene.client.open(path + place, method=method, form={"id": "1"} if method == "POST" else None)

    assert answer.status_code == 404
    assert await scene.rows() == ROWS
    assert "data-may-edit" not in await page(scene.client, path)


async def test_the_page_of_the_grid_has_what_edits_and_no_history(scene: Scene) -> None:
    path = await scene.link(scope=RED)

    html = await page(scene.client, path)

    assert f'data-base="{path}" data-may-edit>' in html
    assert "Add a row" in html
    for words in ('id="undo"', "may-undo", "Import again", "Deleted rows", "drop.js", "type=checkbox"):
        assert words not in html
    row = await page(scene.client, f"{path}/rows/1")
    assert ("Duplicate" in row, "History" in row) == (True, False)


async def test_a_row_is_edited_added_duplicated_and_deleted_by_forms(scene: Scene) -> None:
    path = await scene.link(shown=[NAME, TEAM])
    edit = await page(scene.client, f"{path}/rows/1/edit")
    assert "salary" not in edit
    fields = dict(re.findall(r'name="(seen\d+)" value="([^"]*)"', edit))

    saved = await scene.client.post(f"{path}/rows/1", form={**fields, "cell1": "Eva", "cell3": "red"})
    assert (saved.status_code, saved.headers["Location"]) == (303, f"{path}/rows/1")
    added = await scene.client.post(f"{path}/rows", form={"cell1": "Di", "cell3": "green"})
    assert (added.status_code, added.headers["Location"]) == (303, f"{path}/rows/4")
    copied = await scene.client.post(f"{path}/rows/duplicate", form={"id": "1"})
    assert (copied.status_code, copied.headers["Location"]) == (303, f"{path}/rows/5")
    deleted = await scene.client.post(f"{path}/rows/deletion", form={"id": "2"})
    assert (deleted.status_code, deleted.headers["Location"]) == (303, path)

    assert await scene.rows() == [
        ("Eva", "71111", "red"),
        ("Cy", "73333", "red"),
        ("Di", "", "green"),
        ("Eva", "", "red"),
    ]
    assert scene.stored("SELECT DISTINCT via FROM change_sets") == [("link",)]


async def test_a_row_that_is_hidden_is_like_one_that_never_was(scene: Scene) -> None:
    path = await scene.link(scope=RED, shown=[NAME, TEAM])

    for number in (2, 9):
        status, answer = await scene.edit(path, (number, NAME, "Bob", "Rob"))
        assert (status, answer["saved"]) == (200, [])
        (conflict,) = answer["conflicts"]
        assert (conflict["current"], conflict["by"], conflict["message"]) == (None, None, "Somebody deleted this row.")
        assert (await scene.send(f"{path}/rows/deletion", {"ids": [number]}))[1]["ids"] == []
        assert (await scene.send(f"{path}/rows/duplicate", {"ids": [number]}))[0] == 404
        for place in ("/rows/{}/edit", "/cells/{}/1/edit"):
            assert (await scene.client.get(path + place.format(number))).status_code == 404
    assert await scene.rows() == ROWS


async def test_a_column_that_is_hidden_is_like_one_that_never_was(scene: Scene) -> None:
    path = await scene.link(shown=[NAME])

    for number in (SALARY, 9):
        told = [
            await scene.edit(path, (1, number, "71111", "1")),
            await scene.send(f"{path}/rows", {"rows": [{str(number): "1"}]}),
            await scene.send(f"{path}/paste", {"text": "1", "rows": [1], "columns": [number]}),
        ]
        assert [status for status, _ in told] == [404, 404, 404], told
        assert len({answer["detail"] for _, answer in told}) == 1
    assert await scene.rows() == ROWS


async def test_a_row_that_a_visitor_adds_is_among_those_that_they_see(scene: Scene) -> None:
    path = await scene.link(scope=RED, shown=[NAME])

    status, answer = await scene.send(f"{path}/rows", {"rows": [{"1": "Di"}]})

    assert (status, answer["ids"]) == (200, [4])
    assert (await scene.rows())[3] == ("Di", "", "red")
    assert "Di" in await page(scene.client, path)


async def test_whether_a_hidden_row_has_a_text_is_not_told_by_the_rule_that_no_two_may(scene: Scene) -> None:
    scene.demand(NAME, unique=True)
    path = await scene.link(scope=RED)

    answers = [await scene.edit(path, (1, NAME, "Ada", name)) for name in ("Bob", "Zoe")]

    assert answers[0][1]["refused"] == answers[1][1]["refused"] != []
    everything = await scene.link(shown=[NAME])
    assert (await scene.edit(everything, (1, NAME, "Ada", "Bob")))[1]["refused"] != []
    assert (await scene.edit(everything, (1, NAME, "Ada", "Zoe")))[1]["saved"] == [[1, NAME, "Zoe"]]


async def test_a_new_row_leaves_hidden_columns_empty_also_those_that_need_a_text(scene: Scene) -> None:
    scene.demand(SALARY, required=True)
    scene.demand(TEAM, required=True)
    path = await scene.link(shown=[NAME, TEAM])

    _, refused = await scene.send(f"{path}/rows", {"rows": [{"1": "Di"}]})
    assert "team" in refused["detail"]
    assert (await scene.send(f"{path}/rows", {"rows": [{"1": "Di", "3": "red"}]}))[0] == 200
    assert (await scene.rows())[3] == ("Di", "", "red")


async def test_a_conflict_does_not_say_with_whom(scene: Scene) -> None:
    path = await scene.link()
    eve = await window(scene.app, EVE)
    body = {"edits": [{"row": 1, "column": NAME, "seen": "Ada", "text": "Eva"}]}
    await eve.post(f"/tables/{scene.table_id}/cells", json=body)

    (conflict,) = (await scene.edit(path, (1, NAME, "Ada", "Ida")))[1]["conflicts"]

    assert (conflict["current"], conflict["by"], conflict["at"]) == ("Eva", None, None)
    assert conflict["message"] == "Somebody changed this."


async def test_a_request_that_is_sent_again_is_done_once_and_the_address_is_not_stored(scene: Scene) -> None:
    path, other = await scene.link(), await scene.link()
    key = {"Idempotency-Key": "4711"}

    answers = [await scene.send(f"{each}/rows", {"rows": [{"1": "Di"}]}, **key) for each in (path, path, other)]

    assert [answer["ids"] for _, answer in answers] == [[4], [4], [5]]
    assert scene.stored("SELECT url, owner_id FROM idempotency_keys") == [("", None), ("", None)]


async def test_a_block_is_pasted_and_what_does_not_fit_is_no_reason_to_change_the_column(scene: Scene) -> None:
    path = await scene.link()

    _, answer = await scene.send(
        f"{path}/paste", {"text": "Eva\tmany\nIda\t5", "rows": [1], "columns": [1, 2], "add_rows": True}
    )

    assert answer["added"] == [4]
    assert [(refusal["row"], refusal["type_url"]) for refusal in answer["refused"]] == [(1, "")]
    assert (await scene.rows())[3] == ("Ida", "5", "")


async def test_what_a_link_allows_is_that_of_the_moment(scene: Scene) -> None:
    link_id, path = await add_link(scene.app, scene.table_id, scene.eve, may_edit=True)
    await change(scene.app, scene.table_id, scene.eve, link_id, may_edit=False)

    assert (await scene.client.post(f"{path}/cells", json={})).status_code == 404
