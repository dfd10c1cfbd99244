"""Commands beside a running server: both use the same database and the same folders, each without knowing the other."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.database import environment
from tests.helpers import ADA, GRACE, PASSWORD, Person
from tests.jobs.driver import Browser, assert_same_rows, hold_children, release_children, workers, write_csv
from tests.servers import ROOT, Server, wait_for

Start = Callable[..., Server]
HELD = "tests.jobs.apps:held_children"
SIGN_IN_COOKIE = "rowcast-sign-in"
BEGUN: list[subprocess.Popen[str]] = []
MAIN = """
import sys
from webapp.cli.main import main
from webapp.imports import child_process
child_process.COMMAND = ("-m", "tests.jobs.held_worker", sys.argv.pop(1))
main()
"""


@pytest.fixture
def browser(data_dir: Path) -> Iterator[Browser]:
    browser = Browser(data_dir)
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def _no_command_is_left() -> Iterator[None]:
    yield
    while BEGUN:
        process = BEGUN.pop()
        process.kill()
        process.communicate()


def begin(data_dir: Path, *arguments: object, typed: str = "") -> subprocess.Popen[str]:
    """A command in a process of its own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("ROWCAST_")}
    given |= {**environment(data_dir), "ROWCAST_SECRET_KEY": "k" * 40, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MAIN, str(data_dir / "hold-children"), *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, env=given, text=True, **pipes)  # type: ignore[call-overload]
    BEGUN.append(process)
    assert process.stdin
    process.stdin.write(typed)
    process.stdin.close()
    process.stdin = None  # `communicate` would flush it
    return process  # type: ignore[no-any-return]


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said."""
    output, errors = process.communicate(timeout=60)
    BEGUN.remove(process)
    assert "Traceback" not in errors, errors
    return process.returncode, output + errors


def run(data_dir: Path, *arguments: object, typed: str = "") -> tuple[int, str]:
    return end(begin(data_dir, *arguments, typed=typed))


def begin_held(browser: Browser, path: Path, in_pass: int, *arguments: object) -> tuple[subprocess.Popen[str], str]:
    """An import of the command line in a pass that waits, and its id."""
    hold_children(browser, 0, ("inspect", "load")[in_pass - 1])
    process = begin(browser.database.parent, "import", path, *arguments)
    wait_for(lambda: browser.ask("SELECT id FROM imports"))
    import_id = str(browser.ask("SELECT id FROM imports")[0]["id"])
    wait_for(lambda: workers(process.pid) and browser.state(import_id) == ("inspecting", "loading")[in_pass - 1])
    return process, import_id


def is_left(browser: Browser, import_id: str) -> bool:
    return (browser.database.parent / "imports" / import_id).exists()


@pytest.mark.parametrize("in_pass", [1, 2])
def test_an_import_of_the_command_line_can_be_cancelled_on_its_page(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path, in_pass: int
) -> None:
    browser.visit(server()).sign_up()
    process, import_id = begin_held(browser, write_csv(tmp_path / "n.csv", 30_000), in_pass)

    assert browser.post(import_id, "cancellation").status_code == 303
    release_children(browser)

    assert end(process) == (1, "Error: The import was cancelled.\n")
    assert browser.state(import_id) == "cancelled"
    assert browser.tables() == []
    wait_for(lambda: not is_left(browser, import_id))


def test_an_import_of_the_command_line_ends_when_its_owner_is_removed(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    browser.visit(server(registration="open")).sign_up()
    grace = Browser(data_dir).visit(browser.server).sign_up(GRACE)
    grace.close()
    process, import_id = begin_held(browser, write_csv(tmp_path / "n.csv", 30_000), 2, "--owner", GRACE.email)
    (found,) = browser.ask("SELECT id FROM users WHERE email = ?", GRACE.email)

    answer = browser.client.post(f"/admin/people/{found['id']}/removal", data={"confirmation": GRACE.email})
    assert answer.status_code == 303, answer.text
    release_children(browser)

    assert end(process) == (1, "Error: The import was cancelled.\n")
    assert browser.tables() == []
    assert browser.ask("SELECT id FROM imports") == []
    wait_for(lambda: not is_left(browser, import_id))


@pytest.mark.parametrize("in_pass", [1, 2])
def test_a_server_that_starts_during_an_import_of_the_command_line_leaves_it_whole(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path, in_pass: int
) -> None:
    """It finds the import unfinished, as if left by a process that died, and begins to work on it too."""
    first = server()
    browser.visit(first).sign_up()
    first.stop()
    path = write_csv(tmp_path / "n.csv", 30_000)
    process, import_id = begin_held(browser, path, in_pass)
    browser.visit(server())
    wait_for(lambda: workers(browser.server.pid))

    release_children(browser)

    code, said = end(process)
    assert (code, said) == (0, f"{browser.found(import_id)['table_id']}\n"), said
    assert_same_rows(browser, import_id, path)
    wait_for(lambda: not workers(browser.server.pid))
    assert len(browser.tables()) == 1
    assert "Traceback" not in browser.server.log.read_text()


def sign_in(server: Server, person: Person) -> httpx.Client:
    address = f"http://127.0.0.1:{server.port}"
    client = httpx.Client(base_url=address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)
    client.post("/login", data={"email": person.email, "password": person.password})
    return client


def is_in(client: httpx.Client) -> bool:
    """Whether its session still works. Closes it."""
    with closing(client):
        return client.get("/dashboard").status_code == 200


def test_nobody_who_signs_in_while_the_password_is_reset_stays_in(
    server: Start, browser: Browser, data_dir: Path
) -> None:
    browser.visit(server()).sign_up()
    process = begin(data_dir, "user", "reset-password", ADA.email, typed="another unlikely sentence\n")
    clients = list[httpx.Client]()
    with ThreadPoolExecutor(4) as threads:
        # Once it is reset no more: after ten refusals nobody may sign in from here.
        while process.poll() is None and all(SIGN_IN_COOKIE in client.cookies for client in clients):
            clients += threads.map(lambda _: sign_in(browser.server, ADA), range(4))
    assert end(process)[0] == 0
    assert clients
    assert not any([is_in(client) for client in [browser.client, *clients]])
    assert is_in(sign_in(browser.server, Person(ADA.email, "another unlikely sentence")))


def test_of_two_owners_whom_two_commands_demote_at_once_one_stays(
    server: Start, browser: Browser, data_dir: Path
) -> None:
    browser.visit(server()).sign_up()
    assert run(data_dir, "user", "add", GRACE.email, "--role", "owner", typed=f"{PASSWORD}\n")[0] == 0

    demotions = [begin(data_dir, "user", "promote", person.email, "--role", "member") for person in (ADA, GRACE)]

    ended = [end(process) for process in demotions]
    assert sorted(code for code, _ in ended) == [0, 1]
    assert any("last owner" in said for _, said in ended)
    assert [row["n"] for row in browser.ask("SELECT count(*) AS n FROM users WHERE role = 'owner'")] == [1]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "original"])
def test_an_export_of_a_table_that_is_deleted_meanwhile_is_whole_or_says_that_it_is_not(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path, kind: str
) -> None:
    path = write_csv(tmp_path / "n.csv", 20_000)
    browser.visit(server()).sign_up()
    table_id = browser.found(browser.import_whole(path))["table_id"]
    whole = run(data_dir, "export", table_id, "--format", kind)
    assert whole[0] == 0

    exports = [begin(data_dir, "export", table_id, "--format", kind) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        ended = list(threads.map(end, exports[:1]))
        assert browser.client.post(f"/tables/{table_id}/deletion", data={"confirmation": "n"}).status_code == 303
        ended += threads.map(end, exports[1:])

    assert ended[0] == whole
    assert all(each == whole or (each[0] == 1 and "Error: " in each[1]) for each in ended)
    code, said = run(data_dir, "export", table_id, "--format", kind)
    assert (code, said) == (1, "Error: There is no such table, or it is not yours.\n")


@pytest.mark.sqlite  # on others nobody waits for just any write
def test_a_command_that_waits_in_vain_for_another_write_says_so(
    server: Start, browser: Browser, data_dir: Path
) -> None:
    browser.visit(server()).sign_up()
    with closing(sqlite3.connect(browser.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, said = run(data_dir, "user", "add", GRACE.email, "--link")
        other.execute("ROLLBACK")
    assert (code, "The database is busy with another write. Nothing was changed" in said) == (1, True)


@pytest.mark.sqlite  # about a copy of its file
def test_a_backup_made_during_an_import_goes_on_where_it_was(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    path, copy = write_csv(tmp_path / "n.csv", 60_000), tmp_path / "copy" / "data"
    browser.visit(server(HELD)).sign_up()
    import_id = browser.upload(path)
    browser.wait_until(import_id, "ready")
    hold_children(browser, 20_000)
    browser.post(import_id, "start")
    wait_for(lambda: browser.found(import_id)["rows_done"] >= 20_000)
    copy.mkdir(parents=True)
    release_children(browser)  # it loads while the backup is made

    with closing(sqlite3.connect(browser.database)) as source, closing(sqlite3.connect(copy / "rowcast.db")) as target:
        source.backup(target, pages=100)
    shutil.copytree(data_dir / "imports", copy / "imports")

    browser.wait_until(import_id, "done")
    with Server("webapp:create_app", copy) as restored:
        other = Browser(copy).visit(restored)
        other.wait_until(import_id, "done")
        assert_same_rows(other, import_id, path)
        other.close()
