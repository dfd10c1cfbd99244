"""Laying a file over a table that exists from the command line: the same tasks, without a server."""

import asyncio
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from settings import Settings
from webapp.cli.import_command import Advance, LocalQueue, copy_upload, open_locally
from webapp.db.database import Database
from webapp.db.errors import UserError, known_error
from webapp.imports.update_settings import Missing, Mode, UpdateSettings
from webapp.jobs import JobContext
from webapp.jobs.import_passes import get_table
from webapp.models import Actor, ImportState, Table, User
from webapp.models.accounts.user import actor_from
from webapp.models.errors import NotFound
from webapp.models.tables import import_updating, importing
from webapp.models.tables.import_model import StateConflict
from webapp.models.tables.import_update import ImportUpdate
from webapp.models.tables.import_updating import Decision

MAX_COMPARISONS = 5  # of a table that others keep changing


def update_table(
    settings: Settings,
    path: Path,
    table_id: int,
    *,
    mode: str | None = None,
    keys: Sequence[str] = (),
    missing: str | None = None,
    edits: str = "theirs",
    dry_run: bool = False,
    progress: Advance,
) -> dict[str, Any]:
    """Lay the file over the table as its owner, and return what changed; with `dry_run` what would. What is not given
    is as for the last file of this name, or as found. `keys` are titles of the table's columns.

    Raises `UserError`, with a readable message, and then leaves nothing behind.
    """
    wanted = {"mode": mode, "keys": keys, "missing": missing}
    return asyncio.run(_update(settings, path, table_id, wanted, edits, progress, is_dry=dry_run))


def describe(summary: dict[str, Any]) -> str:
    counts = [f"{summary[name]:,} {name}" for name in ("added", "changed", "removed", "marked", "same")]
    refused = sum(summary["refused"].values())
    conflicts = sum(count for kind, count in summary["conflicts"].items() if kind != "both")
    notes = [f"{refused:,} rows without a usable key"] * bool(refused) + [f"{conflicts:,} edits met"] * bool(conflicts)
    return ("Would be: " if summary["dry_run"] else "") + ", ".join([*counts, *notes])


async def _update(
    settings: Settings,
    path: Path,
    table_id: int,
    wanted: dict[str, Any],
    edits: str,
    progress: Advance,
    *,
    is_dry: bool,
) -> dict[str, Any]:
    database, context, queue = await open_locally(settings, progress)
    import_id = secrets.token_hex(16)
    folder = context.folder(import_id)
    try:
        table, actor = await _find(context, table_id)
        file = await asyncio.to_thread(copy_upload, path, folder.path)
        await database.write(import_updating.create, import_id, actor, table_id, **file)
        run = _Run(database, context, queue, import_id, table, actor)
        summary = await run.compare(wanted)
        if is_dry:
            await database.write(importing.cancel, import_id)
            await queue.join()
        else:
            summary = await run.apply(Decision(edits)) or summary
        return summary | {"table": table_id, "dry_run": is_dry}
    except BaseException as error:  # also Ctrl-C
        await queue.cancel()
        try:
            await database.write(import_updating.give_up, import_id)
            await queue.join()  # what has been applied is taken back
        except NotFound:  # the file was still being copied
            await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)
        except StateConflict:
            pass  # it has failed and said so, or is done
        if isinstance(error, OSError):
            raise known_error(error) or UserError(f"The file could not be copied: {error.strerror}.") from error
        raise
    finally:
        await database.close()


async def _find(context: JobContext, table_id: int) -> tuple[Table, Actor]:
    """The table and its owner."""
    table = await get_table(context, table_id)
    async with context.database.reading() as session:
        owner = await session.get(User, table.owner_id) if table is not None else None
    if table is None or owner is None:
        raise UserError(f"There is no table {table_id}.")
    return table, actor_from(owner)


class _Run:
    def __init__(
        self, database: Database, context: JobContext, queue: LocalQueue, import_id: str, table: Table, actor: Actor
    ) -> None:
        self._database, self._context, self._queue = database, context, queue
        self._import_id, self._table, self._actor = import_id, table, actor

    async def compare(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """What the comparison says, as `ComparisonReport.summary`."""
        update = await self._wait()
        settings = self._chosen(UpdateSettings.from_json(update.settings), wanted)
        if update.comparison is None or settings.to_json() != update.settings:
            place = self._actor, self._table.id, self._import_id
            await self._database.write(import_updating.compare, *place, settings)
            update = await self._wait()
        return _summary(update)

    async def apply(self, decision: Decision) -> dict[str, Any] | None:
        """Until the table is what it was compared as; returns what the last comparison said, if there was another."""
        plan, summary = str(self._context.folder(self._import_id).plan), None
        for _ in range(MAX_COMPARISONS):
            place = self._actor, self._table.id, self._import_id
            is_begun = await self._database.write(import_updating.apply, *place, decision, plan)
            update = await self._wait(ends=is_begun)
            if is_begun:
                return summary
            summary = _summary(update)
        raise UserError("Others keep changing the table. Nothing was imported; try again when it is quieter.")

    def _chosen(self, settings: UpdateSettings, wanted: dict[str, Any]) -> UpdateSettings:
        """As asked for on the command line. Raises `UserError` for an unknown column."""
        numbers = {column.title.casefold(): column.number for column in self._table.columns}
        if unknown := [title for title in wanted["keys"] if title.casefold() not in numbers]:
            raise UserError(f"The table has no column “{unknown[0]}”.")
        keys = tuple(numbers[title.casefold()] for title in wanted["keys"]) or settings.keys
        mode = Mode(wanted["mode"] or settings.mode)
        return replace(settings, mode=mode, keys=keys, missing=Missing(wanted["missing"] or settings.missing))

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


def _summary(update: ImportUpdate) -> dict[str, Any]:
    report = update.report
    if report is None:
        raise UserError("The file could not be compared with the table.")
    return report.summary()
