"""An installation of the release before is upgraded by starting this version on it, and everything is there.

Nothing here names a revision: whatever migrations come are tested by this as soon as they are there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import pytest

from settings import Settings
from tests.copies.installations import ignore
from tests.database import FILE, broken
from tests.servers import PATIENCE
from tests.upgrades.visits import Visit, export, signed_in
from webapp.cli import doctor
from webapp.copies.backup import back_up
from webapp.db import migrations
from webapp.db.migrations import NewerDatabase
from webapp.db.systems import system_of
from webapp.models import Base
from webapp.web.application import Application

EVERYBODY = ("/dashboard", "/account", "/tables/1", "/tables/1/rows/1", "/tables/1/history", "/tables/trash")
OWNERS = (
    "/account/tokens",
    "/admin/audit",
    "/admin/jobs",
    "/admin/people",
    "/tables/1/columns/2",
    "/tables/1/links",
    "/tables/1/members",
    "/tables/1/trash",
    "/tables/1/webhooks",
    "/tables/1/webhooks/1",
    "/tables/2?view=1",
    "/tables/2/changes/1",
    "/tables/2/forms",
    "/tables/2/forms/1",
    "/tables/2/history/3",
    "/tables/2/imports",
)


@pytest.fixture
async def ada(app: Application, recorded: dict[str, Any]) -> Visit:
    return await signed_in(app, "ada@example.org", recorded)


@pytest.fixture
def program(app: Application, recorded: dict[str, Any]) -> Visit:
    return Visit(app, recorded["token"])


async def test_the_start_migrates_it(before: Settings, app: Application) -> None:
    from alembic import command

    assert migrations.current(before) == migrations.head()
    command.check(migrations.configuration(before, Base.metadata))  # the schema is that of the models
    assert broken(before.data_dir / FILE) == []
    about_the_data = {system_of(before).fitness().name, "data folder", "clock"}
    found = [check for check in doctor.checks(before) if check.name in about_the_data]
    assert [str(check) for check in found if not check.is_good] == []
    assert len(found) == len(about_the_data)


def test_an_older_version_does_not_start_on_what_a_newer_one_has_upgraded(
    before: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the program is older instead."""
    recorded, known = migrations.current(before), migrations.revisions()
    assert recorded
    monkeypatch.setattr(migrations, "revisions", lambda: {revision for revision in known if revision < recorded})
    with pytest.raises(NewerDatabase, match=f"it has revision {recorded}.* restore the backup"):
        migrations.upgrade(before)
    with pytest.raises(NewerDatabase):
        back_up(before, tmp_path / "all.zip", force=False, progress=ignore)
    assert migrations.current(before) == recorded


async def test_everybody_signs_in_and_opens_pages(app: Application, recorded: dict[str, Any], ada: Visit) -> None:
    for path in EVERYBODY + OWNERS:
        await ada.get(path)
    assert b"gone" in await ada.get("/tables/trash")
    for name, may_edit in (("eve", True), ("gus", False)):
        visit = await signed_in(app, f"{name}@example.org", recorded)
        for path in EVERYBODY:
            await visit.get(path)
        assert "Zoé".encode() in await visit.get("/tables/1")
        await visit.get("/tables/1/rows/1/edit", 200 if may_edit else 403)
        await visit.get("/tables/2", 404)
        await visit.get("/admin/people", 403)


async def test_a_second_factor_is_the_same(app: Application, recorded: dict[str, Any]) -> None:
    """Its secret is encrypted with the key of the folder."""
    for code in (pyotp.TOTP(recorded["secret"]).at(int(time.time())), recorded["recovery_code"]):
        bob = await signed_in(app, "bob@example.org", recorded)
        await bob.get("/admin/people", 303)
        await bob.post("/login/code", code=code)
        assert b"eve@example.org" in await bob.get("/admin/people")


async def test_exports_originals_and_histories_are_the_same(
    ada: Visit, program: Visit, recorded: dict[str, Any]
) -> None:
    for table_id, hashes in recorded["exports"].items():
        for kind in ("csv", "json", "ndjson"):
            assert await program.sha256(export(table_id, kind)) == hashes[kind]
        assert await ada.sha256(f"/tables/{table_id}/original") == hashes["original"]
        changes = (await program.call(f"/tables/{table_id}/changes?after=0"))["items"]
        assert [[one["seq"], one["kind"], one["by"]["name"]] for one in changes] == recorded["histories"][table_id]


async def test_what_was_changed_is_undone_and_what_was_deleted_comes_back(
    ada: Visit, program: Visit, recorded: dict[str, Any]
) -> None:
    for expected in recorded["undone"]:
        await ada.post("/tables/1/undo")
        assert await program.sha256(export(1)) == expected
    await ada.post("/tables/trash/3/restoration")
    assert await program.sha256(export(3)) == recorded["in_the_trash"]


async def test_a_large_change_is_undone(ada: Visit, program: Visit, recorded: dict[str, Any]) -> None:
    """After what came later: one after the other, in the background."""

    async def begin(seq: int) -> bool:
        return await ada.status(f"/tables/2/history/{seq}/revert?back=/tables/2") != 422

    async def is_done() -> bool:
        return bool(await program.sha256(export(2)) == recorded["before_large_change"])

    for seq in range(len(recorded["histories"]["2"]), recorded["large_change"] - 1, -1):
        await until(partial(begin, seq))
    await until(is_done)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  (as whoever waits for it looks again)
            await asyncio.sleep(0.02)


async def test_links_and_forms_open(app: Application, program: Visit, recorded: dict[str, Any]) -> None:
    visitor, links = Visit(app), recorded["links"]
    shown = await visitor.get(links["open"])
    assert "Zoé".encode() in shown
    assert b"Checked" not in shown  # a column that it does not show
    assert b"203 rows" in await visitor.get(links["view"])  # of 1200
    await visitor.get(links["secret"], 401)
    await visitor.post(f"{links['secret']}/password", password=recorded["password"])
    assert b"Checked" in await visitor.get(links["secret"])
    assert b"What did you see?" in await visitor.get(recorded["form"])


async def test_work_goes_on_with_new_numbers(program: Visit, recorded: dict[str, Any]) -> None:
    change = {"id": 2, "cells": {"Amount": 5}}
    await program.call("/tables/1/rows", "PATCH", rows=[change])
    assert (await program.call("/tables/1"))["seq"] == len(recorded["histories"]["1"]) + 1
    added = await program.call("/tables/2/rows", "POST", rows=[{"cells": {"Number": 1}}])
    assert added["ids"] == [1203]
    made = await program.call("/tables", "POST", title="New", columns=[{"title": "A"}])
    assert made["id"] == 4
