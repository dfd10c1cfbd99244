"""Whatever is killed, and whenever: an import ends with exactly the rows of its file."""

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

ROWS = 120_000
HELD = "tests.jobs.apps:held_children"

Start = Callable[..., Server]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("survival") / "numbers.csv", ROWS)


def kill_server(server: Server) -> None:
    """And check that no child process continues its work."""
    left = workers(server.pid)
    kill(server.pid)
    server.wait()
    wait_for(lambda: not any(map(is_running, left)))


def test_a_server_killed_during_a_pass_resumes_it_when_started_again(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(HELD)).sign_up()
    hold_children(browser)
    import_id = browser.upload(file)
    kill_server(browser.server)  # before pass 1 has started, or just then
    browser.visit(server(HELD))
    wait_for(lambda: workers(browser.server.pid))
    kill_server(browser.server)  # in pass 1
    release_children(browser)
    browser.visit(server(HELD))
    browser.wait_until(import_id, "ready")
    shares = (0.0, 0.2, 0.6)
    hold_children(browser, int(shares[0] * ROWS))
    assert browser.post(import_id, "start").status_code == 303
    for share in shares:
        hold_children(browser, int(share * ROWS))
        wait_for(lambda enough=share * ROWS: browser.found(import_id)["rows_done"] >= enough)
        kill_server(browser.server)
        browser.visit(server(HELD))
    release_children(browser)
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)


def test_a_child_that_is_killed_is_started_again_by_the_server(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(HELD)).sign_up()
    hold_children(browser)
    import_id = browser.upload(file)
    wait_for(lambda: workers(browser.server.pid))
    kill(workers(browser.server.pid)[0])
    release_children(browser)
    browser.wait_until(import_id, "ready")
    hold_children(browser, ROWS // 3)
    browser.post(import_id, "start")
    wait_for(lambda: browser.found(import_id)["rows_done"] >= ROWS // 3)
    kill(workers(browser.server.pid)[0])
    release_children(browser)
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)


@pytest.mark.parametrize("in_pass", [1, 2])
def test_a_child_that_is_killed_every_time_fails_its_import_with_a_reason(
    server: Start, browser: Browser, file: Path, in_pass: int
) -> None:
    browser.visit(server(HELD)).sign_up()
    if in_pass == 1:
        hold_children(browser)
    import_id = browser.upload(file)
    if in_pass == 2:
        browser.wait_until(import_id, "ready")
        hold_children(browser)
        browser.post(import_id, "start")
    killed: set[int] = set()
    while len(killed) < 3:
        wait_for(lambda: set(workers(browser.server.pid)) - killed)
        (child,) = set(workers(browser.server.pid)) - killed
        kill(child)
        killed.add(child)
    browser.wait_until(import_id, "failed")
    assert "stopped working on this file several times" in browser.page(import_id)
    assert browser.tables() == []


def test_a_stopping_server_interrupts_its_import_and_the_next_one_finishes_it(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(HELD)).sign_up()
    import_id = browser.upload(file)
    browser.wait_until(import_id, "ready")
    hold_children(browser, ROWS // 10)
    browser.post(import_id, "start")
    wait_for(lambda: browser.found(import_id)["rows_done"] >= ROWS // 10)
    browser.server.terminate()
    assert browser.server.wait(8) == 0
    assert browser.state(import_id) == "loading"
    assert browser.found(import_id)["rows_done"] < ROWS
    release_children(browser)
    browser.visit(server(HELD))
    browser.wait_until(import_id, "done")
    assert_same_rows(browser, import_id, file)


def test_concurrent_imports_do_not_mix_their_rows(server: Start, browser: Browser, file: Path, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "other.csv", 30_000)
    browser.visit(server(import_workers="2")).sign_up()
    first, second = browser.upload(file), browser.upload(other)
    for import_id in (first, second):
        browser.wait_until(import_id, "ready")
    for import_id in (first, second):
        browser.post(import_id, "start")
    for import_id, path in ((first, file), (second, other)):
        browser.wait_until(import_id, "done")
        assert_same_rows(browser, import_id, path)
