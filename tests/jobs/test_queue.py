"""The queue: tasks that cannot be started, and what a new version of the server must still know."""

from typing import Any

import pytest

from settings import Settings
from tests.receiver import until
from webapp import create_app
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs, queue
from webapp.jobs import workflows
from webapp.jobs.tasks import TASKS
from webapp.models import Import, ImportState, Table, User
from webapp.models.tables.table import SearchIndex
from webapp.web.application import Application

IMPORT = "a" * 32


@pytest.fixture
async def stuck(app: Application, monkeypatch: pytest.MonkeyPatch) -> Application:
    """An app whose tasks cannot be started, with an import that is being read and a table whose index is missing."""

    def refuse(workflow_id: str, task: str, subject: str) -> None:
        raise OSError("no luck")

    async def add(work: UnitOfWork) -> None:
        work.session.add(User(id=1, email="ada@example.org", name="ada", password_hash="", role="owner"))
        await work.session.flush()
        work.session.add(
            Import(id=IMPORT, user_id=1, filename="f.csv", size=1, sha256="", state=ImportState.INSPECTING)
        )
        work.session.add(Table(id=1, owner_id=1, title="T", search_index=SearchIndex.BUILDING))

    monkeypatch.setattr(workflows, "start", refuse)
    await db.of(app).write(add)
    return app


async def start(app: Application, task: str, subject: str) -> None:
    await queue.of(app)._start(task, subject)


async def test_an_import_that_cannot_be_started_fails_in_words(stuck: Application) -> None:
    await start(stuck, "inspect_import", IMPORT)
    found = await jobs.of(stuck).wait_for_pass(IMPORT, 10)
    assert found is not None
    assert found.state == "failed"
    assert "went wrong on the server" in (found.failure or "")


async def test_an_index_that_cannot_be_started_fails_no_import_and_is_left_to_the_schedule(
    stuck: Application, caplog: pytest.LogCaptureFixture
) -> None:
    await start(stuck, "index_table", IMPORT)
    await until(lambda: f"The task index_table of {IMPORT} could not be started" in caplog.text)  # in the background

    found = await jobs.of(stuck).get_import(IMPORT)
    assert found is not None
    assert found.state == "inspecting"
    async with db.of(stuck).reading() as session:
        assert (await session.get_one(Table, 1)).search_index == "building"


async def test_a_second_app_of_the_process_cannot_start_tasks(app: Application, settings: Settings) -> None:
    await queue.of(app)._launched()
    other: Any = create_app(settings)
    with pytest.raises(RuntimeError, match="another app"):
        await queue.of(other)._launched()


def test_the_names_of_tasks_that_may_be_pending_still_exist() -> None:
    """Their names, and the version they were started for, are in people's `jobs.db`."""
    assert TASKS.keys() >= {"inspect_import", "load_import", "index_table", "send_mail"}
    assert workflows.APPLICATION_VERSION == "1"
