"""Requests that take turns (`webapp/web/turns.py`), as those for live streams do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from quart.testing import QuartClient

from tests.servers import PATIENCE
from webapp.live.streams import AT_ONCE, PATH
from webapp.web.application import Application
from webapp.web.streaming import streamed
from webapp.web.turns import Turns


@pytest.fixture(autouse=True)
async def _patience() -> AsyncIterator[None]:
    async with asyncio.timeout(PATIENCE):
        yield


async def _nothing(message: Any) -> None:
    pass


async def _waits(task: "asyncio.Task[Any]") -> bool:
    """Whether it does not end by itself, however often others have their turn."""
    for _ in range(100):
        await asyncio.sleep(0)
    return not task.done()


async def test_another_has_its_turn_when_the_head_of_one_has_been_sent() -> None:
    turns, began = Turns(2), list[int]()

    async def request(number: int, may_answer: asyncio.Event) -> None:
        async with turns.taken(_nothing) as send:
            began.append(number)
            await may_answer.wait()
            await send({"type": "http.response.start"})
            await asyncio.Event().wait()

    answers = [asyncio.Event() for _ in range(4)]
    tasks = [asyncio.create_task(request(number, event)) for number, event in enumerate(answers)]
    assert await _waits(tasks[0])
    assert began == [0, 1]
    answers[1].set()
    assert await _waits(tasks[1])
    assert began == [0, 1, 2]
    answers[0].set()
    assert await _waits(tasks[0])
    assert began == [0, 1, 2, 3]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_all_that_is_sent_arrives_and_a_turn_ends_once() -> None:
    turns, sent = Turns(1), list[Any]()

    async def keep(message: Any) -> None:
        sent.append(message)

    async with turns.taken(keep) as send:
        for message in ("start", "body", "end"):
            await send(message)
    assert sent == ["start", "body", "end"]
    async with turns.taken(_nothing):
        another = asyncio.create_task(turns.taken(_nothing).__aenter__())
        assert await _waits(another)
    await another


@pytest.mark.parametrize("is_waiting", [True, False])
async def test_a_request_that_is_cancelled_gives_its_turn_back(is_waiting: bool) -> None:
    turns = Turns(1)

    async def request() -> None:
        async with turns.taken(_nothing):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(request()) for _ in range(2)]
    assert await _waits(tasks[0])
    for task in reversed(tasks) if is_waiting else tasks:
        task.cancel()
        assert not await _waits(task)
    async with turns.taken(_nothing):
        pass


async def test_other_paths_do_not_wait(bare: Application, serve: Callable[..., QuartClient]) -> None:
    async def view() -> str:
        return "answered"

    bare.turns["/try"] = Turns(1)
    client = serve(view)
    serve(view, "/other")
    async with bare.turns["/try"].taken(_nothing):
        waiting = asyncio.create_task(client.get("/try"))
        assert await (await client.get("/other")).get_data() == b"answered"
        assert await _waits(waiting)
    assert await (await waiting).get_data() == b"answered"


async def test_a_request_that_fails_gives_its_turn_back(bare: Application, serve: Callable[..., QuartClient]) -> None:
    async def view() -> str:
        raise RuntimeError("a secret of ours")

    bare.turns["/try"] = Turns(1)
    client = serve(view)
    for _ in range(3):
        assert (await client.get("/try")).status_code == 500


async def test_a_stream_has_its_turn_only_until_it_begins(bare: Application, serve: Callable[..., QuartClient]) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async def view() -> Any:
        return streamed(source, "text/csv")

    bare.turns["/try"] = Turns(1)
    client = serve(view)
    async with client.request("/try") as one, client.request("/try") as other:
        for connection in (one, other):
            await connection.send_complete()
            assert await connection.receive() == b"first"
        await one.disconnect()
        await other.disconnect()


async def test_live_streams_take_turns(app: Application, client: QuartClient) -> None:
    held = [app.turns[PATH].taken(_nothing) for _ in range(AT_ONCE)]
    for turn in held:
        await turn.__aenter__()
    waiting = asyncio.create_task(client.get(PATH))
    assert (await client.get("/up")).status_code == 200
    assert await _waits(waiting)
    for turn in held:
        await turn.__aexit__(None, None, None)
    assert (await waiting).status_code == 303
