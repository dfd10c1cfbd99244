"""Pass 2 while somebody reads the preview: the table is there when they decide; nothing, if they decide otherwise."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.driver import (
    Browser,
    assert_same_rows,
    hold_children,
    is_running,
    kill,
    release_children,
    workers,
    write_csv,
)
from tests.servers import Server, wait_for

ROWS = 30_000
DRAFTING = "tests.jobs.apps:drafting"

Start = Callable[..., Server]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("drafts") / "numbers.csv", ROWS)


def preview(browser: Browser, file: Path, rows: int) -> str:
    """Until the draft has at least so many rows."""
    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    wait_for(lambda: sum(browser.drafts().values()) >= rows)
    return import_id


def drop_everything(browser: Browser) -> bool:
    return not browser.tables() and not workers(browser.server.pid)


def test_rows_that_were_loaded_while_the_preview_was_read_are_the_tables_at_once(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    import_id = preview(browser, file, ROWS)
    wait_for(lambda: not workers(browser.server.pid))
    hold_children(browser, 0, "load")  # nothing is left to be loaded
    browser.post(import_id, "start")
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)
    assert browser.drafts() == {}


def test_nobody_sees_rows_before_import_is_pressed(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    preview(browser, file, ROWS)
    assert browser.ask("SELECT * FROM tables") == []
    assert browser.client.get("/tables/1").status_code == 404
    assert "/tables/1" not in browser.client.get("/dashboard").text


def test_a_table_is_the_same_whether_its_rows_were_loaded_before_or_after(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    hold_children(browser, 0, "draft")
    first = browser.upload(file)
    browser.wait_until(first, "ready")
    browser.post(first, "start")
    browser.wait_until(first, "done")
    release_children(browser)
    second = preview(browser, file, ROWS)
    browser.post(second, "start")
    browser.wait_until(second, "done")
    found = [browser.found(import_id)["table_id"] for import_id in (first, second)]
    counts, columns = (
        [[tuple(row) for row in browser.ask(sql, table_id)] for table_id in found]
        for sql in (
            "SELECT row_count, next_row_id, state, title FROM tables WHERE id = ?",
            "SELECT number, position, title, type, format, storage FROM columns WHERE table_id = ? ORDER BY number",
        )
    )
    stored = [[tuple(row) for row in browser.ask(f"SELECT * FROM t{table_id} ORDER BY id")] for table_id in found]
    for before, after in (counts, columns, stored):
        assert before == after
    exports = [browser.client.get(f"/tables/{table_id}/export").content for table_id in found]
    assert exports[0] == exports[1]


def test_import_is_pressed_while_rows_are_being_loaded(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    hold_children(browser, ROWS // 3, "draft")
    import_id = preview(browser, file, ROWS // 3)
    assert sum(browser.drafts().values()) < ROWS
    browser.post(import_id, "start")
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)
    assert browser.drafts() == {}


def test_another_type_for_a_column_loads_the_rows_anew(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    import_id = preview(browser, file, ROWS)
    (before,) = browser.drafts()
    assert browser.post(import_id, "", **{"columns-0-type": "text"}).status_code == 303
    column = json.loads(browser.found(import_id)["inspection"])["columns"][0]
    assert column["type"] == "text"
    wait_for(lambda: before not in browser.drafts() and sum(browser.drafts().values()) == ROWS)
    browser.post(import_id, "start")
    browser.wait_until(import_id, "done")
    table_id = browser.found(import_id)["table_id"]
    assert isinstance(browser.ask(f"SELECT min(c1) FROM t{table_id}")[0][0], str)
    assert_same_rows(browser, import_id, file)


def test_what_is_changed_with_the_decision_itself_is_loaded_after_it(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    import_id = preview(browser, file, ROWS)
    browser.post(import_id, "start", **{"columns-0-skip": "on", "columns-1-title": "renamed"})
    browser.wait_until(import_id, "done")
    table_id = browser.found(import_id)["table_id"]
    assert browser.ask(f"SELECT count(*) FROM t{table_id}")[0][0] == ROWS
    titles = browser.ask("SELECT title FROM columns WHERE table_id = ? ORDER BY position", table_id)
    assert [row[0] for row in titles] == ["renamed", "remark", "amount"]
    wait_for(lambda: not browser.drafts())


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_cancelled_import_leaves_no_rows(server: Start, browser: Browser, file: Path, is_complete: bool) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    if not is_complete:
        hold_children(browser, ROWS // 3, "draft")
    import_id = preview(browser, file, ROWS if is_complete else ROWS // 3)
    browser.post(import_id, "cancellation")
    wait_for(lambda: drop_everything(browser))
    wait_for(lambda: not (browser.database.parent / "imports" / import_id).exists())


def test_a_dismissed_preview_leaves_no_rows(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    import_id = preview(browser, file, ROWS)
    browser.client.post("/tables/imports/dismissal", data={"id": import_id})
    wait_for(lambda: drop_everything(browser))


def test_rows_of_somebody_who_has_left_go_and_the_preview_stays(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    import_id = preview(browser, file, ROWS)
    inspection = browser.database.parent / "imports" / import_id / "inspection.json"
    os.utime(inspection, (time.time() - 3600,) * 2)
    wait_for(lambda: drop_everything(browser))
    browser.post(import_id, "start")
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)


def test_rows_whose_import_is_gone_go_too(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    import_id = preview(browser, file, ROWS)
    browser.change("DELETE FROM imports WHERE id = ?", import_id)
    wait_for(lambda: drop_everything(browser))


def test_what_an_interrupted_removal_has_left_goes(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    browser.change("CREATE TABLE discarded_0123456789abcdef (id INTEGER PRIMARY KEY)")
    wait_for(lambda: not browser.tables())


def test_a_person_has_the_rows_of_one_preview(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    first = preview(browser, file, ROWS)
    second = browser.upload(file)
    wait_for(lambda: [name.split("_")[1] for name in browser.drafts()] == [second])
    for import_id in (first, second):
        browser.post(import_id, "start")
        browser.wait_until(import_id, "done")
        assert_same_rows(browser, import_id, file)


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_server_that_ends_while_rows_are_loaded_leaves_some_that_are_right(
    server: Start, browser: Browser, file: Path, is_killed: bool
) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    hold_children(browser, ROWS // 3, "draft")
    import_id = preview(browser, file, ROWS // 3)
    left = workers(browser.server.pid)
    if is_killed:
        kill(browser.server.pid)
        browser.server.wait()
    else:
        browser.server.terminate()
        assert browser.server.wait(8) == 0
    wait_for(lambda: not any(map(is_running, left)))
    release_children(browser)
    browser.visit(server(DRAFTING))
    assert ROWS // 3 <= sum(browser.drafts().values()) < ROWS
    browser.post(import_id, "start")
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)
    assert browser.drafts() == {}


def test_a_child_that_is_killed_while_rows_are_loaded_costs_only_time(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(DRAFTING)).sign_up()
    hold_children(browser, ROWS // 3, "draft")
    import_id = preview(browser, file, ROWS // 3)
    kill(workers(browser.server.pid)[0])
    wait_for(lambda: not workers(browser.server.pid))
    assert browser.state(import_id) == "ready"
    browser.post(import_id, "start")
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)
