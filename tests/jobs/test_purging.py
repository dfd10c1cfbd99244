"""Deleting for good by a real server: what is killed goes on at the next start, and the disk is given back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.driver import Browser, kill, write_csv
from tests.servers import Server, wait_for

SLOW = "tests.jobs.apps:slow_purges"
MARK = b"a text that is nowhere else"

Start = Callable[..., Server]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_csv(tmp_path_factory.mktemp("purging") / "numbers.csv", 20_000)
    with path.open("ab") as csv:
        csv.write(b"20000," + MARK + b",x,1\r\n")
    return path


def move_to_trash(browser: Browser, table_id: int) -> None:
    assert browser.client.post(f"/tables/{table_id}/deletion").status_code == 303


def purge(browser: Browser, table_id: int, title: str = "numbers") -> None:
    form = {"confirmation": title}
    assert browser.client.post(f"/tables/trash/{table_id}/purge", data=form).status_code == 303


def table_of(browser: Browser, import_id: str) -> int:
    return int(browser.found(import_id)["table_id"])


def stored(browser: Browser) -> Iterator[bytes]:
    """The content of all files of the data folder."""
    for path in browser.database.parent.rglob("*"):
        if path.is_file() and path.name != "server.lock":
            yield path.read_bytes()


def is_stored_anywhere(browser: Browser, text: bytes) -> bool:
    return any(text in content for content in stored(browser))


def rows(browser: Browser, table_id: int) -> int:
    return int(browser.ask(f"SELECT count(*) AS n FROM t{table_id}")[0]["n"])


def is_gone(browser: Browser, table_id: int) -> bool:
    return not browser.ask("SELECT 1 FROM tables WHERE id = ?", table_id)


def test_what_is_deleted_for_good_is_nowhere_in_the_data_folder_which_shrinks(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(search_index_rows="1000")).sign_up()
    empty = browser.database.stat().st_size
    import_id = browser.import_whole(file)
    table_id = table_of(browser, import_id)
    wait_for(lambda: browser.ask("SELECT search_index FROM tables")[0][0] == "ready")
    cell = {"row": 20_001, "column": 3, "seen": "x", "text": MARK.decode() + " here"}
    assert browser.client.post(f"/tables/{table_id}/cells", json={"edits": [cell]}).status_code == 200
    assert is_stored_anywhere(browser, MARK)

    move_to_trash(browser, table_id)
    assert is_stored_anywhere(browser, MARK)
    purge(browser, table_id)

    wait_for(lambda: is_gone(browser, table_id) and not is_stored_anywhere(browser, MARK))
    assert browser.tables() == []
    assert not (browser.database.parent / "imports" / import_id).exists()
    wait_for(lambda: browser.database.stat().st_size < empty + 300_000)
    assert browser.ask("PRAGMA integrity_check")[0][0] == "ok"


def test_a_server_killed_while_it_deletes_for_good_does_the_rest_at_the_next_start(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(SLOW)).sign_up()
    table_id = table_of(browser, browser.import_whole(file))
    other = table_of(browser, browser.import_whole(file))
    move_to_trash(browser, table_id)
    purge(browser, table_id)
    wait_for(lambda: rows(browser, table_id) < 20_001)
    kill(browser.server.pid)
    browser.server.wait()
    left = rows(browser, table_id)
    assert 0 < left < 20_001
    assert not is_gone(browser, table_id)

    browser.visit(server())

    wait_for(lambda: is_gone(browser, table_id))
    assert browser.tables() == [f"t{other}"]
    assert rows(browser, other) == 20_001
    assert f"/tables/{table_id}" not in browser.client.get("/tables/trash").text
    assert browser.client.get(f"/tables/{table_id}").status_code == 404


def test_a_server_deletes_what_has_been_in_the_trash_for_too_long(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server("tests.jobs.apps:busy_schedule", trash_days="7")).sign_up()
    old, new = (table_of(browser, browser.import_whole(file)) for _ in range(2))
    for table_id in (old, new):
        move_to_trash(browser, table_id)
    browser.change("UPDATE tables SET deleted_at = '2026-01-01 00:00:00' WHERE id = ?", old)

    wait_for(lambda: is_gone(browser, old))
    assert not is_gone(browser, new)
    assert browser.client.post(f"/tables/trash/{new}/restoration").status_code == 303


def test_a_live_stream_of_a_table_ends_with_a_message_when_the_table_is_deleted(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server()).sign_up()
    table_id = table_of(browser, browser.import_whole(file))
    with browser.client.stream("GET", "/live", params={"table": table_id}) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        move_to_trash(browser, table_id)
        assert "event: deleted" in list(lines)
    assert browser.client.get("/live", params={"table": table_id}).status_code == 404


def test_a_server_killed_while_deleted_rows_leave_the_log_does_the_rest_at_the_next_start(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(SLOW)).sign_up()
    table_id = table_of(browser, browser.import_whole(file))
    seen = browser.ask(f"SELECT c2 FROM t{table_id} WHERE id = 7")[0]["c2"]
    for number in range(40):
        edit = {"row": 7, "column": 2, "seen": seen, "text": (seen := f"confidential {number}")}
        assert browser.client.post(f"/tables/{table_id}/cells", json={"edits": [edit]}).status_code == 200
    deleted = browser.client.post(f"/tables/{table_id}/rows/deletion", json={"ids": [7]}).json()["seq"]
    left = "SELECT count(*) AS n FROM changes WHERE row_id = 7"
    assert browser.client.post(f"/tables/{table_id}/trash/purge", data={"seq": deleted}).status_code == 303
    wait_for(lambda: browser.ask(left)[0]["n"] < 41)
    kill(browser.server.pid)
    browser.server.wait()
    assert 0 < browser.ask(left)[0]["n"] < 41
    assert browser.ask("SELECT seq FROM change_sets WHERE is_purging")[0]["seq"] == deleted

    browser.visit(server())

    wait_for(lambda: not is_stored_anywhere(browser, b"confidential "))
    assert browser.ask(left)[0]["n"] == 0
    assert browser.ask("SELECT seq FROM change_sets WHERE is_purging") == []
    assert "deleted for good" in browser.client.get(f"/tables/{table_id}/history/{deleted}").text
