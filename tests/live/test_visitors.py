"""What open pages of visitors are sent: what their link shows of each change, and nothing that tells of the rest."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from settings import Settings
from tests.links import add_link, revoke
from tests.live.test_table_stream import Page
from tests.people import settle
from tests.tables import add_table
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.live.hubs import hubs
from webapp.models import AuditSource, Link, User
from webapp.models.accounts.user import actor_from
from webapp.models.tables import columns, editing
from webapp.models.tables.editing import CellEdit
from webapp.models.tables.link import visitor
from webapp.models.tables.link_views import follow_view
from webapp.models.tables.renaming import rename_table
from webapp.models.tables.view_saving import save_view
from webapp.tables.table_stream import table_watch
from webapp.tables.visitor_messages import Visitors
from webapp.web.application import Application

COLUMNS = {"name": "text", "salary": "integer", "team": "text"}
ROWS = [("Ada", "71111", "red"), ("Bob", "72222", "blue"), ("Cy", "73333", "red")]
NAME, SALARY, TEAM = 1, 2, 3
RED = [("f.3", "eq:red")]


@dataclass
class Scene:
    """Eve's table."""

    app: Application
    eve: User
    table_id: int
    pages: list[Page] = field(default_factory=list)
    link_id: int = 0  # the latest

    async def open(self, columns: frozenset[int] | None = None, **options: Any) -> Page:
        """A page of a visitor by a new link."""
        self.link_id, _ = await add_link(self.app, self.table_id, self.eve, **options)
        watch = table_watch(self.table_id, Visitors(self.link_id, columns), 0, db.of(self.app))
        page = Page(hubs.of(self.app).messages(visitor(self.link_id, "Press"), watch))
        await page._read()
        self.pages.append(page)
        return page

    async def write(self, verb: Any, *args: Any, **more: Any) -> Any:
        return await db.of(self.app).write(verb, actor_from(self.eve), self.table_id, *args, **more)

    async def cells(self, *edits: tuple[int, int, str, str]) -> None:
        result = await self.write(editing.change_cells, [CellEdit(*edit) for edit in edits])
        assert result.seq, result

    async def mark(self) -> None:
        """What every page is told: the end of a test."""
        await self.write(rename_table, "Done")


@pytest.fixture
async def scene(app: Application, settings: Settings) -> AsyncIterator[Scene]:
    eve = await settle(app, "eve@example.org", name="Eve")
    found = Scene(app, eve, add_table(settings.data_dir, COLUMNS, ROWS, title="Staff", owner=eve.id))
    yield found
    for page in found.pages:
        await page.stream.aclose()  # type: ignore[attr-defined]


async def told(page: Page) -> list[Any]:
    """The data of all messages up to the new title, without it; a refresh by its name."""
    found: list[Any] = []
    while True:
        message = await page.next()
        if message.event == "message" and message.data.get("title") == "Done":
            return found
        found.append(message.data if message.event == "message" else message.event)


async def test_a_change_of_what_is_shown_arrives_without_its_author(scene: Scene) -> None:
    page = await scene.open(shown=[NAME, TEAM])

    await scene.cells((1, NAME, "Ada", "Eva"), (1, SALARY, "71111", "79999"))
    await scene.mark()

    assert await told(page) == [{"by": [None, ""], "cells": [[1, NAME, "Eva"]]}]


async def test_of_what_is_hidden_nothing_is_told(scene: Scene) -> None:
    page = await scene.open(scope=RED, shown=[NAME])

    await scene.cells((1, SALARY, "71111", "79999"))
    await scene.cells((2, NAME, "Bob", "Rob"))
    await scene.write(editing.add_rows, [{NAME: "Di", TEAM: "blue"}])
    await scene.write(columns.delete_column, SALARY, "salary")
    await scene.mark()

    assert await told(page) == []


async def test_a_new_row_arrives_where_it_is_shown(scene: Scene) -> None:
    page = await scene.open(scope=RED, shown=[NAME])

    await scene.write(editing.add_rows, [{NAME: "Di", TEAM: "blue"}, {NAME: "Ed", TEAM: "red"}])
    await scene.mark()

    assert await told(page) == [{"by": [None, ""], "added": [5]}]


@pytest.mark.parametrize("text", ["red", "blue"])
async def test_a_page_reads_its_rows_again_when_one_may_have_come_or_gone(scene: Scene, text: str) -> None:
    page = await scene.open(scope=RED, shown=[NAME])

    await scene.cells((2, TEAM, "blue", "red") if text == "red" else (1, TEAM, "red", "blue"))
    assert (await page.next()).event == "refresh"
    await scene.write(editing.delete_rows, [3])
    assert (await page.next()).event == "refresh"


async def test_a_search_looks_at_all_columns_also_at_hidden_ones(scene: Scene) -> None:
    page = await scene.open(scope=[("q", "71111")], shown=[NAME])

    await scene.cells((1, SALARY, "71111", "79999"))

    assert (await page.next()).event == "refresh"


async def test_a_row_that_is_deleted_where_all_rows_are_shown_is_told(scene: Scene) -> None:
    page = await scene.open(shown=[NAME])

    await scene.write(editing.delete_rows, [2])
    await scene.mark()

    assert await told(page) == [{"by": [None, ""], "deleted": [2]}]


async def test_a_page_that_shows_fewer_columns_than_its_link_hears_of_these(scene: Scene) -> None:
    page = await scene.open(frozenset({TEAM}))

    await scene.cells((1, NAME, "Ada", "Eva"), (1, TEAM, "red", "blue"))
    await scene.mark()

    assert await told(page) == [{"by": [None, ""], "cells": [[1, TEAM, "blue"]]}]


async def test_a_deleted_column_is_told_without_its_number(scene: Scene) -> None:
    page = await scene.open(shown=[NAME, TEAM])

    await scene.write(columns.delete_column, TEAM, "team")

    assert (await page.next()).data == {"by": [None, ""], "columns": [0]}


async def test_visitors_see_nobody_and_nobody_sees_them(scene: Scene) -> None:
    page = await scene.open()
    found = hubs.of(scene.app).find(("table", scene.table_id))
    assert found is not None
    presence = found.subject.presence  # type: ignore[attr-defined]

    found.tick()
    assert (presence.people, presence.others) == ([], 0)
    presence.came(7, "Gus")
    found.tick()
    assert presence.edition > 0
    await scene.mark()

    assert await told(page) == []


@pytest.mark.parametrize("seed", range(3))
async def test_two_tables_whose_visible_parts_change_alike_send_the_same(
    app: Application, settings: Settings, scene: Scene, seed: int
) -> None:
    """Whatever is changed besides in one of them."""
    other = Scene(app, scene.eve, add_table(settings.data_dir, COLUMNS, ROWS, title="Staff", owner=scene.eve.id))
    pages = [await one.open(scope=RED, shown=[NAME]) for one in (scene, other)]
    chance, names = Random(seed), {1: "Ada", 3: "Cy"}
    hidden = {(2, NAME): "Bob", (2, TEAM): "blue", (1, SALARY): "71111", (3, SALARY): "73333", (2, SALARY): "72222"}
    for step in range(30):
        row = chance.choice((1, 3))
        for one in (scene, other):
            await one.cells((row, NAME, names[row], f"{row} at {step}"))
        names[row] = f"{row} at {step}"
        place = chance.choice(list(hidden))
        text = f"8{step}" if place[1] == SALARY else f"grey{step}"
        if place[1] != TEAM:  # a change that may move rows has them read again
            await scene.cells((*place, hidden[place], text))
            hidden[place] = text
    for one in (scene, other):
        await one.mark()

    first, second = [await told(page) for page in pages]
    assert first == second
    assert len(first) == 30
    for page in other.pages:
        await page.stream.aclose()  # type: ignore[attr-defined]


async def test_an_open_page_ends_when_its_link_is_revoked(scene: Scene) -> None:
    page, other = await scene.open(), await scene.open()

    await revoke(scene.app, scene.table_id, scene.eve, scene.link_id)

    message = await other.next()
    assert (message.event, message.data) == ("access", {"role": "none"})
    assert await other.rest() == []
    await scene.mark()
    assert await told(page) == []  # the other link works


async def test_what_was_there_before_the_page_is_not_told(scene: Scene) -> None:
    """Visitors have no history: whatever number they say that they have got, they read what is there now."""
    await scene.cells((1, NAME, "Ada", "a slip of the pen"))
    await scene.cells((1, NAME, "a slip of the pen", "Ada"))
    await scene.write(rename_table, "Layoffs")
    await scene.write(rename_table, "Staff")
    await scene.write(editing.delete_rows, [2])

    page = await scene.open()
    assert (await page.next()).event == "refresh"
    await scene.cells((3, NAME, "Cy", "Guy"))
    await scene.mark()

    assert await told(page) == [{"by": [None, ""], "cells": [[3, NAME, "Guy"]]}]
    assert b"slip" not in b"".join(page.chunks)


async def test_a_page_is_told_to_load_again_when_its_link_shows_something_else(scene: Scene) -> None:
    page = await scene.open(shown=[NAME])
    stays = await scene.open(shown=[TEAM])
    view = await scene.write(save_view, "Red", [("f.3", "eq:red")])

    async def follow(work: UnitOfWork) -> None:
        link = await work.session.get(Link, scene.link_id - 1)
        assert link is not None
        link.view_id = view

    await db.of(scene.app).write(follow)
    actor = actor_from(scene.eve)
    source = AuditSource(actor.id, actor.email)
    await db.of(scene.app).write(follow_view, actor, source, scene.table_id, scene.link_id - 1, 1)

    message = await page.next()
    assert (message.event, message.data) == ("access", {"role": "viewer"})
    await scene.mark()
    assert await told(stays) == []
