"""Editing cells over HTTP: what the grid's script sends, and what it is answered."""

import threading
from contextlib import closing
from typing import Any

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.database import connect
from tests.helpers import Person, sign_up
from tests.http.tables.test_tables import get
from tests.people import settle, window
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Member, Table
from webapp.tables import edit_requests
from webapp.web.application import Application

PLANET, MOONS, RADIUS, RINGS, SEEN = 1, 2, 3, 4, 5
ANA = Person("ana@example.org")


@pytest.fixture
async def planets(client: QuartClient, settings: Settings) -> str:
    """The URL of a table of the signed-in person."""
    await sign_up(client)
    return f"/tables/{add_table(settings.data_dir, PLANETS, PLANET_ROWS)}"


async def member(app: Application, address: str, role: str = "editor", person: Person = ANA) -> QuartClient:
    """The browser of somebody with whom the table is shared."""
    user = await settle(app, person.email, name="Ana")

    async def share(work: UnitOfWork) -> None:
        work.session.add(Member(table_id=int(address.rpartition("/")[2]), user_id=user.id, role=role))

    async with app.app_context():
        await db().write(share)
    return await window(app, person)


async def send(client: QuartClient, address: str, body: Any, status: int = 200, **headers: str) -> Any:
    answer = await client.post(address, json=body, headers={"Accept": "application/json", **headers})
    data = await answer.get_json(force=True)
    assert answer.status_code == status, data
    return data


def edit(row: int, column: int, seen: str, text: str, **more: Any) -> dict[str, Any]:
    return {"row": row, "column": column, "seen": seen, "text": text, **more}


async def save(client: QuartClient, address: str, *edits: dict[str, Any], status: int = 200) -> Any:
    return await send(client, f"{address}/cells", {"edits": edits}, status)


async def exported(client: QuartClient, address: str) -> list[str]:
    return (await get(client, f"{address}/export?format=csv")).splitlines()


async def test_a_saved_cell_is_answered_with_its_text(client: QuartClient, planets: str) -> None:
    answer = await save(client, planets, edit(3, MOONS, "1", "2"))

    assert (answer["seq"], answer["saved"], answer["refused"], answer["conflicts"]) == (1, [[3, MOONS, "2"]], [], [])
    assert (await exported(client, planets))[3] == "Earth,2,6371.0,no,"


async def test_a_save_that_is_sent_again_is_saved_and_changes_nothing(client: QuartClient, planets: str) -> None:
    await save(client, planets, edit(3, MOONS, "1", "2"))

    again = await save(client, planets, edit(3, MOONS, "1", "2"))

    assert (again["seq"], again["saved"], again["conflicts"]) == (None, [[3, MOONS, "2"]], [])


async def test_a_conflict_names_the_text_that_is_there_now_and_who_wrote_it(
    app: Application, client: QuartClient, planets: str
) -> None:
    ana = await member(app, planets)
    await save(ana, planets, edit(3, PLANET, "Earth", "Gaia"))

    answer = await save(client, planets, edit(3, PLANET, "Earth", "Terra"), edit(4, PLANET, "Mars", "Ares"))

    assert answer["saved"] == [[4, PLANET, "Ares"]]
    (conflict,) = answer["conflicts"]
    assert (conflict["text"], conflict["current"], conflict["by"]) == ("Terra", "Gaia", "Ana")
    assert conflict["at"]
    assert conflict["message"] == "Ana changed this just now."


async def test_a_conflict_with_a_large_paste_names_who_pasted(
    app: Application, client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    rows = [("a", "b", "c")] * 400
    address = f"/tables/{add_table(settings.data_dir, dict.fromkeys('ABC', 'text'), rows)}"
    ana = await member(app, address)
    body = {"text": "x", "rows": list(range(1, 401)), "columns": [1, 2, 3], "height": 400, "width": 3}
    await send(ana, f"{address}/paste", body)

    (conflict,) = (await save(client, address, edit(7, 2, "b", "y")))["conflicts"]

    assert (conflict["current"], conflict["by"]) == ("x", "Ana")


async def test_an_edit_of_a_deleted_row_says_who_deleted_it(
    app: Application, client: QuartClient, planets: str
) -> None:
    ana = await member(app, planets)
    await send(ana, f"{planets}/rows/deletion", {"ids": [3]})

    (conflict,) = (await save(client, planets, edit(3, PLANET, "Earth", "Terra")))["conflicts"]

    assert (conflict["current"], conflict["message"]) == (None, "Ana deleted this row just now.")


async def test_a_misfit_is_refused_with_a_reason_and_can_be_kept_as_a_text(client: QuartClient, planets: str) -> None:
    (refused,) = (await save(client, planets, edit(3, MOONS, "1", "one or two")))["refused"]

    assert (refused["text"], refused["as_text"]) == ("one or two", True)
    assert refused["reason"]
    assert refused["type_url"] == f"{planets}/columns/{MOONS}/type"
    kept = await save(client, planets, edit(3, MOONS, "1", "one or two", as_text=True))
    assert kept["saved"] == [[3, MOONS, "one or two"]]
    assert (await exported(client, planets))[3] == "Earth,one or two,6371.0,no,"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x" * 10_000_000, "1,000,000 characters"), ("half \ud800", "half of a character")],
    ids=["ten megabytes", "half of a surrogate pair"],
)
async def test_a_text_that_cannot_be_kept_is_refused_beside_its_cell(
    client: QuartClient, planets: str, text: str, reason: str
) -> None:
    answer = await save(client, planets, edit(3, PLANET, "Earth", text), edit(4, PLANET, "Mars", "Ares"))

    (refused,) = answer["refused"]
    assert reason in refused["reason"]
    assert "as_text" not in refused
    assert answer["saved"] == [[4, PLANET, "Ares"]]


@pytest.mark.parametrize("seen", ["\ud800", "\0", "Earth\udfff", "x" * 10_000_000])
async def test_a_text_that_was_never_there_is_a_conflict(client: QuartClient, planets: str, seen: str) -> None:
    (saved,) = (await save(client, planets, edit(3, PLANET, seen, "Terra")))["conflicts"]
    block = {"text": "Terra", "rows": [3], "columns": [PLANET], "seen": [[seen]]}
    (pasted,) = (await send(client, f"{planets}/paste", block))["conflicts"]

    assert saved["current"] == pasted["current"] == "Earth"


async def test_a_nul_is_kept_as_it_is(client: QuartClient, planets: str) -> None:
    await save(client, planets, edit(3, PLANET, "Earth", "Ea\0rth"))

    assert (await exported(client, planets))[3].startswith("Ea\0rth,")


async def test_line_breaks_that_nobody_touched_stay_what_they_were(client: QuartClient, settings: Settings) -> None:
    """A browser's text field has line feeds only."""
    await sign_up(client)
    text = "one\r\ntwo\rthree\nfour"
    address = f"/tables/{add_table(settings.data_dir, {'A': 'text'}, [(text,)])}"

    answer = await save(client, address, edit(1, 1, text, "one\n2\nthree\nfour"))

    assert answer["saved"] == [[1, 1, "one\r\n2\rthree\nfour"]]


@pytest.mark.parametrize("count", [1, 9])
async def test_what_is_large_is_parsed_while_others_are_answered(
    client: QuartClient, planets: str, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Millions of line breaks, and those of a text that is too long are not looked at."""
    threads, restored = set[int](), list[int]()

    def restore(text: str, seen: str) -> str:
        threads.add(threading.get_ident())
        restored.append(len(text))
        return text

    monkeypatch.setattr(edit_requests, "restore_breaks", restore)
    long = edit(3, PLANET, "\r", "\n" * 1_000_001)

    answer = await save(client, planets, *[edit(3, PLANET, "\r", "\n" * 1_000_000)] * count, long)

    assert (len(answer["conflicts"]), len(answer["refused"]), restored) == (count, 1, [1_000_000] * count)
    assert threading.get_ident() not in threads


async def test_an_empty_cell_of_a_column_with_a_word_for_it_is_saved_as_that_word(
    client: QuartClient, settings: Settings
) -> None:
    await sign_up(client)
    address = f"/tables/{add_table(settings.data_dir, {'A': 'integer'}, [('1',), ('',), ('3',)])}"
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute("UPDATE columns SET format = ?", ('{"null": "NA"}',))

    answer = await save(client, address, edit(2, 1, "", "2"), edit(3, 1, "3", ""))

    assert answer["saved"] == [[2, 1, "2"], [3, 1, "NA", ""]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"edits": {}},
        {"edits": [1]},
        {"edits": [{"row": 1, "column": 1, "text": "a"}]},
        {"edits": [edit(0, 1, "a", "b")]},
        {"edits": [edit(2**63, 1, "a", "b")]},
        {"edits": [edit(True, 1, "Mercury", "b")]},
        {"edits": [edit(1, 1, "a", "b") | {"seen": 1}]},
        [],
    ],
)
async def test_a_body_that_is_no_list_of_edits_is_a_mistake_of_the_sender(
    client: QuartClient, planets: str, body: Any
) -> None:
    await send(client, f"{planets}/cells", body, 400)


async def test_too_many_edits_and_unknown_columns_change_nothing(client: QuartClient, planets: str) -> None:
    many = [edit(3, MOONS, "1", "2")] * 100_001
    assert "100,000 cells" in (await send(client, f"{planets}/cells", {"edits": many}, 422))["detail"]
    await save(client, planets, edit(3, MOONS, "1", "2"), edit(3, 99, "", "2"), status=404)

    assert (await exported(client, planets))[3] == "Earth,1,6371.0,no,"


async def test_a_table_that_is_being_imported_cannot_be_changed_yet(client: QuartClient, planets: str) -> None:
    async def begin(work: UnitOfWork) -> None:
        table = await work.session.get(Table, int(planets.rpartition("/")[2]))
        assert table is not None
        table.state = "importing"

    async with client.app.app_context():
        await db().write(begin)

    assert "still coming in" in (await save(client, planets, edit(3, MOONS, "1", "2"), status=422))["detail"]
    assert "data-may-edit" not in await get(client, planets)


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 200)])
async def test_viewers_are_refused_and_offered_nothing(
    app: Application, client: QuartClient, planets: str, role: str, status: int
) -> None:
    ana = await member(app, planets, role)
    is_offered = role == "editor"

    await save(ana, planets, edit(3, MOONS, "1", "2"), status=status)
    await send(ana, f"{planets}/paste", {"text": "1", "rows": [3], "columns": [MOONS]}, status)
    await send(ana, f"{planets}/rows", {}, status)
    await send(ana, f"{planets}/rows/duplicate", {"ids": [3]}, status)
    await send(ana, f"{planets}/rows/deletion", {"ids": [3]}, status)
    await send(ana, f"{planets}/undo", {}, status)
    await send(ana, f"{planets}/redo", {}, status)
    for page in ("rows/new", "rows/4/edit", "cells/4/1/edit"):
        await get(ana, f"{planets}/{page}", status)
    assert ("data-may-edit" in await get(ana, planets)) is is_offered
    assert ("/rows/deletion" in await get(ana, f"{planets}/rows/4")) is is_offered


async def test_a_save_from_another_site_is_refused(client: QuartClient, planets: str) -> None:
    body = {"edits": [edit(3, MOONS, "1", "2")]}

    await send(client, f"{planets}/cells", body, 403, **{"Sec-Fetch-Site": "cross-site"})
