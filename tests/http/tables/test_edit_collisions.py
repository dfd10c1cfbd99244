"""Edits that come at once, and edits for which there is no room on the disk: nothing is done in part."""

import asyncio
from contextlib import closing
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from settings import Settings
from tests.database import connect, full_disk
from tests.helpers import Person
from tests.http.tables.test_cells import MOONS, PLANET, edit, exported, member, planets, save, send  # noqa: F401
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.web.application import Application

LONG = "x" * 900_000


async def sets(settings: Settings) -> list[tuple[int, str]]:
    """Number and kind of each set in the log."""
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        return connection.execute("SELECT seq, kind FROM change_sets ORDER BY seq").fetchall()


async def fill_disk(app: Application, *, is_full: bool) -> None:
    async def limit(work: UnitOfWork) -> None:
        for statement in full_disk(db().settings.data_dir, is_full=is_full):
            await work.session.execute(text(statement))

    async with app.app_context():
        await db().write(limit)


async def test_of_eight_saves_of_one_cell_at_once_one_is_made_and_seven_see_it(
    app: Application,
    client: QuartClient,
    planets: str,  # noqa: F811
    settings: Settings,
) -> None:
    people = [client, *[await member(app, planets, person=Person(f"p{number}@example.org")) for number in range(7)]]

    answers = await asyncio.gather(
        *(save(one, planets, edit(3, PLANET, "Earth", f"Earth {place}")) for place, one in enumerate(people))
    )

    made = [answer["saved"][0][2] for answer in answers if answer["saved"]]
    conflicts = [answer["conflicts"][0]["current"] for answer in answers if answer["conflicts"]]
    assert len(made) == 1
    assert conflicts == made * 7
    assert await sets(settings) == [(1, "cells")]
    assert (await exported(client, planets))[3].startswith(made[0])


@pytest.mark.parametrize("is_edit_first", [True, False])
async def test_an_edit_and_the_deletion_of_its_row_at_once_are_one_after_the_other(
    app: Application,
    client: QuartClient,
    planets: str,  # noqa: F811
    settings: Settings,
    is_edit_first: bool,
) -> None:
    """Whichever is first: a saved text comes back with the row, and one that came too late is a conflict."""
    ana = await member(app, planets)
    edits = save(client, planets, edit(3, PLANET, "Earth", "Terra"), edit(4, PLANET, "Mars", "Ares"))
    deletes = send(ana, f"{planets}/rows/deletion", {"ids": [3]})
    both: list[Any] = [edits, deletes] if is_edit_first else [deletes, edits]
    results = await asyncio.gather(*both)
    saved = results[0 if is_edit_first else 1]

    is_saved = [3, PLANET, "Terra"] in saved["saved"]
    assert [4, PLANET, "Ares"] in saved["saved"]
    assert [conflict["current"] for conflict in saved["conflicts"]] == ([] if is_saved else [None])
    assert not any(line.startswith(("Earth", "Terra")) for line in await exported(client, planets))
    kinds = ["cells", "rows.delete"] if is_saved else ["rows.delete", "cells"]
    assert [kind for _, kind in await sets(settings)] == kinds
    await send(ana, f"{planets}/undo", {})
    assert (await exported(client, planets))[3].startswith("Terra," if is_saved else "Earth,")


async def full(app: Application, client: QuartClient, address: str, path: str, body: Any) -> None:
    """What is sent is refused in words while the disk is full, and changes nothing."""
    before = await exported(client, address)
    await fill_disk(app, is_full=True)
    refused = await send(client, f"{address}/{path}", body, 503)
    assert refused["detail"].startswith("The disk is full")
    assert await exported(client, address) == before
    await fill_disk(app, is_full=False)


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("cells", {"edits": [edit(3, PLANET, "Earth", LONG)]}, f"{LONG},1,6371.0,no,"),
        ("paste", {"values": [[LONG], [LONG]], "rows": [3, 4], "columns": [PLANET]}, f"{LONG},1,6371.0,no,"),
        ("rows", {"rows": [{str(PLANET): LONG, str(MOONS): "1"}]}, f"{LONG},1,,,"),
    ],
    ids=["a cell", "a paste", "a row"],
)
async def test_what_there_is_no_room_for_is_refused_and_saved_once_there_is(
    app: Application,
    client: QuartClient,
    planets: str,  # noqa: F811
    settings: Settings,
    path: str,
    body: Any,
    line: str,
) -> None:
    await full(app, client, planets, path, body)
    assert await sets(settings) == []

    answer = await send(client, f"{planets}/{path}", body)

    assert answer["seq"] == 1
    assert line in await exported(client, planets)


async def test_an_undo_for_which_there_is_no_room_can_be_made_later(
    app: Application,
    client: QuartClient,
    planets: str,  # noqa: F811
    settings: Settings,
) -> None:
    await save(client, planets, edit(3, PLANET, "Earth", LONG))
    await save(client, planets, edit(3, PLANET, LONG, "Terra"))
    await full(app, client, planets, "undo", {})

    answer = await send(client, f"{planets}/undo", {})

    assert (answer["done"], answer["of"]) == (1, 2)
    assert (await exported(client, planets))[3].startswith(LONG)
    assert [kind for _, kind in await sets(settings)] == ["cells", "cells", "undo"]
