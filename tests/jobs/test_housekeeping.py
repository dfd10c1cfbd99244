"""What a server tidies up when it starts."""

import asyncio
import os
import time
from pathlib import Path

from settings import Settings
from tests.servers import wait_for
from webapp import create_app
from webapp.jobs.housekeeping import STALE


def _aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


async def test_what_is_left_of_uploads_that_never_ended_goes_after_a_day(settings: Settings) -> None:
    folder = settings.imports_dir
    folder.mkdir()
    half = folder / ".upload-0123"
    half.write_bytes(b"a,b")
    whole = folder / ("0" * 32)
    whole.mkdir()
    (whole / "original").write_bytes(b"a,b")
    fresh = folder / ".upload-4567"
    fresh.write_bytes(b"a,b")
    for path in (half, whole):
        _aged(path, STALE + 60)

    async with create_app(settings).test_app():
        await asyncio.to_thread(wait_for, lambda: not half.exists() and not whole.exists())

    assert fresh.exists()
