"""For development: the server in a child process that is started anew when the code changes."""

import signal
import sys
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from settings import Settings

ROOT = Path(__file__).parents[1]
LOOK_EVERY = 0.4  # seconds


def serve_and_reload(settings: Settings) -> int:
    """Templates and static files are looked up anew by the server itself; this is for Python and `.env`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        server = _start(settings)
        try:
            _wait_for_change()
        except (KeyboardInterrupt, SystemExit):
            return _stop(server)
        print("Rowcast: the code has changed, starting again", flush=True)
        _stop(server)


def _start(settings: Settings) -> BaseProcess:
    """A new interpreter, so that nothing of the old code is left."""
    process = get_context("spawn").Process(target=_serve, args=(settings,), name="rowcast-server")
    process.start()
    return process


def _serve(settings: Settings) -> None:
    from webapp.server import serve

    sys.exit(serve(settings))


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
        time.sleep(LOOK_EVERY)


def _snapshot() -> dict[Path, int]:
    files = [ROOT / "settings.py", Path(".env"), *(ROOT / "webapp").rglob("*.py")]
    return {file: file.stat().st_mtime_ns for file in files if file.exists()}
