"""The database is locked when a pass has to record something."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.jobs.driver import Browser, assert_same_rows, write_csv
from tests.jobs.test_import_command import ignore, owned
from webapp.broker import InProcessBroker
from webapp.cli.import_command import import_file
from webapp.db.database import Database
from webapp.db.errors import DatabaseBusy
from webapp.imports.child_process import Child, ChildStopped
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides
from webapp.jobs import JobContext, import_passes
from webapp.models import Import, ImportState
from webapp.models.tables import importing
from webapp.rowstore import create_store

__all__ = ["owned"]


def refuse_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    verb = getattr(importing, name)
    refused: list[bool] = []

    async def busy_at_first(*args: Any) -> Any:
        if not refused:
            refused.append(True)
            raise DatabaseBusy
        return await verb(*args)

    monkeypatch.setattr(importing, name, busy_at_first)


@pytest.mark.parametrize("verb", ["record_inspection", "finish_loading"])
def test_a_pass_retries_while_the_database_is_busy(
    verb: str, owned: Settings, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_passes, "RETRY_AFTER", (0.01,))
    refuse_once(monkeypatch, verb)
    path = write_csv(tmp_path / "n.csv", 300)
    import_file(owned, path, title=None, owner_email=None, progress=ignore)
    (found,) = browser.ask("SELECT id FROM imports")
    assert_same_rows(browser, found["id"], path)


@pytest.fixture
async def database(owned: Settings) -> Any:
    opened = Database(owned)
    await opened.open()
    yield opened
    await opened.close()


async def created(database: Database, path: Path) -> str:
    import_id = secrets.token_hex(16)
    await database.write(importing.create, import_id, user_id=1, filename=path.name, size=1, sha256="")
    return import_id


async def test_a_failure_recorded_after_a_retry_keeps_the_upload(
    owned: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_passes, "RETRY_AFTER", (0.01, 0.01))
    context = JobContext(owned, database, create_store(database), InProcessBroker())
    path = write_csv(tmp_path / "n.csv", 3)
    import_id = await created(database, path)
    await database.write(importing.record_inspection, import_id, inspect_file(path, path.name).to_json())
    await database.write(importing.begin_loading, import_id, ImportOverrides())
    context.folder(import_id).path.mkdir(parents=True)
    context.folder(import_id).original.touch()
    refuse_once(monkeypatch, "fail")
    await import_passes.fail_import(context, import_id, ValueError("no luck"))
    found = await context.get_import(import_id)
    assert found is not None
    assert found.state == "failed"
    assert context.folder(import_id).original.exists()  # it can be read again with other settings


class QuickChild(Child):
    """Nothing to stop any more, whenever somebody tries."""

    def __init__(self) -> None:
        super().__init__({}, ignore)

    async def run(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {}


async def test_a_pass_of_a_cancelled_import_starts_no_child_process(
    owned: Settings, database: Database, tmp_path: Path
) -> None:
    context = JobContext(owned, database, create_store(database), InProcessBroker())
    import_id = await created(database, write_csv(tmp_path / "n.csv", 3))
    context.folder(import_id).path.mkdir(parents=True)

    async def run_on() -> None:
        async with asyncio.timeout(10):
            while True:
                await context.run_child(import_id, QuickChild())

    async def start_children(_: Import) -> None:
        await database.write(importing.cancel, import_id)
        discarding.append(asyncio.create_task(import_passes.discard_import(context, import_id)))
        with pytest.raises(ChildStopped):
            await run_on()
        are_stopped.append(True)

    are_stopped, discarding = list[bool](), list[asyncio.Task[None]]()
    await import_passes.run_pass(context, import_id, ImportState.INSPECTING, start_children)
    await discarding[0]
    assert are_stopped
    assert not context.folder(import_id).path.exists()
