"""Large changes on a real server: whatever is killed, and whenever, all of it is done or nothing."""

import re
from itertools import takewhile

import pytest

from settings import Settings
from tests.jobs.driver import Browser, delete, hold_children, is_running, kill, purge, release_children, workers
from tests.jobs.test_survival import HELD, Start, kill_server
from tests.large_changes import add_plan
from tests.people import settle
from tests.servers import wait_for
from tests.tables import add_table
from webapp.db.errors import StorageFull
from webapp.extensions import db, jobs
from webapp.jobs import large_changes
from webapp.models.tables import large_steps
from webapp.models.tables.large_change import find_large_change
from webapp.rowstore.entries import Entry
from webapp.web.application import Application

ROWS = 6_500
NAMES = [f"name {number}" for number in range(1, ROWS + 1)]
UPPER = [name.upper() for name in NAMES]


@pytest.fixture
def table(server: Start, browser: Browser) -> str:
    """The URL of a table, and the plan 1: names in capitals."""
    browser.visit(server(HELD)).sign_up()
    data_dir = browser.database.parent
    table_id = add_table(data_dir, {"Name": "text", "Size": "integer"}, [(name, "1") for name in NAMES])
    add_plan(data_dir, table_id, [Entry(row, 1, name, name.upper()) for row, name in enumerate(NAMES, 1)])
    return f"/tables/{table_id}"


def post(browser: Browser, url: str) -> None:
    answer = browser.client.post(url)
    assert answer.status_code == 303, answer.text


def latest(browser: Browser) -> dict[str, object]:
    return dict(browser.ask("SELECT * FROM large_changes ORDER BY id DESC LIMIT 1")[0])


def wait_for_state(browser: Browser, *states: str) -> None:
    wait_for(lambda: latest(browser)["state"] in states)


def wait_for_parts(browser: Browser, parts: int) -> None:
    wait_for(lambda: int(str(latest(browser)["parts_done"])) >= parts)


def names(browser: Browser) -> list[str]:
    return [row[0] for row in browser.ask("SELECT c1 FROM t1 ORDER BY id")]


def cancel_and_kill(server: Start, browser: Browser, change: str) -> None:
    """One of the three applied parts is taken back when the server is killed; the next server does the rest."""
    post(browser, f"{change}/cancellation")
    hold_children(browser, 1, "revert")
    wait_for(lambda: int(str(latest(browser)["parts_done"])) == 2)
    kill_server(browser.server)
    release_children(browser)
    browser.visit(server(HELD))
    wait_for_state(browser, "cancelled")


def test_a_server_killed_while_it_applies_a_change_goes_on_with_it(server: Start, browser: Browser, table: str) -> None:
    hold_children(browser, 2, "apply")
    post(browser, f"{table}/changes/1/start")
    wait_for_parts(browser, 2)
    assert names(browser)[0] == "NAME 1"
    assert names(browser)[-1] == NAMES[-1]
    kill_server(browser.server)
    release_children(browser)
    browser.visit(server(HELD))
    wait_for_state(browser, "done")
    assert names(browser) == UPPER
    assert browser.ask("SELECT count(*), sum(entries) FROM change_set_parts")[0][:] == (7, ROWS)
    wait_for(lambda: browser.ask("SELECT count(*) FROM large_change_parts")[0][0] == 0)
    (child,) = browser.ask("SELECT seq, rows, cells, state FROM change_sets")
    assert child[:] == (1, ROWS, ROWS, "")


def test_a_change_is_undone_by_one_that_survives_the_death_of_its_child(browser: Browser, table: str) -> None:
    post(browser, f"{table}/changes/1/start")
    wait_for_state(browser, "done")
    hold_children(browser, 3, "apply")
    answer = browser.client.post(f"{table}/undo", json={})
    assert answer.json()["url"] == f"{table}/changes/2"
    wait_for_parts(browser, 3)
    (child,) = workers(browser.server.pid)
    kill(child)
    wait_for(lambda: not is_running(child))
    release_children(browser)
    wait_for_state(browser, "done")
    assert names(browser) == NAMES


def test_a_cancelled_change_is_taken_back_even_if_the_server_is_killed(
    server: Start, browser: Browser, table: str
) -> None:
    hold_children(browser, 3, "apply")
    post(browser, f"{table}/changes/1/start")
    wait_for_parts(browser, 3)
    edited = {"row": 1, "column": 1, "seen": "NAME 1", "text": "kept"}
    assert browser.client.post(f"{table}/cells", json={"edits": [edited]}).status_code == 200
    cancel_and_kill(server, browser, f"{table}/changes/1")
    assert names(browser) == ["kept", *NAMES[1:]]
    assert browser.ask("SELECT seq, rows, state FROM change_sets ORDER BY seq")[0][:] == (1, 1, "cancelled")


def linked(running: str) -> list[str]:
    """The pages that the list of what runs leads to."""
    return re.findall(r'<li class="card-row">\s*<a href="([^"]+)"', running)


def test_a_table_in_the_trash_has_its_change_taken_back(browser: Browser, table: str) -> None:
    hold_children(browser, 3, "apply")
    post(browser, f"{table}/changes/1/start")
    wait_for_parts(browser, 3)
    assert linked(browser.client.get("/tables/running").text) == [f"{table}/changes/1"]
    delete(browser, table)
    hold_children(browser, 1, "revert")
    wait_for(lambda: latest(browser)["parts_done"] == 2)
    running = browser.client.get("/tables/running").text
    assert "Changing cells: Planets" in running
    assert linked(running) == []
    release_children(browser)
    wait_for_state(browser, "cancelled")
    assert names(browser) == NAMES
    assert browser.client.get(f"{table}/changes/1").status_code == 404
    assert "Traceback" not in browser.server.log.read_text()


def test_a_table_deleted_for_good_meanwhile_ends_its_change_quietly(browser: Browser, table: str) -> None:
    hold_children(browser, 1, "apply")
    post(browser, f"{table}/changes/1/start")
    wait_for_parts(browser, 1)
    delete(browser, table)
    purge(browser, table)
    wait_for(lambda: browser.tables() == [])
    release_children(browser)
    wait_for(lambda: not workers(browser.server.pid))
    assert browser.ask("SELECT * FROM large_changes") == []
    assert "Traceback" not in browser.server.log.read_text()


def test_the_page_and_the_header_show_it_while_it_runs(browser: Browser, table: str) -> None:
    def shown(url: str) -> str:
        return browser.client.get(url).text

    assert 'id="running" class="menu" data-menu hidden' in shown(table)
    assert "Nothing is running." in shown("/tables/running")
    hold_children(browser, 2, "apply")
    post(browser, f"{table}/changes/1/start")
    wait_for_parts(browser, 2)
    page = shown(f"{table}/changes/1")
    assert "Changing 6,500 cells in 6,500 rows." in page
    assert "29 %" in page
    assert 'id="running" class="menu" data-menu hx-get=' in page
    assert "Changing cells: Planets" in shown("/tables/running")
    assert "A large change by" in browser.client.post(f"{table}/columns/1/type", data={"type": TEXT}).text
    assert "growing=1" in shown(table)
    with browser.client.stream("GET", "/live", params={"change": 1, "state": "applying"}) as stream:
        release_children(browser)
        told = "\n".join(takewhile(lambda line: line != "event: done", stream.iter_lines()))
    assert f'hx-get="{table}/changes/1"' in told
    wait_for_state(browser, "done")
    assert "Changed 6,500 cells in 6,500 rows." in shown(f"{table}/changes/1")
    wait_for(lambda: 'id="running" class="menu" data-menu hidden' in shown(table))  # its job ends a little later


TEXT = '{"type": "boolean", "format": {"true": "yes", "false": "no"}}'


async def test_a_failure_that_a_full_disk_keeps_from_being_saved_is_saved_before_anything_goes_on(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the rest would be applied once there is room."""
    context, fail = jobs.of(app), large_steps.fail

    async def full(*args: object, **kwargs: object) -> None:
        raise StorageFull

    person = await settle(app, "ada@example.org")
    table_id = add_table(settings.data_dir, {"Name": "text"}, [("a",)], owner=person.id)
    change_id = add_plan(settings.data_dir, table_id, [Entry(1, 1, "a", "A")], user_id=person.id, state="planning")
    monkeypatch.setattr(large_changes, "run_child", full)
    monkeypatch.setattr(large_steps, "fail", full)
    await large_changes.change_rows(context, str(change_id))
    assert context.failed_changes == {str(change_id): str(StorageFull())}
    monkeypatch.setattr(large_steps, "fail", fail)
    await large_changes.change_rows(context, str(change_id))
    change = await find_large_change(db.of(app), table_id, change_id)
    assert (change.state, change.failure, context.failed_changes) == ("failed", str(StorageFull()), {})


def begin_split(browser: Browser, table: str) -> str:
    """The URL of a plan that puts the two words of each name into new columns."""
    form = {"column": "1", "delimiter": " ", "parts": "2", "confirm": "plan"}
    answer = browser.client.post(f"{table}/bulk/split?rows=all", data=form)
    assert answer.status_code == 303, answer.text
    wait_for_state(browser, "ready")
    return str(answer.headers["location"])


def exported(browser: Browser, table: str) -> list[str]:
    return browser.client.get(f"{table}/export?format=csv").text.splitlines()


def test_new_columns_are_of_one_set_with_their_cells_whoever_is_killed(
    server: Start, browser: Browser, table: str
) -> None:
    before = exported(browser, table)
    split = begin_split(browser, table)
    assert exported(browser, table) == before
    hold_children(browser, 2, "apply")
    post(browser, f"{split}/start")
    wait_for_parts(browser, 2)
    assert exported(browser, table)[0] == "Name,Name 1,Name 2,Size"
    kill_server(browser.server)
    release_children(browser)
    browser.visit(server(HELD))
    wait_for_state(browser, "done")
    after = exported(browser, table)
    assert after[1:] == [f"{name},name,{number},1" for number, name in enumerate(NAMES, 1)]
    assert browser.ask("SELECT seq, kind FROM change_sets")[0][:] == (1, "columns")

    hold_children(browser, 3, "apply")
    assert browser.client.post(f"{table}/undo", json={}).status_code == 200
    wait_for_parts(browser, 3)
    kill_server(browser.server)
    release_children(browser)
    browser.visit(server(HELD))
    wait_for_state(browser, "done")
    assert exported(browser, table) == before
    assert browser.client.post(f"{table}/redo", json={}).status_code == 200
    wait_for(lambda: latest(browser)["kind"] == "redo")
    wait_for_state(browser, "done")
    assert exported(browser, table) == after


def test_new_columns_go_with_a_cancelled_change_even_if_the_server_is_killed(
    server: Start, browser: Browser, table: str
) -> None:
    before = exported(browser, table)
    split = begin_split(browser, table)
    hold_children(browser, 3, "apply")
    post(browser, f"{split}/start")
    wait_for_parts(browser, 3)
    cancel_and_kill(server, browser, split)
    assert exported(browser, table) == before
