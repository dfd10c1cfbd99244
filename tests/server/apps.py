"""The application with a few extra routes, to test the building blocks of its views on a real server."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

from quart import Response, request
from quart.typing import ResponseReturnValue

from settings import Settings
from webapp import create_app
from webapp.serving.connection import HttpConnection
from webapp.web.access import public
from webapp.web.application import Application
from webapp.web.body import body_limit
from webapp.web.rate_limit import store
from webapp.web.streaming import events, streamed
from webapp.web.uploads import receive


def bodies(settings: Settings) -> Application:
    """`/take` for any body, `/upload` for files."""
    app = create_app(settings)
    folder = settings.data_dir / "uploads"

    @app.post("/whole")
    @public
    async def whole() -> ResponseReturnValue:
        return str(len(await request.get_data()))

    @app.post("/pieces")
    @public
    @body_limit(1000)
    async def pieces() -> ResponseReturnValue:
        return str(sum([len(piece) async for piece in request.body]))

    @app.post("/ignored")
    @public
    async def ignored() -> ResponseReturnValue:
        return "ignored"

    @app.route("/upload", methods=["POST", "PUT"])
    @public
    @body_limit(lambda settings: settings.upload_limit)
    async def upload() -> ResponseReturnValue:
        async with receive(folder) as received:
            assert received is not None
            return {"size": received.size, "sha256": received.sha256, "filename": received.filename}

    return app


def streams(settings: Settings) -> Application:
    """Streams that record what happens to them in files beside the database."""
    app = create_app(settings)

    def mark(name: str) -> None:
        (settings.data_dir / name).touch()

    async def ticking() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.05)
        finally:
            mark("ticking-ended")

    async def silent() -> AsyncIterator[bytes]:
        try:
            yield b"data: hello\n\n"
            await asyncio.Event().wait()
        finally:
            mark("silent-ended")

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            mark("endless-ended")

    async def failing() -> AsyncIterator[bytes]:
        yield b"a,b\n" * 1000
        raise RuntimeError("the disk is gone")

    async def slow() -> ResponseReturnValue:
        mark("slow-began")
        await asyncio.sleep(1)
        return "finished"

    async def stubborn() -> ResponseReturnValue:
        mark("stubborn-began")
        await asyncio.Event().wait()
        return "never"

    async def broken() -> ResponseReturnValue:
        raise RuntimeError("a secret of ours")

    for name, source in (("ticking", ticking), ("silent", silent)):
        app.add_url_rule(f"/{name}", name, public(_view(source, live=True)))
    for name, source in (("endless", endless), ("failing", failing)):
        app.add_url_rule(f"/{name}", name, public(_view(source, live=False)))
    for view in (slow, stubborn, broken):
        app.add_url_rule(f"/{view.__name__}", view.__name__, public(view))

    @app.teardown_request
    async def once(error: BaseException | None) -> None:
        """Would raise if it ran twice, as it does with `stream_with_context`."""
        count(settings.data_dir / "teardowns")

    @app.after_serving
    async def closed() -> None:
        mark("closed")

    return app


def unstartable(settings: Settings) -> Application:
    app = create_app(settings)

    @app.before_serving
    async def fail() -> None:
        raise RuntimeError("the moon is in the wrong place")

    return app


def _view(source, *, live):  # type: ignore[no-untyped-def]
    async def view() -> Response:
        return events(source) if live else streamed(source, "text/csv", "data.csv")

    return view


def count(path: Path) -> None:
    with path.open("a") as file:
        file.write("x")


def uncollected(settings: Settings) -> Application:
    """The garbage collector never runs, and `/alive` says what it would look at."""
    app = create_app(settings)
    gc.disable()

    @app.get("/alive")
    @public
    async def alive() -> ResponseReturnValue:
        objects = gc.get_objects()
        connections = sum(isinstance(each, HttpConnection) for each in objects)
        return {
            "threshold": gc.get_threshold(),
            "frozen": gc.get_freeze_count(),
            "objects": len(objects),
            "connections": connections,
        }

    return app


def patient_counts(settings: Settings) -> Application:
    """The shared store of counts may take long to answer, as it does on a busy machine."""
    store.TIMEOUT = 60
    return create_app(settings)
