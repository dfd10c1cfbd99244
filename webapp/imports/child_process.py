"""A child process that works on a file, as its parent sees it: parsing holds the interpreter lock, so it runs there.

The request is one line of JSON on the child's standard input, which stays open as a lifeline: when it closes, the child
stops, however the parent died. Progress, guesses and the result are lines of JSON on its standard output.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from webapp.db.errors import UserError
from webapp.formats.process import given_up

logger = logging.getLogger(__name__)

COMMAND = ("-m", "webapp.imports.worker")  # arguments of Python
_PROJECT = Path(__file__).parents[2]
# The environment variables a child may see: no keys, since it reads strangers' files.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
_MAX_LINE = 16 * 1024 * 1024  # bytes
_MAX_ERRORS = 64 * 1024  # bytes kept of a child's standard error
_GRACE_SECONDS = 2.0  # that a child has to end by itself


class ChildDied(Exception):
    """The child ended without a result: killed, or out of memory. A new one resumes where it was."""


class ChildFailed(Exception):
    """The child met an unexpected error; its traceback is in the log."""


class ChildStopped(Exception):
    """The child was told to stop."""


class Child:
    """One child process and the conversation with it."""

    def __init__(
        self,
        request: dict[str, Any],
        on_progress: Callable[[dict[str, Any]], None],
        on_guess: Callable[[dict[str, Any]], None] = lambda guess: None,
    ) -> None:
        self._request = request
        self._on_progress, self._on_guess = on_progress, on_guess
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopped = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> dict[str, Any]:
        """Return the child's result. Raises `UserError`, `ChildDied`, `ChildFailed` or `ChildStopped`.

        If this task is cancelled, the child has ended before the cancellation continues.
        """
        self._process = process = await self._start()
        reading_errors = asyncio.create_task(_read_errors(process.stderr))
        try:
            answer = await self._converse(process)
            await process.wait()
        finally:
            await asyncio.shield(self._end(process))
            if errors := await reading_errors:
                logger.error("The child process %s (%s) wrote:\n%s", process.pid, self._request["verb"], errors)
        return self._outcome(answer, process)

    def stop(self) -> None:
        """Ask the child to end by closing its lifeline."""
        self._is_stopped = True
        if self._process and self._process.stdin:
            self._process.stdin.close()

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | {"PYTHONPATH": str(_PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
            # A separate process group: the parent handles Ctrl-C in a terminal, and the child's helpers can be killed
            # with it. Not a separate session: Linux divides the processor between sessions first, whatever the niceness
            # of their processes.
            process_group=0,
            limit=_MAX_LINE,
        )

    async def _converse(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        """Return the child's last line that is neither progress nor a guess; empty if there is none."""
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The child was started without pipes")
        with suppress(ConnectionError):
            process.stdin.write(json.dumps(self._request).encode() + b"\n")
            await process.stdin.drain()
        if self._is_stopped:
            process.stdin.close()
        answer: dict[str, Any] = {}
        async for line in process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "progress" in message:
                self._on_progress(message["progress"])
            elif "guess" in message:
                self._on_guess(message["guess"])
            else:
                answer = message
        return answer

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Kill the child and any helpers it started: a killed child could not end them itself."""
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def _outcome(self, answer: dict[str, Any], process: asyncio.subprocess.Process) -> dict[str, Any]:
        if "result" in answer:
            return dict(answer["result"])
        if self._is_stopped:
            raise ChildStopped
        if "problem" in answer:
            raise UserError(answer["problem"])
        if "unexpected" in answer:
            raise ChildFailed(answer["unexpected"])
        if process.returncode == -signal.SIGXCPU:  # trying again would take as long
            raise UserError(given_up("file", "Import a part of it, to find out which of its rows take so long."))
        raise ChildDied(f"The child process ended with {process.returncode}")


async def _read_errors(stream: asyncio.StreamReader | None) -> str:
    """Return what arrives on `stream`, up to a limit; read and drop the rest, so that the child never blocks."""
    errors = bytearray()
    while stream is not None and (block := await stream.read(65536)):
        errors += block[: max(0, _MAX_ERRORS - len(errors))]
    return errors.decode(errors="replace").strip()
