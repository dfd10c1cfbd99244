"""Imports that wait for their turn: bounded threads, people in turn, and their place in the queue."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.helpers import GRACE
from tests.jobs.driver import Browser, write_csv
from tests.servers import Server, wait_for
from webapp.extensions import jobs
from webapp.jobs.turns import Turn, Turns, Work
from webapp.web.application import Application

Start = Callable[..., Server]

FILES = 60


def threads(server: Server) -> int:
    found = re.search(r"Threads:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return int(found[1])


def started(data_dir: Path) -> list[str]:
    """The ids of the imports whose file is being read or was, in the order of their start."""
    path = data_dir / "started"
    return path.read_text().split() if path.exists() else []


def place(page: str) -> int | None:
    found = re.search(r"Number (\d+) in the queue", page)
    return int(found[1]) if found else None


def hold(data_dir: Path) -> None:
    data_dir.mkdir(exist_ok=True)
    (data_dir / "hold").touch()


@pytest.fixture
def held(server: Start, data_dir: Path) -> Server:
    """A server on which no pass begins while the file `hold` is in the data folder."""
    hold(data_dir)
    return server("tests.jobs.apps:held_imports", import_workers="2", registration="open")


def test_one_file_of_another_person_is_read_before_the_sixty_that_wait(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    """One at a time, so that the order in which they begin is that of their turns."""
    hold(data_dir)
    running = server("tests.jobs.apps:held_imports", import_workers="1", registration="open")
    path = write_csv(tmp_path / "small.csv", 3)
    grace = Browser(data_dir)
    browser.visit(running).sign_up()
    before = threads(running)
    many = [browser.upload(path) for _ in range(FILES)]
    wait_for(lambda: started(data_dir) == many[:1])
    try:
        one = grace.visit(running).sign_up(GRACE).upload(path)
        wait_for(lambda: place(grace.page(one)) == 1)
        wait_for(lambda: place(browser.page(many[-1])) == FILES)
        assert threads(running) <= before + 15, "waiting imports have no thread"
        (data_dir / "hold").unlink()
        grace.wait_until(one, "ready")
        for import_id in many:
            browser.wait_until(import_id, "ready")
    finally:
        grace.close()
    assert started(data_dir) == [many[0], one, *many[1:]]


def test_a_person_with_too_many_waiting_imports_is_told_before_the_file_is_sent(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    hold(data_dir)
    path = write_csv(tmp_path / "small.csv", 3)
    browser.visit(server("tests.jobs.apps:held_imports", imports_waiting="3")).sign_up()
    many = [browser.upload(path) for _ in range(3)]

    with path.open("rb") as file:
        refused = browser.client.post("/tables", files={"file": file})
    assert refused.status_code == 429
    assert "3 of your files are still being read or loaded" in refused.text
    assert int(refused.headers["Retry-After"]) > 0
    assert browser.client.post("/tables/samples").status_code == 429
    assert len(browser.ask("SELECT id FROM imports")) == 3
    wait_for(lambda: {path.name for path in (data_dir / "imports").iterdir()} == set(many))

    cookie = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    kind = {"Content_Type": "multipart/form-data; boundary=x", "Content_Length": "1000000"}
    with browser.server.connect() as wire:
        wire.send_head("POST", "/tables", Cookie=cookie, Sec_Fetch_Site="same-origin", **kind)
        assert b" 429 " in wire.read_until(b"\r\n"), "the answer does not wait for the file"

    (data_dir / "hold").unlink()
    for import_id in many:
        browser.wait_until(import_id, "ready")
    many.append(browser.upload(path))
    browser.wait_until(many[-1], "ready")

    (data_dir / "hold").touch()
    starts = [browser.client.post(f"/tables/imports/{import_id}/start") for import_id in many]
    assert [answer.status_code for answer in starts] == [303, 303, 303, 429]
    assert browser.client.post(f"/tables/imports/{many[0]}/start").status_code == 303, "a repeat needs no room"
    again = browser.client.post(f"/tables/imports/{many[-1]}", data={"header": "no"})
    assert again.status_code == 429
    (data_dir / "hold").unlink()
    for import_id in many[:3]:
        browser.wait_until(import_id, "done")


def test_the_upload_that_filled_the_queue_sent_again_leads_to_the_first(
    server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    hold(data_dir)
    browser.visit(server("tests.jobs.apps:held_imports", imports_waiting="3")).sign_up()
    path = write_csv(tmp_path / "small.csv", 3)
    other = write_csv(tmp_path / "other.csv", 4)

    def send(key: str, file: Path) -> httpx.Response:
        return browser.client.post("/tables", data={"idempotency_key": key}, files={"file": file.read_bytes()})

    first = [send(f"key-{number}", path).headers["Location"] for number in range(3)]
    for number in range(3):
        again = send(f"key-{number}", path)
        assert (again.status_code, again.headers.get("Location")) == (303, first[number])
    assert send("key-3", path).status_code == 429
    assert send("key-2", other).status_code == 429, "another file is no repeat"
    assert len(browser.ask("SELECT id FROM imports")) == 3
    wait_for(lambda: len(list((data_dir / "imports").iterdir())) == 3)

    cookie = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    kind = {"Content_Type": "multipart/form-data; boundary=x", "Content_Length": "1000000"}
    with browser.server.connect() as wire:
        wire.send_head("POST", "/tables", Cookie=cookie, Sec_Fetch_Site="same-origin", **kind)
        assert b" 429 " in wire.read_until(b"\r\n"), "a file of another size is not waited for"


def test_an_import_cancelled_while_it_waits_leaves_the_queue(
    held: Server, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "small.csv", 3)
    browser.visit(held).sign_up()
    many = [browser.upload(path) for _ in range(4)]
    wait_for(lambda: place(browser.page(many[3])) == 2)
    browser.post(many[2], "cancellation")
    wait_for(lambda: place(browser.page(many[3])) == 1)
    (data_dir / "hold").unlink()
    browser.wait_until(many[3], "ready")
    assert many[2] not in started(data_dir)


def test_waiting_imports_are_found_by_the_next_server_after_a_kill(
    held: Server, server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "small.csv", 3)
    browser.visit(held).sign_up()
    many = [browser.upload(path) for _ in range(12)]
    wait_for(lambda: place(browser.page(many[-1])) == 10)
    held.process.kill()
    held.process.wait()
    (data_dir / "hold").unlink()
    browser.visit(server())
    for import_id in many:
        browser.wait_until(import_id, "ready")
    assert threads(browser.server) <= 40


def test_a_workflow_that_a_dead_process_left_does_not_run_beside_the_one_that_has_the_turn(
    held: Server, server: Start, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    browser.visit(held).sign_up()
    import_id = browser.upload(write_csv(tmp_path / "small.csv", 3))
    wait_for(lambda: started(data_dir) == [import_id])
    held.process.kill()
    held.process.wait()

    browser.visit(server("tests.jobs.apps:late_recovery"))
    wait_for(lambda: ended_workflows(data_dir) or len(started(data_dir)) > 2)

    assert started(data_dir) == [import_id, import_id], "once in each process"
    (data_dir / "hold").unlink()
    browser.wait_until(import_id, "ready")


def ended_workflows(data_dir: Path) -> list[str]:
    with closing(sqlite3.connect(data_dir / "jobs.db")) as database:
        return [
            name for (name,) in database.execute("SELECT workflow_uuid FROM workflow_status WHERE status = 'SUCCESS'")
        ]


def test_the_queue_of_a_waiting_import_is_live(held: Server, browser: Browser, data_dir: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "small.csv", 3)
    browser.visit(held).sign_up()
    many = [browser.upload(path) for _ in range(5)]
    wait_for(lambda: place(browser.page(many[-1])) == 3)
    events = browser.events(many[-1], "inspecting")
    other = httpx.Client(base_url=browser.client.base_url, cookies=browser.client.cookies)
    with other:
        seen: list[int | None] = []
        for event in events:
            if not seen:
                other.post(f"/tables/imports/{many[2]}/cancellation", headers={"Sec-Fetch-Site": "same-origin"})
            seen.append(place(event))
            if seen[-1] == 2:
                break
    assert seen[-1] == 2


def test_the_page_of_an_import_says_when_it_has_left_the_queue(
    held: Server, browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    """Its pass has its turn, but is kept from any progress."""
    path = write_csv(tmp_path / "small.csv", 3)
    browser.visit(held).sign_up()
    many = [browser.upload(path) for _ in range(3)]
    wait_for(lambda: len(started(data_dir)) == 2)  # of three sent at once any may be the last
    (waiting,) = set(many) - set(started(data_dir))
    wait_for(lambda: place(browser.page(waiting)) == 1)
    (data_dir / f"hold-{waiting}").touch()
    events = browser.events(waiting, "inspecting")
    next(events)  # the stream is open
    (data_dir / "hold").unlink()
    shown = next(event for event in events if "queue" not in event)

    assert 'id="progress"' in shown, "the stream is only kept open"
    assert browser.state(waiting) == "inspecting"
    (data_dir / f"hold-{waiting}").unlink()
    browser.wait_until(waiting, "ready")


# --- the order of turns ---


def works(*subjects: str) -> list[Work]:
    return [Work("read", subject) for subject in subjects]


def filled(slots: int, **lines: int) -> Turns:
    """Turns of persons 1, 2, 3 ... with that many waiting tasks: a1, a2 ... of `a`."""
    turns = Turns(slots)
    for person, (name, count) in enumerate(lines.items(), 1):
        for work in works(*(f"{name}{number}" for number in range(1, count + 1))):
            turns.add(person, work)
    return turns


def a_turn(turns: Turns) -> Turn:
    turn = turns.take()
    assert turn is not None
    return turn


def take(turns: Turns) -> Work | None:
    return turn.work if (turn := turns.take()) else None


def run_all(turns: Turns) -> list[str]:
    """Take and end one task after the other."""
    order = []
    while turn := turns.take():
        order.append(turn.work.subject)
        turns.leave(turn)
    return order


def test_people_take_turns() -> None:
    assert run_all(filled(1, a=4, b=2, c=1)) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_a_person_without_a_running_task_comes_before_one_with_some() -> None:
    turns = filled(2, a=4)
    first = a_turn(turns)
    assert [first.work, take(turns), take(turns)] == [*works("a1", "a2"), None]
    turns.add(2, Work("read", "b1"))
    turns.leave(first)
    assert take(turns) == Work("read", "b1")


def test_somebody_new_comes_before_whoever_was_just_served_also_with_one_slot() -> None:
    turns = filled(1, a=3)
    first = a_turn(turns)
    turns.add(2, Work("read", "b1"))
    assert list(turns.places()) == ["b1", "a2", "a3"]
    turns.leave(first)
    assert run_all(turns) == ["b1", "a2", "a3"]


def test_nobody_is_always_next_by_coming_one_at_a_time() -> None:
    turns = filled(1, a=2, b=1)
    turns.leave(a_turn(turns))
    second = a_turn(turns)
    assert second.work.subject == "b1"
    turns.add(2, Work("read", "b2"))
    turns.leave(second)
    assert run_all(turns) == ["a2", "b2"]


def test_the_predicted_order_is_the_order_in_which_turns_are_taken() -> None:
    turns = filled(1, a=3, b=1, c=2)
    predicted = turns.places()
    assert list(predicted.values()) == [1, 2, 3, 4, 5, 6]
    assert run_all(turns) == list(predicted)
    assert turns.places() == {}


def test_a_task_waits_once_and_may_run_again_while_it_runs() -> None:
    turns = Turns(2)
    for _ in range(2):
        turns.add(1, Work("read", "a1"))
    first = a_turn(turns)
    assert (first.work, take(turns)) == (Work("read", "a1"), None)
    turns.add(1, Work("read", "a1"))
    assert take(turns) == Work("read", "a1")
    turns.leave(first)
    assert turns.is_running(Work("read", "a1"))


def test_a_turn_that_has_ended_does_not_end_another_of_the_same_task() -> None:
    turns = filled(1, a=1)
    first = a_turn(turns)
    turns.leave(first)
    turns.add(1, Work("read", "a1"))
    assert take(turns) == Work("read", "a1")
    turns.add(2, Work("read", "b1"))

    turns.leave(first)

    assert turns.take() is None, "the slot is in use"


def test_the_predicted_order_counts_what_runs() -> None:
    turns = filled(3, a=5, b=3, c=2)
    for _ in range(3):
        turns.take()
    turns.add(4, Work("read", "d1"))
    assert list(turns.places()) == ["d1", "a2", "b2", "c2", "a3", "b3", "a4", "a5"]


async def test_places_are_counted_once_for_many_changes_of_the_queue(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    count = Turns.places

    def places(turns: Turns) -> dict[str, int]:
        counted.append(len(found := count(turns)))
        return found

    monkeypatch.setattr(Turns, "places", places)
    context = jobs.of(app)
    for work in works(*(f"a{number}" for number in range(50))):
        context.turns["imports"].add(1, work)
    for number in range(40):
        context.stop_child(f"a{number}")
    assert counted == []
    await asyncio.to_thread(wait_for, lambda: counted)
    assert counted == [10]


def test_a_removed_task_does_not_get_a_turn() -> None:
    turns = filled(1, a=2, b=1)
    turns.remove("b1")
    turns.remove("a1")
    assert run_all(turns) == ["a2"]
