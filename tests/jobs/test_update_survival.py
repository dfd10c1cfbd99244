"""A further file for a table, whatever is killed: nothing of the table changes before the button, then all of it."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.driver import Browser, delete, hold_children, kill, purge, release_children, workers
from tests.jobs.test_survival import HELD, kill_server
from tests.servers import Server, wait_for
from tests.tables import add_table

ROWS = 12_000
STORED = [(str(number), f"name {number}") for number in range(ROWS)]
LATER = [(key, name.upper() if int(key) % 3 == 0 else name) for key, name in STORED[10:]] + [("-1", "new")]

Start = Callable[..., Server]


@pytest.fixture
def table(server: Start, browser: Browser) -> str:
    browser.visit(server(HELD)).sign_up()
    return f"/tables/{add_table(browser.database.parent, {'id': 'integer', 'name': 'text'}, STORED)}"


def upload(browser: Browser, table: str, path: Path) -> str:
    """Return the import's id."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name"), *LATER])
    with path.open("rb") as content:
        answer = browser.client.post(f"{table}/imports", files={"file": (path.name, content)})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].rpartition("/")[2])


def exported(browser: Browser, table: str) -> list[tuple[str, ...]]:
    text = browser.client.get(f"{table}/export?format=csv").text
    return [tuple(row) for row in csv.reader(io.StringIO(text))][1:]


def is_compared(browser: Browser, import_id: str) -> bool:
    found = browser.ask("SELECT comparison FROM import_updates WHERE import_id = ?", import_id)
    return bool(found and found[0]["comparison"])


def test_a_comparison_survives_its_child_and_its_server(
    server: Start, browser: Browser, table: str, tmp_path: Path
) -> None:
    hold_children(browser, ROWS // 3, "compare")
    import_id = upload(browser, table, tmp_path / "names.csv")
    browser.wait_until(import_id, "comparing")
    wait_for(lambda: workers(browser.server.pid))
    kill(workers(browser.server.pid)[0])
    wait_for(lambda: workers(browser.server.pid))
    kill_server(browser.server)
    browser.visit(server(HELD))
    assert exported(browser, table) == STORED
    release_children(browser)
    wait_for(lambda: is_compared(browser, import_id))
    assert not (browser.database.parent / "imports" / import_id / "comparison.db").exists()
    hold_children(browser, 1, "apply")
    assert browser.client.post(f"{table}/imports/{import_id}/application").status_code == 303
    wait_for(lambda: browser.ask("SELECT parts_done FROM large_changes WHERE parts_done > 0"))
    kill_server(browser.server)
    browser.visit(server(HELD))
    release_children(browser)
    browser.wait_until(import_id, "done")
    kept = dict(LATER)
    assert exported(browser, table) == [(key, kept.get(key, name)) for key, name in STORED] + [LATER[-1]]


def test_a_table_that_is_deleted_during_the_comparison_takes_the_file_with_it(
    browser: Browser, table: str, tmp_path: Path
) -> None:
    hold_children(browser, ROWS // 3, "compare")
    import_id = upload(browser, table, tmp_path / "names.csv")
    browser.wait_until(import_id, "comparing")
    delete(browser, table)
    wait_for(lambda: not (browser.database.parent / "imports" / import_id).exists())
    wait_for(lambda: not workers(browser.server.pid))
    assert browser.state(import_id) == "cancelled"
    purge(browser, table)
    wait_for(lambda: browser.ask("SELECT id FROM imports UNION ALL SELECT import_id FROM import_updates") == [])
