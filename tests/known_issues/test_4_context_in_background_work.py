"""4. Context in threads and background work: missing where it is expected, present where it must not be used."""

import asyncio
import threading
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from quart import Quart, g, has_app_context, has_request_context, request
from quart.datastructures import FileStorage
from quart.testing import QuartClient
from quart.typing import ResponseReturnValue
from sqlalchemy import update

from tests.helpers import sign_up
from tests.known_issues.plain import IS_023
from tests.servers import PATIENCE
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, jobs
from webapp.jobs import JobContext
from webapp.jobs.tasks import TASKS
from webapp.models import User
from webapp.web.application import Application
from webapp.web.session import current_user


def what_is_there() -> dict[str, Any]:
    is_app = has_app_context()
    return {"app": is_app, "request": has_request_context(), "g": g.get("seen") if is_app else None}


async def test_plain_quart_loses_the_context_in_some_threads_and_not_in_others() -> None:
    """Fails if Quart, or asyncio, treats them alike."""
    app, seen = Quart("plain"), {}

    @app.get("/")
    async def view() -> ResponseReturnValue:
        g.seen = 1
        thread = threading.Thread(target=lambda: seen.update(thread=what_is_there()))
        thread.start()
        thread.join()
        seen["executor"] = await asyncio.get_running_loop().run_in_executor(None, what_is_there)
        seen["to_thread"] = await asyncio.to_thread(what_is_there)
        return ""

    await app.test_client().get("/")

    assert seen["thread"] == seen["executor"] == {"app": False, "request": False, "g": None}
    assert seen["to_thread"] == {"app": True, "request": True, "g": 1}


async def test_plain_quart_leaks_the_request_into_a_task_that_outlives_it() -> None:
    """Fails if both versions treat background tasks alike: 0.22 passes the request, with its contents, to the task."""
    app, seen, ended = Quart("plain"), {}, asyncio.Event()

    @app.get("/")
    async def view() -> ResponseReturnValue:
        g.seen = 1
        app.add_background_task(job)
        return ""

    async def job() -> None:
        await ended.wait()
        seen.update(what_is_there(), path=request.path if has_request_context() else None)

    await app.test_client().get("/")
    ended.set()
    await asyncio.gather(*app.background_tasks)

    assert seen == {"app": True, "request": not IS_023, "g": None, "path": None if IS_023 else "/"}


async def test_plain_quart_shares_g_with_tasks_created_by_hand() -> None:
    """Fails if `create_task` no longer copies the context: then a session on `g` would be in one task only."""
    app, seen, ended = Quart("plain"), {}, asyncio.Event()

    async def job() -> None:
        await ended.wait()
        seen.update(what_is_there())

    @app.get("/")
    async def view() -> ResponseReturnValue:
        g.seen = "a session, closed by teardown"
        seen["task"] = asyncio.create_task(job())
        return ""

    await app.test_client().get("/")
    ended.set()
    await seen.pop("task")

    assert seen["g"] == "a session, closed by teardown"


async def test_our_shared_objects_are_found_through_the_app_in_a_thread(app: Application) -> None:
    """`db()` needs a context and says so; `db.of(app)` needs none. Threads and jobs receive what they need."""
    with pytest.raises(RuntimeError, match=r"context"):
        await asyncio.get_running_loop().run_in_executor(None, db)

    found = await asyncio.get_running_loop().run_in_executor(None, config.of, app)

    assert found is config.of(app)


async def test_our_background_task_gets_ids_and_opens_its_own_session(app: Application, client: QuartClient) -> None:
    """A write that nobody waits for continues after its request was torn down, without needing `g`."""
    torn_down = asyncio.Event()

    async def rename(work: UnitOfWork, user_id: int) -> None:
        await torn_down.wait()
        await work.session.execute(update(User).where(User.id == user_id).values(name="Countess"))

    @app.get("/rename")
    async def view() -> ResponseReturnValue:
        db().write_soon(rename, current_user().id)
        return ""

    @app.teardown_request
    async def over(error: BaseException | None) -> None:
        torn_down.set()

    await sign_up(client)
    torn_down.clear()
    assert (await client.get("/rename")).status_code == 200
    await db.of(app).wait_for_writes()

    async with db.of(app).reading() as session:
        assert (await session.get_one(User, 1)).name == "Countess"


async def test_our_durable_workflow_gets_an_id_and_nothing_of_the_request(
    app: Application, client: QuartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts in a thread of the workflow engine and does its work on the event loop, in an empty context."""
    seen: list[Any] = []
    inspect_import = TASKS["inspect_import"]

    async def probed(context: JobContext, subject: str) -> None:
        seen.append((subject, what_is_there()))
        await inspect_import.run(context, subject)

    monkeypatch.setitem(TASKS, "inspect_import", replace(inspect_import, run=probed))
    await sign_up(client)
    file = FileStorage(BytesIO(b"a,b\n1,2\n"), "two.csv", "file", "text/csv")
    answer = await client.post("/tables", files={"file": file})
    import_id = answer.headers["Location"].rpartition("/")[2]
    found = await jobs.of(app).wait_for_pass(import_id, PATIENCE)

    assert found is not None
    assert found.state == "ready", found.failure
    assert seen == [(import_id, {"app": False, "request": False, "g": None})]
