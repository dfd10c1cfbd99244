"""Deleting for good by a real server: what is killed goes on at the next start, and the disk is given back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.database import FILE, broken, contents, size
from tests.jobs.driver import Browser, hold_children, kill, release_children, workers, write_csv
from tests.jobs.test_survival import HELD
from tests.large_changes import add_plan
from tests.servers import Server, wait_for
from tests.tables import add_table
from webapp.rowstore.entries import Entry, cells_to_json, unpack

SLOW = "tests.jobs.apps:slow_purges"
LARGE = 6_000  # rows: six parts of a large change
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
    """The content of the database, and of all other files of the data folder."""
    yield contents(browser.database.parent)
    for path in browser.database.parent.rglob("*"):
        if path.is_file() and path.name != "server.lock" and not path.name.startswith(FILE):
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
    empty = size(browser.database.parent)
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
    wait_for(lambda: size(browser.database.parent) < empty + 300_000)
    assert broken(browser.database) == []


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


def is_in_log(browser: Browser, text: str) -> bool:
    """Also compressed."""
    blobs = "SELECT blob FROM change_set_parts UNION ALL SELECT blob FROM large_change_parts"
    return any(text in str(unpack(blob)) for (blob,) in browser.ask(blobs))


def parts(browser: Browser, seq: int) -> int:
    return int(browser.ask("SELECT count(*) AS n FROM change_set_parts WHERE seq = ?", seq)[0]["n"])


def carry_out(browser: Browser, change_id: int) -> int:
    """Begin to apply a plan; return the number of its set once it is done."""
    assert browser.client.post(f"/tables/1/changes/{change_id}/start").status_code == 303
    wait_for(lambda: browser.ask("SELECT state FROM large_changes WHERE id = ?", change_id)[0][0] == "done")
    return int(browser.ask("SELECT seq FROM large_changes WHERE id = ?", change_id)[0][0])


def test_a_server_killed_while_it_purges_a_large_deletion_does_the_rest_at_the_next_start(
    server: Start, browser: Browser
) -> None:
    browser.visit(server(SLOW)).sign_up()
    data_dir, ids = browser.database.parent, range(1, LARGE + 1)
    table_id = add_table(data_dir, {"Name": "text"}, [("kept" if row % 1_000 == 0 else "x",) for row in ids])
    written = [Entry(row, 1, "x", f"confidential {row}") for row in ids if row % 1_000]
    gone = [Entry(entry.row_id, None, cells_to_json({1: entry.after or ""}), None) for entry in written]
    first = carry_out(browser, add_plan(data_dir, table_id, written))
    second = carry_out(browser, add_plan(data_dir, table_id, gone, kind="rows.delete"))
    assert rows(browser, table_id) == LARGE // 1_000
    whole = parts(browser, second)
    assert browser.client.post(f"/tables/{table_id}/trash/purge", data={"seq": second}).status_code == 303
    wait_for(lambda: parts(browser, second) < whole)

    kill(browser.server.pid)
    browser.server.wait()
    assert 0 < parts(browser, second) < whole
    assert is_in_log(browser, "confidential")
    assert browser.ask("SELECT seq FROM change_sets WHERE is_purging")[0]["seq"] == second

    browser.visit(server())

    wait_for(lambda: browser.ask("SELECT seq FROM change_sets WHERE is_purging") == [])
    assert (parts(browser, first), parts(browser, second)) == (0, 0)
    assert not is_in_log(browser, "confidential")
    wait_for(lambda: not is_stored_anywhere(browser, b"confidential "))
    assert rows(browser, table_id) == LARGE // 1_000
    assert broken(browser.database) == []
    assert "deleted for good" in browser.client.get(f"/tables/{table_id}/history/{second}").text


def test_a_table_is_purged_while_a_large_change_of_it_is_taken_back(server: Start, browser: Browser) -> None:
    browser.visit(server(HELD)).sign_up()
    data_dir = browser.database.parent
    table_id = add_table(data_dir, {"Name": "text"}, [("confidential",)] * LARGE)
    change_id = add_plan(
        data_dir,
        table_id,
        [Entry(row, None, cells_to_json({1: "confidential"}), None) for row in range(1, LARGE + 1)],
        kind="rows.delete",
    )
    hold_children(browser, 3, "apply")
    assert browser.client.post(f"/tables/{table_id}/changes/{change_id}/start").status_code == 303
    wait_for(lambda: browser.ask("SELECT parts_done FROM large_changes")[0][0] >= 3)
    move_to_trash(browser, table_id)
    hold_children(browser, 1, "revert")
    wait_for(lambda: browser.ask("SELECT parts_done FROM large_changes")[0][0] == 2)
    purge(browser, table_id, "Planets")
    wait_for(lambda: is_gone(browser, table_id))
    release_children(browser)
    wait_for(lambda: not workers(browser.server.pid))
    assert browser.tables() == []
    assert browser.ask("SELECT count(*) FROM change_set_parts")[0][0] == 0
    assert browser.ask("SELECT count(*) FROM large_change_parts")[0][0] == 0
    wait_for(lambda: not is_stored_anywhere(browser, b"confidential"))
    assert "Traceback" not in browser.server.log.read_text()
