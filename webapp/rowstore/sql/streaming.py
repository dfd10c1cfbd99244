"""Blocks made in threads, one ahead of whoever takes them."""

import asyncio
import threading
from contextlib import ExitStack

from webapp.rowstore.reader import Blocks


def start(blocks: Blocks, cancelled: threading.Event) -> "asyncio.Future[bytes | None]":
    """The next block, unless nobody wants it any more when a thread is free for it."""
    return asyncio.ensure_future(asyncio.to_thread(lambda: None if cancelled.is_set() else next(blocks, None)))


def close_after(running: "asyncio.Future[bytes | None]", resources: ExitStack) -> None:
    """Close them once no thread uses them any more."""

    def close(done: "asyncio.Future[bytes | None]") -> None:
        if not done.cancelled():
            done.exception()  # retrieved, since nobody else will
        resources.close()

    if running.done():
        close(running)
    else:
        running.add_done_callback(close)
