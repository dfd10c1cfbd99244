"""Streams that the server's connection writes by itself, after their requests have ended (`webapp/web/outlets.py`)."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.people import Cookies, sign_up
from tests.live.table_events import TableEvents, change, cookie_of
from tests.servers import Server, wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table

Start = Callable[..., Server]
APP = "tests.live.apps:changing"
MAX_KIB = 30  # of the server's memory, for each open page


@pytest.fixture(scope="module")
def house(shared_server: Start) -> tuple[Server, Cookies]:
    running = shared_server(APP, streams_per_person="0", connections_per_address="2000")
    return running, sign_up(running)


@pytest.fixture
def table(house: tuple[Server, Cookies]) -> int:
    return add_table(house[0].data_dir, PLANETS, PLANET_ROWS)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes streams after the test."""
    with ExitStack() as stack:
        yield stack


def watch(opened: ExitStack, server: Server, cookies: Cookies, table: int, **headers: str) -> TableEvents:
    """A stream that has begun."""
    events = TableEvents(server, cookies, table, **headers)
    opened.callback(events.close)
    events.next("ping")
    return events


def delete(server: Server, cookies: Cookies, table: int) -> None:
    answer = server.ask(
        "POST",
        f"/tables/{table}/deletion",
        b"confirmation=Planets",
        Content_Type="application/x-www-form-urlencoded",
        Cookie=cookie_of(cookies),
        Sec_Fetch_Site="same-origin",
    )
    assert answer.status == 303


def logged(server: Server) -> list[dict[str, object]]:
    """The lines of the log about streams that have ended."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("path") == "/live"]


def test_an_open_page_takes_less_than_its_share_of_memory(
    house: tuple[Server, Cookies], table: int, opened: ExitStack
) -> None:
    server, ada = house
    for _ in range(50):
        watch(opened, server, ada, table)
    before = server.memory()

    for _ in range(400):
        watch(opened, server, ada, table)

    assert (server.memory() - before) / 400 < MAX_KIB * 1024


def test_a_change_reaches_all_of_more_pages_than_are_written_to_at_once(
    house: tuple[Server, Cookies], table: int, opened: ExitStack
) -> None:
    server, ada = house
    pages = [watch(opened, server, ada, table) for _ in range(300)]

    seqs = [
        change(server, ada, table, cells=[[1, 1, seen, text]]) for seen, text in (("Mercury", "first"), ("first", "2"))
    ]

    assert [page.ids(2) for page in pages] == [seqs] * 300


def test_a_connection_serves_further_requests_after_its_stream(
    house: tuple[Server, Cookies], table: int, opened: ExitStack
) -> None:
    server, ada = house
    page = watch(opened, server, ada, table, Connection="keep-alive")
    delete(server, ada, table)
    assert page.next("done")[0] == "done"

    page.wire.send_head("GET", "/up")

    assert b"200" in page.wire.read_until(b"up\n")


def test_the_log_has_one_line_for_a_stream_that_ends_and_one_for_one_that_is_left(
    server: Start, data_dir: Path
) -> None:
    running = server(APP)
    ada = sign_up(running)
    table = add_table(data_dir, PLANETS, PLANET_ROWS)
    with ExitStack() as opened:
        watch(opened, running, ada, table)
    wait_for(lambda: len(logged(running)) == 1)
    left = logged(running)[0]
    with ExitStack() as opened:
        ended = watch(opened, running, ada, table)
        delete(running, ada, table)
        ended.until_end()
    wait_for(lambda: len(logged(running)) == 2)
    whole = logged(running)[1]

    assert (left["status"], left["cut"], left["user"]) == (200, True, 1)
    assert "cut" not in whole
    assert left["request_id"] != whole["request_id"]
    assert 0 < int(str(left["sent"])) < int(str(whole["sent"]))


def test_a_person_who_leaves_a_page_may_open_another(server: Start, data_dir: Path) -> None:
    running = server(APP, streams_per_person="1")
    ada = sign_up(running)
    table = add_table(data_dir, PLANETS, PLANET_ROWS)
    with ExitStack() as opened:
        watch(opened, running, ada, table)
        assert running.get(f"/live?table={table}", Cookie=cookie_of(ada)).status == 429

    wait_for(lambda: any("cut" in line for line in logged(running)))
    with ExitStack() as opened:
        watch(opened, running, ada, table)


def test_a_stream_behind_a_trusted_proxy_is_live(server: Start, data_dir: Path) -> None:
    """The middleware for proxies copies all that it is given about a request."""
    first = server(APP)
    ada = sign_up(first)
    table = add_table(data_dir, PLANETS, PLANET_ROWS)
    first.stop()
    running = server(APP, trusted_proxies="1")
    with ExitStack() as opened:
        page = watch(opened, running, ada, table, X_Forwarded_For="192.0.2.7")
        seq = change(running, ada, table, cells=[[1, 1, "Mercury", "Vulcan"]])
        assert page.next()[1] == seq


def test_a_client_of_http_1_0_gets_messages_without_chunks(house: tuple[Server, Cookies], table: int) -> None:
    server, ada = house
    with server.connect() as wire:
        wire.send(f"GET /live?table={table} HTTP/1.0\r\nHost: localhost\r\nCookie: {cookie_of(ada)}\r\n\r\n".encode())
        head = wire.read_until(b"\r\n\r\n")
        change(server, ada, table, cells=[[1, 1, "Mercury", "Vulcan"]])
        rest = head.partition(b"\r\n\r\n")[2] + wire.read_until(b"Vulcan")

    assert b"transfer-encoding" not in head.lower()
    assert rest.startswith(b"retry: 1000\nid: ")
    assert b"\r" not in rest
