"""The program that the documents show runs as it stands, while somebody edits."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.browser.people import sign_up
from tests.live.table_events import change
from tests.servers import PATIENCE, ROOT, Server
from tests.tokens import issue_token

PROGRAM = ROOT / "docs" / "nightly.py"


def test_the_nightly_program_ends_with_what_everybody_wrote(server: Callable[..., Server], data_dir: Path) -> None:
    running = server("tests.live.apps:changing")
    ada = sign_up(running)
    environment = {
        "PATH": os.environ["PATH"],
        "ROWCAST_SERVER": f"http://127.0.0.1:{running.port}",
        "ROWCAST_TOKEN": issue_token(running),
    }
    program = subprocess.Popen([sys.executable, PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        table = int(program.stdout.readline())
        change(running, ada, table, cells=[[3, 2, "4", "1234"]])
        written, _ = program.communicate(timeout=PATIENCE)
    finally:
        program.kill()
        program.wait()

    assert (program.returncode, written) == (0, "equal after a change by ada\n")
