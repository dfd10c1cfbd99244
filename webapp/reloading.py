"""Development only: runs the server in a child process and restarts it when the code changes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
POLL_INTERVAL = 0.4  # seconds

Serve = Callable[[Sequence[str]], None]  # a function of a module, which the child looks up by its name


def serve_and_reload(serve: Serve, arguments: Sequence[str]) -> int:
    """Run `serve(arguments)` in a child process, again and again.

    This covers Python code and `.env`. Templates and static files are reloaded by the server itself in development,
    which is the default here unless the environment says otherwise.
    """
    os.environ.setdefault("ROWCAST_ENVIRONMENT", "development")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        server = _start(serve, arguments)
        try:
            _wait_for_change()
        except (KeyboardInterrupt, SystemExit):
            return _stop(server)
        print("Rowcast: the code has changed, starting again", flush=True)
        _stop(server)


def _start(serve: Serve, arguments: Sequence[str]) -> BaseProcess:
    """Start a new interpreter, so that no old code remains; it reads the current settings itself."""
    process = get_context("spawn").Process(target=serve, args=(arguments,), name="rowcast-server")
    process.start()
    return process


def _stop(server: BaseProcess) -> int:
    server.terminate()
    while server.is_alive():
        try:
            server.join()
        except KeyboardInterrupt:  # Ctrl-C reached the server too; it may be pressed again
            continue
    return server.exitcode or 0


def _wait_for_change() -> None:
    before = _snapshot()
    while _snapshot() == before:
        time.sleep(POLL_INTERVAL)


def _snapshot() -> dict[Path, int]:
    files = [ROOT / "settings.py", Path(".env"), *(ROOT / "webapp").rglob("*.py")]
    return {file: file.stat().st_mtime_ns for file in files if file.exists()}
