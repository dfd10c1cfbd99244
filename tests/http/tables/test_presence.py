"""Who is here: named while they have the table open, in a cell for half a minute."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_up
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.extensions import db
from webapp.live import hub
from webapp.live.hubs import hubs
from webapp.models import Actor
from webapp.tables.presence import MAX_PEOPLE, Person, Place, Presence
from webapp.tables.table_stream import table_watch
from webapp.web.application import Application

PAGE = {"X-Page": "a-page-of-ada"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def presence(clock: Clock) -> Presence:
    """Ada has two pages open, Eve one."""
    found = Presence(clock)
    for user_id, name in ((1, "ada"), (1, "ada"), (2, "eve")):
        found.came(user_id, name)
    found.renew()
    return found


def test_somebody_is_here_until_their_last_page_is_closed(presence: Presence) -> None:
    assert presence.people == [Person(1, "ada", False), Person(2, "eve", False)]
    presence.went(1)
    assert not presence.renew()
    presence.went(1)
    assert presence.renew()
    assert presence.people == [Person(2, "eve", False)]


def test_a_cell_is_somebodys_for_half_a_minute(presence: Presence, clock: Clock) -> None:
    presence.put(Place("page", 2, 5, 1, True))
    assert presence.renew()
    assert presence.places == [Place("page", 2, 5, 1, True)]
    assert presence.people[1] == Person(2, "eve", True)
    clock.now = 29.0
    assert not presence.renew()
    clock.now = 31.0
    assert presence.renew()
    assert (presence.places, presence.people[1]) == ([], Person(2, "eve", False))


def test_a_page_is_in_one_cell_and_leaves_it_with_its_person(presence: Presence) -> None:
    presence.put(Place("page", 2, 5, 1, False))
    presence.put(Place("page", 2, 6, 1, False))
    presence.renew()
    assert [place.row_id for place in presence.places] == [6]
    presence.went(2)
    presence.renew()
    assert presence.places == []


def test_who_has_not_the_table_open_is_nowhere_in_it(presence: Presence) -> None:
    presence.put(Place("page", 3, 5, 1, False))

    assert not presence.renew()


def test_many_people_are_counted(presence: Presence) -> None:
    for user_id in range(10, 110):
        presence.came(user_id, "somebody")
    presence.renew()

    assert (len(presence.people), presence.others) == (MAX_PEOPLE, 102 - MAX_PEOPLE)


@pytest.fixture
async def messages(
    app: Application, client: QuartClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The stream of table 1, which Ada has open."""
    monkeypatch.setattr(hub, "STIR", 0.01)
    await sign_up(client)
    table_id = add_table(settings.data_dir, PLANETS, PLANET_ROWS)
    actor = Actor(1, "ada@example.org", "ada", "owner", session_id=1)
    stream = hubs.of(app).messages(actor, table_watch(table_id, None, None, db.of(app)))
    await anext(stream)
    yield stream
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_cell_reaches_those_who_watch(client: QuartClient, messages: AsyncIterator[bytes]) -> None:
    form = {"row": "3", "column": "2", "edits": "1"}
    answer = await client.post("/tables/1/presence", form=form, headers=PAGE)

    assert answer.status_code == 204
    async with asyncio.timeout(10):
        async for message in messages:
            if b'"places":[["a-page-of-ada",1,3,2,1]]' in message:
                break


@pytest.mark.parametrize("form", [{"row": "x", "column": "2"}, {"row": "1"}, {}, {"row": "9" * 400, "column": "-1"}])
async def test_a_cell_that_cannot_be_is_ignored(
    app: Application, client: QuartClient, messages: AsyncIterator[bytes], form: dict[str, str]
) -> None:
    answer = await client.post("/tables/1/presence", form=form, headers=PAGE)

    assert answer.status_code == 204


async def test_a_page_without_a_proper_name_is_nowhere(
    app: Application, client: QuartClient, messages: AsyncIterator[bytes]
) -> None:
    for name in ("", "short", "<b>bold</b>", "x" * 65):
        answer = await client.post("/tables/1/presence", form={"row": "3", "column": "2"}, headers={"X-Page": name})
        assert answer.status_code == 204

    found = hubs.of(app).find(("table", 1))
    assert found is not None
    found.tick()
    assert found.subject.presence.places == []  # type: ignore[attr-defined]


async def test_the_table_of_a_stranger_is_not_there(client: QuartClient, messages: AsyncIterator[bytes]) -> None:
    assert (await client.post("/tables/99/presence", form={}, headers=PAGE)).status_code == 404
