"""On a real server: a disconnecting client ends the handler, but not the write it has started; nor does a stop."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.database import FILE, rows
from tests.servers import Server, wait_for


def written(folder: Path) -> int:
    ((count,),) = rows(folder / FILE, "SELECT count(*) FROM written")
    return int(count)


@pytest.mark.parametrize("ends_by", ["the client", "the server"])
def test_a_write_is_completed_and_announced_after_its_client_has_disconnected(
    server: Callable[..., Server], data_dir: Path, ends_by: str
) -> None:
    running = server("tests.db.apps:slow_write", graceful_timeout="1")
    with running.connect() as wire:
        wire.send_head("POST", "/write")
        wait_for((data_dir / "began").exists)
        if ends_by == "the server":
            running.terminate()
            wait_for(lambda: b"requests were cut" in running.log.read_bytes())
    if ends_by == "the client":
        wait_for((data_dir / "left").exists)

    (data_dir / "go-on").touch()

    wait_for((data_dir / "told").exists)
    assert written(data_dir) == 1
    assert (running.wait() if ends_by == "the server" else running.stop()) == 0
