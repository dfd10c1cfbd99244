"""Updating a table from a later file on the command line: the same tasks, without a server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from settings import Settings
from webapp.cli.import_command import Advance, LocalImport, copy_upload, local_import
from webapp.cli.terminal import ALLOW
from webapp.db.errors import UserError
from webapp.imports.comparison_report import ComparisonReport
from webapp.imports.update_settings import UpdateSettings
from webapp.jobs import JobContext
from webapp.jobs.import_passes import get_table
from webapp.models import Actor, ImportState, Table, User
from webapp.models.accounts.user import actor_from
from webapp.models.tables import import_updating, importing
from webapp.models.tables.import_update import ImportUpdate
from webapp.models.tables.import_updating import Decision
from webapp.models.tables.import_wishes import Wishes
from webapp.models.tables.unattended import MAX_COMPARISONS, TableKeepsChanging
from webapp.planners.update_plan import THEIRS


def update_table(
    settings: Settings,
    path: Path,
    table_id: int,
    *,
    mode: str | None = None,
    keys: Sequence[str] = (),
    missing: str | None = None,
    edits: str | None = None,
    allow_deletions: bool = False,
    dry_run: bool = False,
    progress: Advance,
) -> dict[str, Any]:
    """Update the table from the file as its owner, and return what changed; with `dry_run` what would. What is not
    given is as for the last file of this name, or as found. `keys` are titles of the table's columns.

    Raises `UserError`, with a readable message, and then leaves nothing behind; also if the table would lose most of
    its rows, unless `allow_deletions`.
    """
    wanted = Wishes(
        mode=mode, keys=tuple(keys), missing=missing, edits=edits or THEIRS, allows_deletions=allow_deletions
    )
    return asyncio.run(_update(settings, path, table_id, wanted, progress, is_dry=dry_run))


async def _update(
    settings: Settings,
    path: Path,
    table_id: int,
    wanted: Wishes,
    progress: Advance,
    *,
    is_dry: bool,
) -> dict[str, Any]:
    async with local_import(settings, progress, import_updating.give_up) as run:
        table, actor = await _find(run.context, table_id)
        file = await asyncio.to_thread(copy_upload, path, run.folder)
        await run.database.write(import_updating.create, run.import_id, actor, table_id, **file)
        update = _Update(run, table, actor, wanted)
        report = await update.compare()
        if is_dry:
            await run.database.write(importing.cancel, run.import_id)
            await run.queue.join()
        else:
            report = await update.apply(report)
        return report.summary() | {"loses_most": wanted.loses_most(report), "table": table_id, "dry_run": is_dry}


async def _find(context: JobContext, table_id: int) -> tuple[Table, Actor]:
    """The table and its owner."""
    table = await get_table(context, table_id)
    async with context.database.reading() as session:
        owner = await session.get(User, table.owner_id) if table is not None else None
    if table is None or owner is None:
        raise UserError(f"There is no table {table_id}.")
    return table, actor_from(owner)


class _Update:
    """A file for a table, from its comparison to the change."""

    def __init__(self, run: LocalImport, table: Table, actor: Actor, wanted: Wishes) -> None:
        self._database, self._context, self._queue = run.database, run.context, run.queue
        self._import_id, self._table, self._actor, self._wanted = run.import_id, table, actor, wanted

    async def compare(self) -> ComparisonReport:
        update = await self._wait()
        settings = self._wanted.applied_to(UpdateSettings.from_json(update.settings), self._table.columns)
        if update.comparison is None or settings.to_json() != update.settings:
            place = self._actor, self._table.id, self._import_id
            await self._database.write(import_updating.compare, *place, settings)
            update = await self._wait()
        return _report(update)

    async def apply(self, report: ComparisonReport) -> ComparisonReport:
        """Until the table is what it was compared as; returns what the last comparison said, `report` or another."""
        plan = str(self._context.folder(self._import_id).plan)
        for _ in range(MAX_COMPARISONS):
            self._wanted.ensure_enough_rows(report, f"add {ALLOW}")
            place = self._actor, self._table.id, self._import_id
            is_begun = await self._database.write(import_updating.apply, *place, Decision(self._wanted.edits), plan)
            update = await self._wait(ends=is_begun)
            if is_begun:
                return report
            report = _report(update)
        raise TableKeepsChanging

    async def _wait(self, *, ends: bool = False) -> ImportUpdate:
        """Until no task runs. Raises `UserError` if one has failed."""
        await self._queue.join()
        import_ = await self._context.get_import(self._import_id)
        async with self._database.reading() as session:
            update = await session.get(ImportUpdate, self._import_id)
        expected = ImportState.DONE if ends else ImportState.READY
        if import_ is None or update is None or import_.failure or import_.state != expected:
            raise UserError((import_ and import_.failure) or "The import was cancelled.")
        return update


def _report(update: ImportUpdate) -> ComparisonReport:
    report = update.report
    if report is None:
        raise UserError("The file could not be compared with the table.")
    return report
