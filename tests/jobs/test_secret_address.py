"""The password in the database's address is in no process, file or log: others on the machine could read it there."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.database import connect, database_url
from tests.jobs.driver import Browser, hold_children, release_children, workers, write_csv
from tests.postgresql import PASSWORD
from tests.servers import Server, wait_for

ROWS = 3_000
SPELLINGS = (PASSWORD.encode(), quote(PASSWORD, safe="").encode(), quote(PASSWORD).encode())
OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"
END_SESSIONS = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS}"


def has_password(text: bytes) -> bool:
    return any(spelling in text for spelling in SPELLINGS)


@pytest.mark.parametrize("system", ["postgresql"])
def test_the_password_of_the_database_stays_where_it_was_given(
    server: Callable[..., Server], browser: Browser, data_dir: Path, tmp_path: Path
) -> None:
    browser.visit(server("tests.jobs.apps:held_children", log_level="debug")).sign_up()
    import_id = browser.upload(write_csv(tmp_path / "numbers.csv", ROWS))
    browser.wait_until(import_id, "ready")
    hold_children(browser, 1)
    assert browser.post(import_id, "start").status_code == 303
    wait_for(lambda: browser.found(import_id)["rows_done"])
    (child,) = workers(browser.server.pid)
    shown = [Path(f"/proc/{child}/{name}").read_bytes() for name in ("cmdline", "environ")]
    assert all(shown)
    assert not any(map(has_password, shown))

    with closing(connect(browser.database)) as connection:  # errors of connections may tell more than others
        connection.execute(END_SESSIONS)
    assert browser.client.get("/dashboard").status_code in (200, 503)
    release_children(browser)
    wait_for(lambda: browser.state(import_id) in ("done", "failed"))
    assert browser.server.stop() == 0
    written = {path: path.read_bytes() for path in (browser.server.log, *filter(Path.is_file, data_dir.rglob("*")))}
    assert database_url(data_dir)
    assert [path for path, text in written.items() if has_password(text)] == []
    assert b'"path": "/dashboard"' in written[browser.server.log]
