"""A change of type in the background: whatever is killed, and whenever, the column ends with all of its texts."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.database import connect
from tests.jobs.driver import Browser, hold_children, is_running, kill, release_children, workers
from tests.jobs.test_survival import HELD, Start, kill_server
from tests.servers import wait_for
from tests.tables import add_table

ROWS = 30_000
TEXTS = [str(number) if number % 100 else "NA" for number in range(1, ROWS + 1)]


@pytest.fixture
def table(server: Start, browser: Browser) -> str:
    """The URL of a table whose first column has numbers as text."""
    browser.visit(server(HELD)).sign_up()
    data_dir = browser.database.parent
    return f"/tables/{add_table(data_dir, {'Number': 'text', 'Name': 'text'}, [(text, 'x') for text in TEXTS])}"


def begin(browser: Browser, table: str, type_: str = "integer") -> None:
    choice = json.dumps({"type": type_, "format": {}})
    answer = browser.client.post(f"{table}/columns/1/type", data={"type": choice})
    assert answer.status_code == 303, answer.text


def change(browser: Browser) -> dict[str, object]:
    return dict(browser.ask("SELECT * FROM type_changes ORDER BY id DESC LIMIT 1")[0])


def wait_until(browser: Browser, condition: Callable[[dict[str, object]], bool]) -> None:
    wait_for(lambda: condition(change(browser)))


def exported(browser: Browser, table: str) -> list[str]:
    answer = browser.client.get(f"{table}/export?format=csv&cols=1")
    return answer.text.splitlines()[1:]


def shown(browser: Browser, url: str) -> str:
    answer = browser.client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.text


def assert_is_integer(browser: Browser, table: str) -> None:
    wait_until(browser, lambda found: found["state"] != "running")
    assert (change(browser)["state"], change(browser)["rows_done"]) == ("done", ROWS)
    assert exported(browser, table) == TEXTS
    (column,) = browser.ask("SELECT type, keeps_texts, facts FROM columns WHERE number = 1")
    assert (column["type"], column["keeps_texts"]) == ("integer", 1)
    assert json.loads(column["facts"])["exceptions"] == ROWS // 100
    assert ">9 of 30,000 rows where" in shown(browser, f"{table}/count?f.1=gt:29990")


def test_a_server_killed_during_a_change_resumes_it_where_it_was(server: Start, browser: Browser, table: str) -> None:
    hold_children(browser, ROWS // 3)
    begin(browser, table)
    wait_until(browser, lambda found: int(str(found["rows_done"])) >= ROWS // 3)
    assert exported(browser, table) == TEXTS  # nobody reads what is half converted
    kill_server(browser.server)
    done = int(str(change(browser)["rows_done"]))
    release_children(browser)
    browser.visit(server(HELD))
    assert done >= ROWS // 3
    assert_is_integer(browser, table)


def test_a_child_that_is_killed_is_started_again(browser: Browser, table: str) -> None:
    hold_children(browser, ROWS // 3)
    begin(browser, table)
    wait_until(browser, lambda found: int(str(found["rows_done"])) >= ROWS // 3)
    (child,) = workers(browser.server.pid)
    kill(child)
    wait_for(lambda: not is_running(child))
    release_children(browser)
    assert_is_integer(browser, table)


def test_a_cancelled_change_leaves_the_column_as_it_was_and_ends_its_child(browser: Browser, table: str) -> None:
    hold_children(browser, ROWS // 3)
    begin(browser, table)
    wait_until(browser, lambda found: int(str(found["rows_done"])) >= ROWS // 3)
    assert browser.client.post(f"{table}/columns/1/type/cancellation").status_code == 303
    release_children(browser)
    wait_for(lambda: not workers(browser.server.pid))
    assert change(browser)["state"] == "cancelled"
    assert int(str(change(browser)["rows_done"])) < ROWS  # it did not go on to the end
    assert exported(browser, table) == TEXTS
    begin(browser, table)
    assert_is_integer(browser, table)


def test_a_table_that_is_deleted_during_a_change_ends_its_child(browser: Browser, table: str) -> None:
    hold_children(browser, ROWS // 3)
    begin(browser, table)
    wait_until(browser, lambda found: int(str(found["rows_done"])) >= ROWS // 3)
    assert browser.client.post(f"{table}/deletion", data={"confirmation": "Planets"}).status_code == 303
    release_children(browser)
    wait_for(lambda: not workers(browser.server.pid))
    assert change(browser)["state"] == "cancelled"
    assert int(str(change(browser)["rows_done"])) < ROWS  # it did not go on to the end
    assert "Traceback" not in browser.server.log.read_text()
    assert browser.client.get("/dashboard").status_code == 200


def test_rows_added_during_a_change_are_converted_too(browser: Browser, table: str) -> None:
    hold_children(browser, ROWS)
    begin(browser, table)
    wait_until(browser, lambda found: found["rows_done"] == ROWS)
    with closing(connect(Path(browser.database))) as connection:
        connection.execute(f"INSERT INTO t1 (id, c1, c2) VALUES ({ROWS + 1}, '7', 'y'), ({ROWS + 2}, 'x', 'y')")
    release_children(browser)
    wait_until(browser, lambda found: found["state"] == "done")
    assert exported(browser, table) == [*TEXTS, "7", "x"]
    assert ">1 of 30,000 rows where" in shown(browser, f"{table}/count?f.1=novalue&f.2=eq:y")


def edit(browser: Browser, table: str, *edits: tuple[int, str, str]) -> None:
    """Of the first column: the row, what it holds and what it is to hold, whatever that is."""
    sent = [{"row": row, "column": 1, "seen": seen, "text": text, "as_text": True} for row, seen, text in edits]
    answer = browser.client.post(f"{table}/cells", json={"edits": sent})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["saved"]) == len(edits)


@pytest.mark.parametrize("is_killed", [False, True])
def test_cells_edited_during_a_change_are_converted_too_even_if_the_server_is_killed(
    server: Start, browser: Browser, table: str, is_killed: bool
) -> None:
    hold_children(browser, ROWS // 3)
    begin(browser, table)
    wait_until(browser, lambda found: int(str(found["rows_done"])) >= ROWS // 3)
    edit(browser, table, (1, "1", "one"), (2, "2", "-22"), (ROWS, TEXTS[-1], "last"))
    assert browser.client.post(f"{table}/rows/deletion", json={"ids": [3]}).status_code == 200
    assert browser.client.post(f"{table}/undo", json={}).status_code == 200
    if is_killed:
        kill_server(browser.server)
    release_children(browser)
    if is_killed:
        browser.visit(server(HELD))
    wait_until(browser, lambda found: found["state"] != "running")
    assert change(browser)["state"] == "done"
    expected = ["one", "-22", *TEXTS[2:-1], "last"]
    assert exported(browser, table) == expected
    assert "1 " in browser.client.get(f"{table}/count?f.1=lt:0").text
    for step in ("undo", "redo"):
        assert browser.client.post(f"{table}/{step}", json={}).status_code == 200
        assert exported(browser, table) == expected
