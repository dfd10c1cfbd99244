"""A form that is submitted twice: one time after the other, or both at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from quart.testing import QuartClient

from webapp.db.database import Database

Submit = tuple[QuartClient, str, dict[str, str]]  # whose browser, where to, and the form


async def submit_in_turn(submit: Submit) -> list[int]:
    """The status codes."""
    client, path, form = submit
    return [(await client.post(path, form=form)).status_code for _ in range(2)]


async def submit_at_once(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The status codes, sorted. Nothing is written before both requests have read, or one has ended without writing."""
    client, path, form = submit
    arrived, may_write = 0, asyncio.Event()
    write = Database.write

    async def write_together(self: Database, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal arrived
        arrived += 1
        if arrived == 2:
            may_write.set()
        await asyncio.wait_for(may_write.wait(), 10)
        return await write(self, verb, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", write_together)
        requests = [asyncio.create_task(client.post(path, form=form)) for _ in range(2)]
        for request in requests:
            request.add_done_callback(lambda _: may_write.set())
        return sorted(answer.status_code for answer in await asyncio.gather(*requests))
