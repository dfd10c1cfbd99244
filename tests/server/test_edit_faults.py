"""A server that is killed or stopped while a table is changed: the change is made or not, never in part, and what was
sent again is made once.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.browser.people import Cookies, sign_up
from tests.live.table_events import TableEvents, cookie_of
from tests.servers import Answer, Server, wait_for
from tests.tables import add_table

Start = Callable[..., Server]

DYING, HELD = "tests.server.edit_faults:dying", "tests.server.edit_faults:held_paste"
COLUMNS = {name: "text" for name in "ABCD"}
ROWS = [("a", "b", "c", "d")] * 2_500
BLOCK = [[f"pasted {row} {column}" for column in range(4)] for row in range(len(ROWS))]
PASTE = {"values": BLOCK, "rows": list(range(1, len(ROWS) + 1)), "columns": [1, 2, 3, 4]}
EDIT = {"edits": [{"row": 7, "column": 2, "seen": "b", "text": "B"}]}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


class Sheet:
    """A table of Ada's with 10,000 cells, on whichever server runs."""

    def __init__(self, server: Server) -> None:
        self.cookies: Cookies = sign_up(server)
        self.id = add_table(server.data_dir, COLUMNS, ROWS)

    def send(self, server: Server, path: str, body: Any) -> Answer | None:
        """None if no whole answer came. It has the same key each time."""
        given = {"Cookie": cookie_of(self.cookies), "Sec_Fetch_Site": "same-origin", "Idempotency_Key": "once"}
        with suppress(OSError, IndexError):
            answer = server.ask(
                "POST",
                f"/tables/{self.id}/{path}",
                json.dumps(body).encode(),
                Content_Type="application/json",
                **given,
            )
            return answer if answer.is_whole and answer.status else None
        return None

    def cells(self, server: Server) -> list[list[str]]:
        answer = server.get(f"/tables/{self.id}/export?format=csv", Cookie=cookie_of(self.cookies))
        assert answer.status == 200
        return [line.split(",") for line in answer.body.decode().splitlines()[1:]]

    def events(self, server: Server, after: int) -> TableEvents:
        return TableEvents(server, self.cookies, self.id, Last_Event_ID=str(after))


def test_a_change_that_nobody_was_told_of_is_there_after_the_kill_and_in_every_stream(
    server: Start, data_dir: Path
) -> None:
    """Between the commit and what is published about it."""
    first = server(DYING)
    sheet = Sheet(first)
    before = sheet.events(first, 0)
    (data_dir / "die-committed").touch()

    assert sheet.send(first, "cells", EDIT) is None
    first.wait()
    (data_dir / "die-committed").unlink()
    assert "message" not in before.until_end()
    before.close()
    second = server()
    events = sheet.events(second, before.last_id or 0)
    again = sheet.send(second, "cells", EDIT)

    assert events.next()[1:] == (1, {"by": [1, "ada"], "cells": [[7, 2, "B"]]})
    assert again is not None
    assert json.loads(again.body)["seq"] is None
    assert json.loads(again.body)["saved"] == [[7, 2, "B"]]
    undone = sheet.send(second, "undo", {})
    assert undone is not None
    assert events.next()[1] == json.loads(undone.body)["seq"] == 2
    assert sheet.cells(second) == [list(row) for row in ROWS]
    events.close()


def test_a_paste_that_is_killed_before_its_commit_leaves_nothing_and_is_made_when_sent_again(
    server: Start, data_dir: Path
) -> None:
    first = server(DYING)
    sheet = Sheet(first)
    (data_dir / "die-recorded").touch()

    assert sheet.send(first, "paste", PASTE) is None
    first.wait()
    (data_dir / "die-recorded").unlink()
    second = server()

    assert sheet.cells(second) == [list(row) for row in ROWS]
    again = sheet.send(second, "paste", PASTE)
    assert again is not None
    assert json.loads(again.body)["seq"] == 1
    assert sheet.cells(second) == BLOCK


def test_a_paste_that_was_committed_when_the_server_was_killed_is_made_once(server: Start, data_dir: Path) -> None:
    first = server(DYING)
    sheet = Sheet(first)
    (data_dir / "die-committed").touch()

    assert sheet.send(first, "paste", PASTE) is None
    first.wait()
    (data_dir / "die-committed").unlink()
    second = server()
    again = sheet.send(second, "paste", PASTE)

    assert again is not None
    answer = json.loads(again.body)
    assert (answer["seq"], answer["is_repeat"], len(answer["saved"])) == (1, True, 10_000)
    undone = sheet.send(second, "undo", {})
    assert undone is not None
    assert json.loads(undone.body)["seq"] == 2
    assert sheet.cells(second) == [list(row) for row in ROWS]


def begin_paste(sheet: Sheet, server: Server, pool: ThreadPoolExecutor) -> "Future[Answer | None]":
    """Until all of it is in the transaction."""
    sent = pool.submit(sheet.send, server, "paste", PASTE)
    wait_for((server.data_dir / "recorded").exists)
    return sent


def is_stopping(server: Server) -> bool:
    """Whether it accepts no connections any more."""
    try:
        server.connect().close()
    except OSError:
        return True
    return False


def test_a_server_that_is_stopped_during_a_paste_finishes_and_answers_it(
    server: Start, data_dir: Path, pool: ThreadPoolExecutor
) -> None:
    first = server(HELD, graceful_timeout="10")
    sheet = Sheet(first)
    sent = begin_paste(sheet, first, pool)

    first.terminate()
    wait_for(lambda: is_stopping(first))
    (data_dir / "go").touch()
    answer = sent.result()

    assert answer is not None
    assert (answer.status, json.loads(answer.body)["message"]) == (200, "10,000 cells saved")
    assert first.wait() == 0
    assert sheet.cells(server()) == BLOCK


def test_a_paste_that_outlasts_a_stopping_server_s_patience_is_made_once(
    server: Start, data_dir: Path, pool: ThreadPoolExecutor
) -> None:
    """The client is told to come again. Whether the transaction was still committed or not, the paste is there once."""
    first = server(HELD, graceful_timeout="1")
    sheet = Sheet(first)
    sent = begin_paste(sheet, first, pool)

    first.terminate()
    answer = sent.result()
    (data_dir / "go").touch()
    first.wait()
    second = server()
    again = sheet.send(second, "paste", PASTE)

    assert answer is not None
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert again is not None
    assert json.loads(again.body)["seq"] == 1
    assert sheet.cells(second) == BLOCK
