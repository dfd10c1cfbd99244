"""The live stream of an import, against a real server."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.driver import Browser, hold_children, release_children, write_csv
from tests.servers import Server, wait_for
from webapp.live.subject import message_of

Start = Callable[..., Server]
HELD = "tests.jobs.apps:held_children"


@pytest.fixture
def browser(data_dir: Path) -> Iterator[Browser]:
    browser = Browser(data_dir)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("stream") / "numbers.csv", 150_000)


def test_the_page_of_an_import_shows_its_progress_and_its_result_without_a_reload(
    server: Start, browser: Browser, file: Path
) -> None:
    browser.visit(server(HELD)).sign_up()
    hold_children(browser)
    import_id = browser.upload(file)
    events = browser.events(import_id, "inspecting")
    next(events)
    release_children(browser)
    *steps, last = events
    assert last == "event: done\ndata: x\n\n"
    assert 'hx-target="#import"' in steps[-1]
    assert 'data-state="ready"' in steps[-1]
    moves = [step for step in steps if 'hx-target="#progress"' in step]
    assert moves
    shares = [float(share) for step in moves for share in re.findall(r'value="([\d.]+)"', step)]
    assert shares == sorted(shares)

    hold_children(browser)
    browser.post(import_id, "start")
    events = browser.events(import_id, "loading")
    next(events)
    release_children(browser)
    *steps, last = events
    assert last == "event: done\ndata: x\n\n"
    assert 'data-state="done"' in steps[-1]
    assert any('hx-target="#progress"' in step for step in steps)


def test_an_outdated_page_is_updated_as_soon_as_it_connects(server: Start, browser: Browser, tmp_path: Path) -> None:
    browser.visit(server()).sign_up()
    import_id = browser.import_whole(write_csv(tmp_path / "small.csv", 5))
    ping, section, done = browser.events(import_id, "loading")
    assert ping.startswith("event: ping")
    assert 'data-state="done"' in section
    assert done.startswith("event: done")


def test_a_drain_ends_the_stream_long_before_the_grace_period(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(HELD)).sign_up()
    hold_children(browser)
    import_id = browser.upload(file)
    events = browser.events(import_id, "inspecting")
    next(events)
    browser.server.terminate()
    for _ in events:
        pass
    assert "requests were cut" not in browser.server.log.read_text()
    assert browser.server.wait(8) == 0


def test_strangers_and_signed_out_people_get_no_stream(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server()).sign_up()
    import_id = browser.upload(file)
    live = {"import": import_id, "state": "inspecting"}
    assert browser.client.get("/live", params={"import": "0" * 32}).status_code == 404
    assert browser.client.get("/live").status_code == 404
    assert browser.client.head("/live", params=live).status_code == 200
    browser.client.post("/logout")
    answer = browser.client.get("/live", params=live, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "HX-Redirect" in answer.headers


def test_a_message_has_a_data_line_for_each_line_of_html() -> None:
    assert message_of("<p>a</p>\r\n<p>b\u2028c</p>") == "data: <p>a</p>\ndata: <p>b\u2028c</p>\n\n".encode()


def test_cancelling_an_import_updates_its_page(server: Start, browser: Browser, file: Path) -> None:
    browser.visit(server(HELD)).sign_up()
    hold_children(browser)
    import_id = browser.upload(file)
    events = browser.events(import_id, "inspecting")
    next(events)
    browser.post(import_id, "cancellation")
    assert any('data-state="cancelled"' in event for event in events)
    wait_for(lambda: browser.state(import_id) == "cancelled")
