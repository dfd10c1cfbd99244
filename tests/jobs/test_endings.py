"""Imports that do not end in a table: cancelled at any point, or failed with a readable reason."""

import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.apps import PAUSES
from tests.jobs.driver import Browser, hold_children, is_running, workers, write_csv
from tests.servers import Server, wait_for

Start = Callable[..., Server]
HELD = "tests.jobs.apps:held_children"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("endings") / "numbers.csv", 150_000)


def assert_nothing_is_left(browser: Browser, import_id: str) -> None:
    assert browser.tables() == []
    assert browser.ask("SELECT count(*) AS n FROM tables")[0]["n"] == 0
    wait_for(lambda: not (browser.database.parent / "imports" / import_id).exists())
    wait_for(lambda: not workers(browser.server.pid))


def test_an_import_can_be_cancelled_while_its_file_is_read(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(HELD)).sign_up()
    hold_children(browser)
    import_id = browser.upload(file)
    wait_for(lambda: workers(browser.server.pid))
    (child,) = workers(browser.server.pid)
    assert browser.post(import_id, "cancellation").status_code == 303
    assert browser.state(import_id) == "cancelled"
    wait_for(lambda: not is_running(child))
    assert_nothing_is_left(browser, import_id)
    assert "cancelled" in browser.page(import_id)


def test_an_import_can_be_cancelled_at_the_preview_and_while_it_loads(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(HELD)).sign_up()
    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    assert browser.post(import_id, "cancellation").status_code == 303
    assert browser.state(import_id) == "cancelled"
    assert_nothing_is_left(browser, import_id)

    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    hold_children(browser)
    browser.post(import_id, "start")
    wait_for(lambda: browser.found(import_id)["rows_done"] > 0)
    table_id = browser.found(import_id)["table_id"]
    assert browser.client.get(f"/tables/{table_id}").status_code == 200  # what is there can be viewed
    assert browser.post(import_id, "cancellation").status_code == 303
    assert browser.state(import_id) == "cancelled"
    assert_nothing_is_left(browser, import_id)
    assert browser.post(import_id, "start").status_code == 422
    assert browser.state(import_id) == "cancelled"


def test_an_import_whose_upload_is_missing_fails_with_a_reason(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server()).sign_up()
    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    (browser.database.parent / "imports" / import_id / "original").unlink()
    browser.post(import_id, "start")
    browser.wait_until(import_id, "failed")
    assert "no longer on the server" in browser.found(import_id)["failure"]
    assert browser.tables() == []
    assert "no longer on the server" in browser.page(import_id)


def test_a_corrupt_workbook_fails_with_a_reason(server: Start, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "broken.xlsx"
    path.write_bytes(b"PK\x03\x04 this is no workbook" * 100)
    browser.visit(server()).sign_up()
    import_id = browser.upload(path)
    browser.wait_until(import_id, "failed")
    failure = browser.found(import_id)["failure"]
    assert failure.endswith(".")
    assert "went wrong" not in failure
    assert_nothing_is_left(browser, import_id)


@pytest.mark.sqlite  # the limit of its file stands for a full disk, which a server has of its own
def test_a_full_disk_fails_the_import_which_is_recorded_once_there_is_room(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server()).sign_up()
    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    folder = browser.database.parent / "imports" / import_id
    limit = 3 * 1024 * 1024  # maximum bytes of any file; the server's children inherit it
    before = resource.prlimit(browser.server.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    browser.post(import_id, "start")
    wait_for(lambda: browser.state(import_id) == "failed" or not folder.exists())
    resource.prlimit(browser.server.pid, resource.RLIMIT_FSIZE, before)
    browser.wait_until(import_id, "failed")
    assert "disk is full" in browser.found(import_id)["failure"]
    assert browser.tables() == []


@pytest.mark.sqlite  # the limit of its file stands for a full disk, which a server has of its own
def test_a_failure_that_cannot_be_recorded_for_a_long_time_is_recorded_once_there_is_room(
    server: Start, browser: Browser, file: Path, tmp_path: Path
) -> None:
    """The attempts to record it are over long before there is room."""
    browser.visit(server("tests.jobs.apps:impatient", import_workers="1")).sign_up()
    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    pid = browser.server.pid
    with closing(sqlite3.connect(browser.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM imports").fetchone()  # so that every write makes the write-ahead log longer
        before = limit_files(pid, 2 * 1024 * 1024)
        browser.post(import_id, "start")
        wait_for(lambda: workers(pid))
        (child,) = workers(pid)
        os.kill(child, signal.SIGSTOP)
        limit_files(pid, 1024 * 1024)  # less than the child, which goes on until its own limit
        os.kill(child, signal.SIGCONT)
        wait_for(lambda: browser.server.log.read_text().count("could not be saved") > len(PAUSES) + 2)
        assert browser.state(import_id) == "loading"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    browser.wait_until(import_id, "failed")
    assert "disk is full" in browser.found(import_id)["failure"]
    assert_nothing_is_left(browser, import_id)
    browser.import_whole(write_csv(tmp_path / "small.csv", 10))


def limit_files(pid: int, size: int) -> tuple[int, int]:
    """Maximum bytes of any file the process and its future children write; return the limits before."""
    return resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_the_next_import_works_after_one_that_failed(server: Start, browser: Browser, tmp_path: Path) -> None:
    browser.visit(server()).sign_up()
    stranger = tmp_path / "letter.csv"
    stranger.write_bytes(b"%PDF-1.7 and more")
    browser.wait_until(browser.upload(stranger), "failed")
    browser.import_whole(write_csv(tmp_path / "small.csv", 10))
