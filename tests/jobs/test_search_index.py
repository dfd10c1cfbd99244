"""The full-text index of a large table, built once its rows are in."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from settings import Settings
from tests.database import search_indexes
from tests.jobs.driver import Browser, kill, workers, write_csv
from tests.servers import Server, wait_for


def test_a_large_table_gets_its_index_right_after_its_rows(
    server: Callable[..., Server], browser: Browser, settings: Settings, tmp_path: Path
) -> None:
    browser.visit(server(search_index_rows="100")).sign_up()

    browser.import_whole(write_csv(tmp_path / "numbers.csv", 200))
    wait_for(lambda: browser.ask("SELECT search_index FROM tables")[0][0] == "ready")

    assert list(search_indexes(browser.database).values()) == [True]
    # Starting it must not be a step of the import's workflow, which may have ended by then and would refuse it.
    with closing(sqlite3.connect(settings.data_dir / "jobs.db")) as jobs:
        assert jobs.execute("SELECT function_name FROM operation_outputs").fetchall() == []


@pytest.mark.parametrize(("kills", "state"), [(1, "ready"), (3, "none")])
def test_a_child_that_is_killed_is_started_again_or_leaves_nothing(
    server: Callable[..., Server], browser: Browser, tmp_path: Path, kills: int, state: str
) -> None:
    browser.visit(server(search_index_rows="100")).sign_up()
    browser.import_whole(write_csv(tmp_path / "numbers.csv", 60_000))
    wait_for(lambda: False in search_indexes(browser.database).values())
    killed: set[int] = set()
    for _ in range(kills):
        wait_for(lambda: set(workers(browser.server.pid)) - killed)
        (child,) = set(workers(browser.server.pid)) - killed
        kill(child)
        killed.add(child)

    wait_for(lambda: browser.ask("SELECT search_index FROM tables")[0][0] == state)

    assert list(search_indexes(browser.database).values()) == ([True] if state == "ready" else [])
