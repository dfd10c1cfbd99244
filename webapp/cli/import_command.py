"""Imports from the command line: the same passes in the same child processes, without a server and without DBOS."""

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from settings import Settings
from webapp.broker import Broker
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.folders import private_folder
from webapp.db.sqlite_driver import problem
from webapp.imports.report import ImportOverrides
from webapp.jobs import JobContext, Jobs
from webapp.jobs.progress import Progress
from webapp.models import ImportState, Role, User
from webapp.models.accounts.user import normalise_email
from webapp.models.errors import NotFound

BLOCK = 1024 * 1024

Advance = Callable[[int, int], None]  # (bytes of two passes over the file, rows)


def import_file(
    settings: Settings, path: Path, *, title: str | None, owner_email: str | None, progress: Advance
) -> int:
    """Import the file and return the id of its table. Raises `UserError`, with a readable message, and then leaves
    nothing behind.
    """
    return asyncio.run(_import(settings, path, title, owner_email, progress))


class Foreground(Jobs):
    """Runs each pass at once, on this process's own loop."""

    def start(self, name: str, subject: str) -> None:
        """The full-text index is left to the server: the table is usable without it."""
        if name != "index_table":
            self.background.spawn(self._perform(name, subject))


class Watched(JobContext):
    """Draws the progress of a pass for the person waiting."""

    def __init__(self, settings: Settings, database: Database, advance: Advance) -> None:
        super().__init__(settings, database, Broker())
        self._advance = advance

    def report(self, progress: Progress) -> None:
        before = progress.size if progress.state == ImportState.LOADING else 0
        self._advance(before + progress.bytes, progress.rows)


async def _import(settings: Settings, path: Path, title: str | None, owner_email: str | None, advance: Advance) -> int:
    database = Database(settings)
    await database.open()
    jobs = Foreground(settings)
    jobs.bind(Watched(settings, database, advance))
    import_id = secrets.token_hex(16)
    is_wanted = True
    try:
        owner_id = await _owner(database, owner_email)
        size, sha256 = await asyncio.to_thread(_keep, path, jobs.folder(import_id).path)
        filename = os.fsencode(path.name).decode(errors="replace")  # may be bytes that are no text
        await jobs.create(import_id, user_id=owner_id, filename=filename, size=size, sha256=sha256)
        return await _both_passes(jobs, import_id, title)
    except asyncio.CancelledError:  # Ctrl-C
        is_wanted = False
        with suppress(NotFound):  # the file was still being copied
            await jobs.cancel(import_id)
        raise
    except OSError as error:
        is_wanted = False
        raise problem(error) or UserError(f"The file could not be copied: {error.strerror}.") from error
    finally:
        await jobs.close()
        await database.close()
        if not is_wanted:  # now that no child can recreate them
            await asyncio.to_thread(shutil.rmtree, jobs.folder(import_id).path, ignore_errors=True)


async def _both_passes(jobs: Jobs, import_id: str, title: str | None) -> int:
    found = await jobs.settled(import_id)
    if found is not None and found.state == ImportState.READY:
        await jobs.begin_loading(import_id, ImportOverrides(), title)
        found = await jobs.settled(import_id)
    if found is None or found.table_id is None:
        async with jobs.context.lock(import_id):  # its pass may still be removing the file
            raise UserError((found and found.failure) or "The import was cancelled.")
    return found.table_id


def _keep(path: Path, folder: Path) -> tuple[int, str]:
    """Copy the file into the import's folder; return its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, (private_folder(folder) / "original").open("wb") as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
            size += len(block)
    return size, digest.hexdigest()


async def _owner(database: Database, email: str | None) -> int:
    """The owner of the new table."""
    wanted = User.email == normalise_email(email) if email else User.role == Role.OWNER
    async with database.reading() as session:
        found = await session.scalar(select(User.id).where(wanted))
    if found is None:
        raise UserError(
            f"Nobody has an account with the address {email}."
            if email
            else "There is no account yet. Start the server and create the owner's account first."
        )
    return found
