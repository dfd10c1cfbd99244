"""What the open pages of a table are sent: every change once and in order, made once for all that show the same."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import delete, event

from settings import Settings
from tests.helpers import sign_up
from tests.large_changes import add_plan
from tests.models.tables import large
from tests.tables import add_table
from webapp.broker import InProcessBroker
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import broker, db
from webapp.live import hub
from webapp.live.hubs import Hubs, hubs
from webapp.models import Actor, Change, ChangeSet, Member, Session, User
from webapp.models.tables import editing, large_changing, large_steps, undo
from webapp.models.tables.change_log import publish_access, topic_of
from webapp.models.tables.deletion import delete_table
from webapp.models.tables.editing import CellEdit
from webapp.rowstore.entries import Entry
from webapp.tables import table_stream
from webapp.tables.table_stream import table_watch
from webapp.web.application import Application

ADA = Actor(1, "ada@example.org", "ada", "owner", session_id=1)
EVE = Actor(2, "eve@example.org", "eve", "member", session_id=2)
ROWS = [("Oslo", "1,000,000", "yes"), ("Bergen", "2,500,000", "no"), ("Moss", "", "yes")]
COLUMNS = {"City": "text", "People": "integer", "Coast": "boolean"}
CITY, PEOPLE, COAST = 1, 2, 3


@dataclass
class Message:
    event: str
    id: int | None
    data: Any

    @classmethod
    def parse(cls, text: str) -> "Message":
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        data = fields.get("data", "x")
        number = int(fields["id"]) if "id" in fields else None
        return cls(fields.get("event", "message"), number, json.loads(data) if data != "x" else None)


@dataclass
class Page:
    """An open page: its stream, read when a test asks for it."""

    stream: AsyncIterator[bytes]
    chunks: list[bytes] = field(default_factory=list)
    waiting: list[Message] = field(default_factory=list)

    async def next(self) -> Message:
        """The next message that is no ping and does not say who is here."""
        async with asyncio.timeout(10):
            while True:
                while self.waiting:
                    message = self.waiting.pop(0)
                    if message.event not in ("ping", "people"):
                        return message
                await self._read()

    async def people(self) -> Any:
        async with asyncio.timeout(10):
            while True:
                while self.waiting:
                    message = self.waiting.pop(0)
                    if message.event == "people":
                        return message.data
                await self._read()

    async def rest(self) -> list[Message]:
        """What comes until the stream ends by itself."""
        async with asyncio.timeout(10):
            async for chunk in self.stream:
                self._take(chunk)
        return [message for message in self.waiting if message.event not in ("ping", "people")]

    async def _read(self) -> None:
        self._take(await anext(self.stream))

    def _take(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.waiting += [Message.parse(part) for part in chunk.decode().split("\n\n") if part]


Open = Callable[..., Any]


@pytest.fixture
async def table(app: Application, client: QuartClient, settings: Settings) -> int:
    """Of Ada; Eve may edit it."""
    await sign_up(client)
    table_id = add_table(settings.data_dir, COLUMNS, ROWS)

    async def add(work: UnitOfWork) -> None:
        work.session.add(User(id=2, email=EVE.email, name="eve", password_hash="x", role="member"))
        await work.session.flush()
        work.session.add(Session(id=2, user_id=2, token_hash="e", agent="", address="", remembered=False))
        work.session.add(Member(table_id=table_id, user_id=2, role="editor"))

    await db.of(app).write(add)
    return table_id


@pytest.fixture
async def open_page(app: Application, table: int) -> AsyncIterator[Open]:
    """`await open_page(after=3)` is a page whose stream has begun."""
    opened: list[Page] = []

    async def begin(
        actor: Actor = ADA,
        after: int | None = None,
        columns: frozenset[int] | None = None,
        growing: int | None = None,
    ) -> Page:
        watch = table_watch(table, columns, after, db.of(app), growing)
        page = Page(hubs.of(app).messages(actor, watch))
        opened.append(page)
        await page._read()
        return page

    yield begin
    for page in opened:
        await page.stream.aclose()  # type: ignore[attr-defined]


async def ended(found: Hubs) -> None:
    """Wait for the tasks of hubs without streams, which have been cancelled."""
    tasks = [task for task in asyncio.all_tasks() if "Hub" in repr(task.get_coro())]
    assert not found._hubs
    await asyncio.gather(*tasks, return_exceptions=True)


async def edit(app: Application, table: int, text: str, *, row: int = 1, column: int = CITY, who: Actor = EVE) -> int:
    """Change a cell, whatever it holds."""

    async def change(work: UnitOfWork) -> Any:
        first = await editing.change_cells(work, who, table, [CellEdit(row, column, "?", text)])
        seen = first.conflicts[0].current if first.conflicts else ""
        return first if first.seq else await editing.change_cells(work, who, table, [CellEdit(row, column, seen, text)])

    result = await db.of(app).write(change)
    assert result.seq is not None
    return int(result.seq)


async def test_a_changed_cell_reaches_every_page_with_its_author(app: Application, table: int, open_page: Open) -> None:
    pages = [await open_page(), await open_page(EVE)]

    seq = await edit(app, table, "Oslo S")

    for page in pages:
        assert await page.next() == Message("message", seq, {"by": [2, "eve"], "cells": [[1, CITY, "Oslo S"]]})


async def test_a_stream_says_at_once_where_it_is(app: Application, table: int, open_page: Open) -> None:
    await edit(app, table, "Oslo S")

    page = await open_page()

    assert [(found.event, found.id) for found in page.waiting] == [("ping", 1)]


async def test_a_page_gets_every_set_after_its_own_once_and_in_order(
    app: Application, table: int, open_page: Open
) -> None:
    for number in range(1, 8):
        await edit(app, table, f"city {number}")

    page = await open_page(after=3)
    late = [await page.next() for _ in range(4)]
    for number in range(8, 12):
        await edit(app, table, f"city {number}")
    live = [await page.next() for _ in range(4)]

    assert [message.id for message in late + live] == [4, 5, 6, 7, 8, 9, 10, 11]
    assert [message.data["cells"][0][2] for message in late + live] == [f"city {n}" for n in range(4, 12)]


async def test_a_page_that_is_not_read_for_a_while_misses_nothing_and_gets_nothing_twice(
    app: Application, table: int, open_page: Open
) -> None:
    slow, quick = await open_page(), await open_page(EVE)

    for number in range(1, 31):
        await edit(app, table, f"city {number}")
        if number % 3 == 0:
            await quick.next()

    assert [(await slow.next()).id for _ in range(30)] == list(range(1, 31))


async def test_a_page_that_is_too_far_behind_is_told_to_refresh_once(
    app: Application, table: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.models.tables.change_feed.MAX_SETS", 3)
    monkeypatch.setattr(table_stream, "MAX_SETS", 3)
    slow, quick = await open_page(), await open_page()
    for number in range(1, 9):
        await edit(app, table, f"city {number}")
        await quick.next()
    resumed = await open_page(EVE, after=2)

    for page in (slow, resumed):
        assert await page.next() == Message("refresh", 8, {})
    await edit(app, table, "city 9")
    assert ((await slow.next()).id, (await resumed.next()).id) == (9, 9)


async def test_pages_hear_of_a_large_change_when_it_begins_and_when_it_has_ended(
    app: Application, table: int, open_page: Open, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was made while it was applied, and had no connection at its end."""
    database = db.of(app)
    monkeypatch.setattr(database, "queue", None)  # no job: this is done here
    plan = [Entry(row, CITY, "x", "y") for row in (1, 2)]
    change_id = add_plan(settings.data_dir, table, plan)
    early = await open_page()
    change = await database.write(large_changing.apply, ADA, table, change_id)
    begun = await early.next()
    assert (begun.id, begun.data["extent"]) == (1, [1, 2])
    between = await open_page(after=1, growing=1)
    await edit(app, table, "in between")
    assert ((await early.next()).id, (await between.next()).id) == (2, 2)
    large.work(database, change)
    await database.write(large_steps.finish, change_id)
    late = await open_page(after=1, growing=1)
    for page in (early, between, late):
        assert await page.next() == Message("refresh", 2, {})
    await edit(app, table, "afterwards")
    assert [(await page.next()).id for page in (early, between, late)] == [3, 3, 3]


@pytest.mark.parametrize("pruned", [ChangeSet, Change])
async def test_a_page_whose_changes_were_pruned_is_told_to_refresh(
    app: Application, table: int, open_page: Open, pruned: type[ChangeSet] | type[Change]
) -> None:
    """Whole sets, or what they had changed."""
    for number in range(1, 5):
        await edit(app, table, f"city {number}")

    async def prune(work: UnitOfWork) -> None:
        await work.session.execute(delete(pruned).where(pruned.seq <= 2))

    await db.of(app).write(prune)

    early, whole = await open_page(after=1), await open_page(after=2)
    assert await early.next() == Message("refresh", 4, {})
    assert [(await whole.next()).id for _ in range(2)] == [3, 4]


async def test_a_page_that_is_ahead_of_the_table_is_told_to_refresh(
    app: Application, table: int, open_page: Open
) -> None:
    """A backup has been restored."""
    page = await open_page(after=99)

    assert await page.next() == Message("refresh", 0, {})


async def test_a_change_is_read_and_rendered_once_for_all_pages_that_show_the_same(
    app: Application, table: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted: renderings, and reads of the database."""
    rendered: list[Any] = []
    render = table_stream.set_message

    def counted(*args: Any) -> bytes:
        rendered.append(args[2])
        return render(*args)

    monkeypatch.setattr(table_stream, "set_message", counted)
    some = frozenset({PEOPLE})
    all_columns = [await open_page(who) for who in (ADA, EVE) for _ in range(20)]
    few_columns = [await open_page(columns=some) for _ in range(20)]
    statements: list[str] = []
    for engine in db.of(app).engines[2:]:
        event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    await edit(app, table, "Oslo S")
    whole = [await page.next() for page in all_columns]
    parts = [await page.next() for page in few_columns]

    assert {json.dumps(message.data) for message in whole} == {'{"by": [2, "eve"], "cells": [[1, 1, "Oslo S"]]}'}
    assert [message.data for message in parts] == [{"by": [2, "eve"]}] * 20
    assert sorted(rendered, key=str) == sorted([None, some], key=str)
    assert len({id(page.chunks[-1]) for page in all_columns}) == 1
    assert len([sql for sql in statements if "FROM changes" in sql]) == 1
    assert len([sql for sql in statements if "FROM sessions" in sql]) <= 2  # and the regular check


async def test_pages_that_come_back_together_are_read_for_once(app: Application, table: int, open_page: Open) -> None:
    for number in range(1, 6):
        await edit(app, table, f"city {number}")
    reads: list[str] = []
    for engine in db.of(app).engines:
        event.listen(engine, "before_cursor_execute", lambda *args: reads.append(args[2]))

    pages = [await open_page(after=2) for _ in range(30)]

    for page in pages:
        assert [(await page.next()).id for _ in range(3)] == [3, 4, 5]
    assert len([sql for sql in reads if "FROM changes" in sql]) == 1


async def test_a_page_is_not_sent_cells_of_columns_that_it_does_not_show(
    app: Application, table: int, open_page: Open
) -> None:
    page = await open_page(columns=frozenset({PEOPLE}))

    await edit(app, table, "secret")
    await edit(app, table, "7", column=PEOPLE)

    assert [(await page.next()).data.get("cells") for _ in range(2)] == [None, [[1, PEOPLE, "7"]]]
    assert b"secret" not in b"".join(page.chunks)


@pytest.mark.parametrize(
    ("column", "text", "cell"),
    [
        (CITY, "<b>&\u2028\r\nø", [1, CITY, "<b>&\u2028\r\nø"]),
        (CITY, "https://example.org/<a>", [1, CITY, "https://example.org/<a>", "https://example.org/<a>"]),
        (CITY, "javascript:alert(1)", [1, CITY, "javascript:alert(1)"]),
        (CITY, "a\0b\u2400", [1, CITY, "a\0b\u2400"]),
        (CITY, "x" * 1_001, [1, CITY, "x" * 1_000 + "…"]),
        (CITY, "x" * 1_000, [1, CITY, "x" * 1_000]),
        (CITY, "", [1, CITY, ""]),
        (PEOPLE, "1234567", [1, PEOPLE, "1,234,567"]),
        (COAST, "no", [1, COAST, "no", "i"]),
    ],
)
async def test_a_cell_is_sent_as_the_grid_shows_it(
    app: Application, table: int, open_page: Open, column: int, text: str, cell: list[Any]
) -> None:
    page = await open_page()

    await edit(app, table, text, column=column)

    assert (await page.next()).data["cells"] == [cell]


async def test_added_and_deleted_rows_are_named(app: Application, table: int, open_page: Open) -> None:
    page = await open_page()

    await db.of(app).write(editing.add_rows, EVE, table, [{CITY: "Molde"}, {CITY: "Bodø"}])
    await db.of(app).write(editing.delete_rows, ADA, table, [2, 4])
    await db.of(app).write(undo.undo_latest, ADA, table)

    assert (await page.next()).data == {"by": [2, "eve"], "added": [4, 5]}
    assert (await page.next()).data == {"by": [1, "ada"], "deleted": [2, 4]}
    assert sorted((await page.next()).data["added"]) == [2, 4]


async def test_a_large_set_is_announced_by_its_size_or_extent(app: Application, table: int, open_page: Open) -> None:
    page = await open_page()

    await db.of(app).write(editing.add_rows, EVE, table, [{CITY: str(number)} for number in range(1_001)])

    assert await page.next() == Message("message", 1, {"by": [2, "eve"], "count": 1_001})

    await db.of(app).write(editing.delete_rows, ADA, table, range(4, 1_005))
    assert (await page.next()).data == {"by": [1, "ada"], "extent": [4, 1_004]}


async def test_a_page_can_tell_its_own_change(app: Application, table: int, open_page: Open) -> None:
    page = await open_page()
    database = db.of(app)
    database.page = lambda: "page-of-eve"
    await edit(app, table, "Oslo S")
    database.page = lambda: None
    await edit(app, table, "Oslo")

    assert [(await page.next()).data.get("page") for _ in range(2)] == ["page-of-eve", None]


async def test_pages_are_not_told_what_was_not_committed(app: Application, table: int, open_page: Open) -> None:
    page = await open_page()

    async def fail(work: UnitOfWork) -> None:
        await editing.change_cells(work, EVE, table, [CellEdit(1, CITY, "Oslo", "never")])
        raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        await db.of(app).write(fail)
    await edit(app, table, "Oslo S")

    assert await page.next() == Message("message", 1, {"by": [2, "eve"], "cells": [[1, CITY, "Oslo S"]]})


async def test_a_change_that_no_event_told_of_is_found_all_the_same(
    app: Application, table: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process made it, or this one was stopped between the commit and the event."""
    monkeypatch.setattr(hub, "CHECK_EVERY", 0.05)
    page = await open_page()
    db.of(app).broker = InProcessBroker()
    await edit(app, table, "Oslo S")

    assert (await page.next()).id == 1


async def test_somebody_who_is_no_member_any_more_gets_nothing_further(
    app: Application, table: int, open_page: Open
) -> None:
    page, other = await open_page(EVE), await open_page()

    async def remove(work: UnitOfWork) -> None:
        await work.session.execute(delete(Member).where(Member.user_id == EVE.id))
        publish_access(work, table)

    await db.of(app).write(remove)
    await edit(app, table, "for Ada alone", who=ADA)

    assert await page.rest() == [Message("access", None, {"role": "none"})]
    assert (await other.next()).id == 1


@pytest.mark.parametrize("ends", ["signed out", "deactivated", "no member", "no event"])
async def test_a_silent_stream_ends_when_its_reader_may_not_see_the_table_any_more(
    app: Application, table: int, open_page: Open, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(hub, "CHECK_EVERY", 0.05)
    page = await open_page(EVE)

    async def end(work: UnitOfWork) -> None:
        if ends == "signed out":
            await Session.revoke(work, 2)
        elif ends == "deactivated":
            (await work.session.get_one(User, 2)).is_active = False
        else:
            await work.session.execute(delete(Member).where(Member.user_id == EVE.id))

    await db.of(app).write(end)

    assert await page.rest() == [Message("access", None, {"role": "none"})]


def test_rights_are_checked_often_enough_for_five_seconds() -> None:
    assert hub.CHECK_EVERY <= 2.5


async def test_somebody_whose_role_changes_is_told(app: Application, table: int, open_page: Open) -> None:
    page, other = await open_page(EVE), await open_page()

    async def change(work: UnitOfWork) -> None:
        (await work.session.get_one(Member, (table, EVE.id))).role = "viewer"
        publish_access(work, table)

    await db.of(app).write(change)

    assert await page.next() == Message("access", None, {"role": "viewer"})
    await edit(app, table, "Oslo S", who=ADA)
    assert (await other.next()).event == "message"


async def test_the_pages_of_a_deleted_table_are_told_and_their_streams_end(
    app: Application, table: int, open_page: Open
) -> None:
    pages = [await open_page(), await open_page(EVE)]

    await db.of(app).write(delete_table, ADA, table)

    for page in pages:
        assert [message.event for message in await page.rest()] == ["deleted", "done"]


async def test_nothing_is_kept_once_nobody_watches(app: Application, table: int, open_page: Open) -> None:
    pages = [await open_page(), await open_page(EVE)]
    for page in pages:
        await page.stream.aclose()

    await ended(hubs.of(app))
    assert topic_of(table) not in broker.of(app)._topics
    assert hubs.of(app).find(("table", table)) is None


async def test_pages_are_told_who_else_is_here(
    app: Application, table: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "STIR", 0.01)
    page = await open_page()
    assert await page.people() == {"people": [[1, "ada", 0]], "others": 0, "places": []}

    other = await open_page(EVE)
    assert [person[1] for person in (await page.people())["people"]] == ["ada", "eve"]

    await other.stream.aclose()
    assert [person[1] for person in (await page.people())["people"]] == ["ada"]


async def test_a_stream_ends_when_the_server_drains(app: Application, table: int, open_page: Open) -> None:
    page = await open_page()

    broker.of(app).close()

    assert await page.rest() == []


async def test_one_who_signed_in_elsewhere_keeps_their_other_stream(
    app: Application, table: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "CHECK_EVERY", 0.05)

    async def add(work: UnitOfWork) -> None:
        work.session.add(Session(id=3, user_id=2, token_hash="f", agent="", address="", remembered=False))

    await db.of(app).write(add)
    ended, kept = await open_page(EVE), await open_page(replace(EVE, session_id=3))
    await db.of(app).write(Session.revoke, 2)

    assert await ended.rest() == [Message("access", None, {"role": "none"})]
    seq = await edit(app, table, "Oslo S")
    assert (await kept.next()).id == seq
