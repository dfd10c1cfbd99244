"""The streams of tables on a real server: across a restart, for slow readers, and when a right ends."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.people import Cookies, settle, sign_up
from tests.helpers import Person
from tests.live.table_events import TableEvents, add_member, change, cookie_of, execute
from tests.servers import Server, wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.live import hub

Start = Callable[..., Server]
Watch = Callable[..., TableEvents]
APP = "tests.live.apps:changing"
EVE = Person("eve@example.org")
WITHIN = 5.0  # seconds in which a stream ends
BUSY = 4  # as many times longer a busy machine may take


@pytest.fixture(scope="module")
def house(shared_server: Start) -> tuple[Server, Cookies, Cookies]:
    """Ada's, and Eve in it."""
    running = shared_server(APP)
    ada = sign_up(running)
    return running, ada, settle(running, EVE)


@pytest.fixture
def table(house: tuple[Server, Cookies, Cookies]) -> int:
    table_id = add_table(house[0].data_dir, PLANETS, PLANET_ROWS)
    add_member(house[0], table_id, EVE.email)
    return table_id


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Opens streams, which are closed after the test."""
    opened: list[TableEvents] = []

    def open_stream(*args: Any, **headers: str) -> TableEvents:
        opened.append(TableEvents(*args, **headers))
        return opened[-1]

    yield open_stream
    for events in opened:
        events.close()


@pytest.fixture
def eve(house: tuple[Server, Cookies, Cookies], table: int, watch: Watch) -> TableEvents:
    """Her stream, of which the first message has come."""
    events = watch(house[0], house[2], table)
    events.next("ping")
    return events


def rename(server: Server, cookies: Cookies, table: int, count: int, start: int = 0) -> None:
    """Change the same cell so many times."""
    for number in range(start, start + count):
        seen = f"planet {number - 1}" if number else "Mercury"
        change(server, cookies, table, cells=[[1, 1, seen, f"planet {number}"]])


def test_a_change_of_one_reaches_another(house: tuple[Server, Cookies, Cookies], table: int, eve: TableEvents) -> None:
    server, ada, _ = house

    change(server, ada, table, cells=[[3, 2, "1", "2"]])

    assert eve.next() == ("message", 1, {"by": [1, "ada"], "cells": [[3, 2, "2"]]})


def test_a_stream_goes_on_where_it_was_after_the_server_was_killed(server: Start, data_dir: Path, watch: Watch) -> None:
    first = server(APP)
    ada = sign_up(first)
    table = add_table(data_dir, PLANETS, PLANET_ROWS)
    events = watch(first, ada, table)
    events.next("ping")
    rename(first, ada, table, 5)
    assert events.ids(3) == [1, 2, 3]
    first.process.kill()
    first.wait()

    second = server(APP)
    rename(second, ada, table, 2, start=5)
    resumed = watch(second, ada, table, Last_Event_ID=str(events.last_id))
    rename(second, ada, table, 2, start=7)

    assert resumed.ids(6) == [4, 5, 6, 7, 8, 9]


def test_what_a_browser_got_last_goes_before_the_address(house: tuple[Server, Cookies, Cookies], table: int) -> None:
    server, ada, _ = house
    rename(server, ada, table, 4)
    with server.connect() as wire:
        wire.send_head("GET", f"/live?table={table}&after=0", Cookie=cookie_of(ada), Last_Event_ID="3")
        assert b"planet 2" not in wire.read_until(b"planet 3")


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 40, "1.5", "\u0663"])
def test_a_cursor_that_is_none_is_as_good_as_none(
    house: tuple[Server, Cookies, Cookies], table: int, after: str, watch: Watch
) -> None:
    server, ada, _ = house
    events = watch(server, ada, table, Last_Event_ID=after.encode().decode("latin1"))
    events.next("ping")  # it begins with what there is now
    change(server, ada, table, cells=[[3, 2, "1", "2"]])

    assert events.next()[1] == 1


@pytest.mark.parametrize(
    "ends",
    [
        "UPDATE sessions SET revoked_at = '2026-11-22 12:00:00' WHERE user_id = 2",
        "UPDATE users SET is_active = false WHERE id = 2",
        "DELETE FROM table_members WHERE user_id = 2",
    ],
)
def test_a_stream_ends_in_time_when_its_right_does(server: Start, data_dir: Path, ends: str, watch: Watch) -> None:
    """Even if another process has ended it, and no event tells."""
    running = server(APP)
    sign_up(running)
    cookies = settle(running, EVE)
    table = add_table(data_dir, PLANETS, PLANET_ROWS)
    add_member(running, table, EVE.email)
    events = watch(running, cookies, table)
    events.next("ping")

    execute(running, ends)
    ended_at = time.monotonic()
    names = events.until_end()

    assert events.has_ended
    assert names[-1] == "access"
    assert time.monotonic() - ended_at < BUSY * WITHIN


def test_signing_out_ends_the_stream(server: Start, data_dir: Path, watch: Watch) -> None:
    running = server(APP)
    ada = sign_up(running)
    events = watch(running, ada, add_table(data_dir, PLANETS, PLANET_ROWS))
    events.next("ping")

    began = time.monotonic()
    running.ask("POST", "/logout", Cookie=cookie_of(ada), Sec_Fetch_Site="same-origin")
    events.until_end()

    assert time.monotonic() - began < BUSY * WITHIN


def test_the_streams_of_a_deleted_table_are_told_and_end(
    house: tuple[Server, Cookies, Cookies], table: int, eve: TableEvents
) -> None:
    server, ada, _ = house

    answer = server.ask(
        "POST",
        f"/tables/{table}/deletion",
        b"confirmation=Planets",
        Content_Type="application/x-www-form-urlencoded",
        Cookie=cookie_of(ada),
        Sec_Fetch_Site="same-origin",
    )

    assert answer.status == 303
    assert eve.until_end()[-2:] == ["deleted", "done"]


def test_a_reader_that_does_not_read_is_told_to_refresh_and_holds_nobody_up(
    server: Start, data_dir: Path, watch: Watch
) -> None:
    """What it does not read is not kept for it: the server stays as small as it was."""
    running = server(APP)
    ada = sign_up(running)
    table = add_table(data_dir, {"Text": "text"}, [[""]] * 400)
    slow, quick = watch(running, ada, table), watch(running, ada, table)
    for events in (slow, quick):
        events.next("ping")
    before = running.memory()

    text = "x" * 900
    for turn in range(60):  # of 360 kB each, far more than the network takes in
        seen = text + str(turn - 1) if turn else ""
        change(running, ada, table, cells=[[row, 1, seen, text + str(turn)] for row in range(1, 401)])
        assert quick.next("message", "refresh")[1] == turn + 1

    assert running.memory() - before < 60_000_000
    seen_ids = []
    while (found := slow.next("message", "refresh"))[1] != 60:
        seen_ids.append(found[1])
    assert found[0] == "refresh"
    assert seen_ids == list(range(1, len(seen_ids) + 1))
    change(running, ada, table, cells=[[1, 1, text + "59", "after"]])
    assert slow.next()[1] == 61


def test_strangers_and_others_get_no_stream(house: tuple[Server, Cookies, Cookies], table: int) -> None:
    server, _, eve = house
    other = add_table(server.data_dir, PLANETS, PLANET_ROWS)

    assert server.get(f"/live?table={table}").status == 303
    assert server.get(f"/live?table={other}", Cookie=cookie_of(eve)).status == 404
    assert server.get("/live?table=x", Cookie=cookie_of(eve)).status == 404
    assert server.get(f"/live?table={table}&cols=99", Cookie=cookie_of(eve)).status == 422


def test_a_table_that_nobody_watches_any_more_takes_nothing(
    house: tuple[Server, Cookies, Cookies], table: int, watch: Watch
) -> None:
    server, ada, _ = house
    before = server.sockets()
    many = [watch(server, ada, table) for _ in range(20)]
    for events in many:
        events.close()

    wait_for(lambda: server.sockets() <= before)
    assert hub.CHECK_EVERY < WITHIN / 2
