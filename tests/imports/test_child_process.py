"""A child process and its parent: their protocol, and how each notices that the other is gone."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.driver import is_running
from tests.servers import ROOT, wait_for
from webapp.db.errors import UserError
from webapp.imports import child_process, worker
from webapp.imports.child_process import Child, ChildDied, ChildFailed, ChildStopped
from webapp.imports.requests import ImportFolder, InspectRequest


def ignore(progress: dict[str, Any]) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> ImportFolder:
    (tmp_path / "original").write_bytes(b"a,b\n1,x\n2,y\n")
    return ImportFolder(tmp_path)


def inspection_of(folder: ImportFolder, **overrides: Any) -> dict[str, Any]:
    return InspectRequest(str(folder.path), "small.csv", overrides, max_columns=2_000).to_json()


async def test_a_child_reports_progress_and_stores_its_result(folder: ImportFolder) -> None:
    steps: list[dict[str, Any]] = []
    assert await Child(inspection_of(folder), steps.append).run() == {"rows": 2}
    assert steps
    assert steps[0] == {"bytes": 12, "rows": 2}
    assert json.loads(folder.inspection.read_text())["rows"] == 2


async def test_an_error_of_the_file_is_returned_as_a_message(folder: ImportFolder) -> None:
    folder.original.write_bytes(b"")
    with pytest.raises(UserError, match="empty file"):
        await Child(inspection_of(folder), ignore).run()
    folder.original.unlink()
    with pytest.raises(UserError, match="no longer on the server"):
        await Child(inspection_of(folder), ignore).run()


async def test_a_file_that_needs_more_memory_than_a_pass_may_have_is_refused(
    folder: ImportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "COMMAND", ("-m", "tests.imports.small_worker"))
    assert await Child(inspection_of(folder), ignore).run() == {"rows": 2}
    folder.original.write_text("a,b\n" + ("ж" * 8_000_000 + ",1\n") * 2)
    with pytest.raises(UserError, match="more memory"):
        await Child(inspection_of(folder), ignore).run()


@pytest.mark.parametrize(("verb", "advice"), [("compare", "Import it in parts"), ("plan", "Change fewer rows")])
def test_what_needs_too_much_memory_says_what_to_do_instead(
    verb: str, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def need_memory(request: dict[str, Any]) -> dict[str, Any]:
        raise MemoryError

    monkeypatch.setitem(worker.VERBS, verb, need_memory)
    monkeypatch.setattr(worker, "_stop_with_the_parent", lambda: None)
    monkeypatch.setattr("os.nice", lambda increment: 0)
    monkeypatch.setattr("gc.disable", lambda: None)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"verb": verb}).encode())))
    assert worker.main() == 1
    assert advice in json.loads(capsys.readouterr().out)["problem"]


async def test_an_unexpected_error_is_logged_with_its_traceback(
    folder: ImportFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ChildFailed):
        await Child(inspection_of(folder, nonsense=1), ignore).run()
    assert "Traceback" in caplog.text


async def test_a_child_ends_when_it_is_stopped_and_when_its_parent_is_cancelled(folder: ImportFolder) -> None:
    with folder.exclusive():  # so that the child waits
        child = Child(inspection_of(folder), ignore)
        running = asyncio.create_task(child.run())
        await asyncio.to_thread(wait_for, lambda: child.pid)
        child.stop()
        with pytest.raises(ChildStopped):
            await running
        assert not is_running(child.pid)

        child = Child(inspection_of(folder), ignore)
        running = asyncio.create_task(child.run())
        await asyncio.to_thread(wait_for, lambda: child.pid)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not is_running(child.pid)


async def test_a_killed_child_is_reported_as_dead(folder: ImportFolder) -> None:
    with folder.exclusive():
        child = Child(inspection_of(folder), ignore)
        running = asyncio.create_task(child.run())
        await asyncio.to_thread(wait_for, lambda: child.pid)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildDied):
            await running


async def test_a_second_child_waits_for_the_first(folder: ImportFolder) -> None:
    with folder.exclusive():
        running = asyncio.create_task(Child(inspection_of(folder), ignore).run())
        done, _ = await asyncio.wait({running}, timeout=0.5)
        assert not done
    assert await running == {"rows": 2}


def test_a_child_ends_with_its_parent_however_that_ends(folder: ImportFolder) -> None:
    parent = (
        "import asyncio, json, sys\n"
        "from webapp.imports.child_process import Child\n"
        "async def main():\n"
        "    child = Child(json.loads(sys.argv[1]), print)\n"
        "    running = asyncio.ensure_future(child.run())\n"
        "    while child.pid is None: await asyncio.sleep(0.01)\n"
        "    print(child.pid, flush=True)\n"
        "    await running\n"
        "asyncio.run(main())\n"
    )
    with folder.exclusive():
        process = subprocess.Popen(
            [sys.executable, "-c", parent, json.dumps(inspection_of(folder))], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert is_running(child)
        process.kill()
        process.wait()
        process.stdout.close()
        wait_for(lambda: not is_running(child))


@pytest.mark.parametrize("verb", ["_inspect", "_load", "_index"])
def test_a_child_loads_neither_the_web_nor_the_database_layer(verb: str, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from webapp.imports import worker\n"
        f"request = {{'folder': {str(tmp_path)!r}, 'database': {str(tmp_path / 'x.db')!r}, 'table_id': 1,"
        " 'import_id': '', 'filename': '', 'overrides': {}, 'columns': [], 'options': {}}\n"
        f"try: worker.{verb}(request)\n"
        "except Exception: pass\n"
        "print(*sorted({'quart', 'sqlalchemy', 'dbos', 'pydantic'} & set(sys.modules)))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


async def test_a_child_that_inspects_has_a_lower_priority_than_the_server(folder: ImportFolder) -> None:
    """Niceness counts within a session; sessions share the processor alike."""
    with folder.exclusive():
        child = Child(inspection_of(folder), ignore)
        running = asyncio.create_task(child.run())
        await asyncio.to_thread(wait_for, lambda: child.pid)
        pid = child.pid or 0
        await asyncio.to_thread(wait_for, lambda: os.getpriority(os.PRIO_PROCESS, pid) > os.nice(0))
        assert os.getsid(pid) == os.getsid(0)
        assert os.getpgid(pid) == pid
        child.stop()
        with pytest.raises(ChildStopped):
            await running


async def test_a_child_does_not_inherit_secrets(folder: ImportFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWCAST_SECRET_KEY", "not for children")
    with folder.exclusive():
        child = Child(inspection_of(folder), ignore)
        running = asyncio.create_task(child.run())
        await asyncio.to_thread(wait_for, lambda: child.pid)
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        child.stop()
        with pytest.raises(ChildStopped):
            await running
    assert b"ROWCAST" not in environment


async def test_a_pass_is_given_up_after_the_processor_time_that_fits_its_file(
    folder: ImportFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a second is enough for any file, and the inspection of this one never ends."""
    endless = tmp_path / "endless"
    endless.mkdir()
    program = (
        "from webapp.formats import process\nfrom webapp.imports import inspect_file\n"
        "def inspect(*args, **more):\n    while True: pass\n"
        "process.BASE_SECONDS, inspect_file.inspect_file = 1, inspect\n"
    )
    (endless / "sitecustomize.py").write_text(program)
    monkeypatch.setattr(child_process, "_PROJECT", f"{endless}:{ROOT}")
    with pytest.raises(UserError, match=r"far more processor time than .*given up. Import a part of it"):
        await Child(inspection_of(folder), ignore).run()
