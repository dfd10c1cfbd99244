"""The command line loads rows while it still reads others: what comes out is the same, or nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.jobs.driver import Browser, assert_same_rows, write_csv
from tests.jobs.test_import_command import ignore, owned
from tests.servers import wait_for
from webapp.cli import early_draft, import_command
from webapp.cli.early_draft import EarlyDraft
from webapp.cli.import_command import import_file
from webapp.db.errors import UserError
from webapp.imports.child_process import Child
from webapp.jobs import JobContext, import_drafts
from webapp.models import Import

__all__ = ["owned"]

ROWS = 60_000


@pytest.fixture(autouse=True)
def _any_file_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_draft, "MIN_SIZE", 0)


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What child processes were asked for."""
    run_child, asked = JobContext.run_child, list[str]()

    async def noting(context: JobContext, subject: str, child: Child) -> dict[str, Any]:
        asked.append(child._request["verb"])
        return await run_child(context, subject, child)

    monkeypatch.setattr(JobContext, "run_child", noting)
    return asked


def bring_in(owned: Settings, path: Path, progress: Callable[[int, int], None] = ignore, **more: Any) -> None:
    import_file(owned, path, title=None, owner_email=None, progress=progress, **more)


def stored(browser: Browser) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in browser.ask("SELECT * FROM t1 ORDER BY id")]


def test_a_right_guess_leaves_nothing_to_be_loaded(
    owned: Settings, browser: Browser, tmp_path: Path, verbs: list[str]
) -> None:
    path = write_csv(tmp_path / "n.csv", ROWS)
    seen: list[int] = []
    bring_in(owned, path, lambda done, rows: seen.append(done))
    assert verbs == ["inspect", "draft"]
    assert_same_rows(browser, browser.ask("SELECT id FROM imports")[0]["id"], path)
    assert browser.drafts() == {}
    assert seen == sorted(seen)
    assert seen[-1] <= 2 * path.stat().st_size


def test_a_wrong_guess_is_as_if_there_had_been_none(
    owned: Settings, browser: Browser, tmp_path: Path, verbs: list[str]
) -> None:
    path = tmp_path / "codes.csv"
    codes = [str(n) if n < ROWS // 2 else f"A{n}" for n in range(ROWS)]
    path.write_text("n,code\n" + "".join(f"{n},{code}\n" for n, code in enumerate(codes)))
    bring_in(owned, path)
    assert verbs == ["inspect", "draft", "load"]
    assert stored(browser) == [(n + 1, n, code) for n, code in enumerate(codes)]
    assert browser.drafts() == {}


def test_a_correction_is_part_of_the_guess(owned: Settings, browser: Browser, tmp_path: Path, verbs: list[str]) -> None:
    path = tmp_path / "days.csv"
    path.write_text("n,day\n" + "".join(f"{n},0{n % 9 + 1}/05/2024\n" for n in range(ROWS)))
    bring_in(owned, path, order="mdy")
    assert verbs == ["inspect", "draft"]
    assert stored(browser)[1] == (2, 1, "2024-02-05")


@pytest.mark.parametrize("is_full", [True, False])
def test_rows_that_cannot_be_loaded_early_are_loaded_later(
    owned: Settings, browser: Browser, tmp_path: Path, verbs: list[str], monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    if is_full:
        monkeypatch.setattr(early_draft, "is_disk_free", lambda folder: False)
    else:
        monkeypatch.setattr(import_drafts, "DraftRequest", lambda *arguments: NoSuchVerb())
    path = write_csv(tmp_path / "n.csv", ROWS)
    bring_in(owned, path)
    assert verbs[-1] == "load"
    assert_same_rows(browser, browser.ask("SELECT id FROM imports")[0]["id"], path)


class NoSuchVerb:
    def to_json(self) -> dict[str, Any]:
        return {"verb": "unknown"}


def test_a_file_that_turns_out_to_be_no_table_leaves_no_rows(
    owned: Settings, browser: Browser, tmp_path: Path, verbs: list[str]
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("n,text\n" + "".join(f"{n},a\n" for n in range(300_000)) + "x" * 18_000_000)
    with pytest.raises(UserError, match="million characters"):
        bring_in(owned, path)
    assert "draft" in verbs
    assert browser.tables() == []
    assert not any(owned.imports_dir.iterdir())


def test_why_an_import_fails_is_said_even_if_its_rows_cannot_be_removed(
    owned: Settings, tmp_path: Path, verbs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(context: JobContext) -> None:
        raise UserError("The database is busy.")

    monkeypatch.setattr(early_draft, "drop_old_drafts", busy)
    path = tmp_path / "long.csv"
    path.write_text("n,text\n" + "".join(f"{n},a\n" for n in range(300_000)) + "x" * 18_000_000)
    with pytest.raises(UserError, match="million characters"):
        bring_in(owned, path)
    assert "draft" in verbs


def test_an_interrupted_import_leaves_no_rows(owned: Settings, browser: Browser, tmp_path: Path) -> None:
    interrupt(owned, write_csv(tmp_path / "n.csv", 200_000), lambda: any(browser.drafts().values()))
    assert browser.tables() == []
    assert not any(owned.imports_dir.iterdir())


def test_the_removal_of_a_wrong_guess_is_finished_when_it_is_interrupted(
    owned: Settings, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_drafts, "CLEAR_ROWS", 1_000)
    monkeypatch.setattr(import_drafts, "PAUSE_SECONDS", 0.2)
    settle = EarlyDraft.settle

    def is_to_be_removed() -> bool:
        return any("discarded" in name for name in browser.tables())

    async def settle_late(draft: EarlyDraft, import_: Import) -> None:
        """Not before there is so much to be removed that it takes a second."""
        enough = 5 * import_drafts.CLEAR_ROWS
        await asyncio.to_thread(
            wait_for, lambda: is_to_be_removed() or any(rows > enough for rows in browser.drafts().values())
        )
        await settle(draft, import_)

    monkeypatch.setattr(EarlyDraft, "settle", settle_late)
    path = tmp_path / "codes.csv"
    path.write_text("n,code\n" + "".join(f"{n},{n if n < 250_000 else f'A{n}'}\n" for n in range(300_000)))
    interrupt(owned, path, is_to_be_removed)
    assert browser.tables() == []


def interrupt(owned: Settings, path: Path, is_time: Callable[[], bool]) -> None:
    async def interrupted() -> None:
        running = asyncio.create_task(import_command._import(owned, path, None, None, ignore))
        await asyncio.to_thread(wait_for, is_time)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(interrupted())
