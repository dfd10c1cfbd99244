"""Imports from the command line: the same tasks, without a server and without DBOS."""

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from settings import Settings
from webapp.broker import InProcessBroker
from webapp.cli.early_draft import EarlyDraft
from webapp.db.database import Database
from webapp.db.errors import UserError, known_error
from webapp.db.folders import private_folder
from webapp.imports.report import ImportOverrides
from webapp.jobs import JobContext
from webapp.jobs.progress import Progress
from webapp.jobs.tasks import TASKS
from webapp.models import ImportState, Role, User
from webapp.models.accounts.user import normalise_email
from webapp.models.errors import NotFound
from webapp.models.tables import importing
from webapp.models.tables.import_model import StateConflict
from webapp.rowstore import create_store

BLOCK = 1024 * 1024

Advance = Callable[[int, int], None]  # (bytes of two passes over the file, rows)


def import_file(
    settings: Settings,
    path: Path,
    *,
    title: str | None,
    owner_email: str | None,
    order: str | None = None,
    progress: Advance,
) -> tuple[int, str, int]:
    """Import the file as a table of `owner_email`, or of the server's first owner.

    Return the table's id, its owner's address, and how many people could have become its owner. Raises `UserError`,
    with a readable message, and then leaves nothing behind.
    """
    return asyncio.run(_import(settings, path, title, owner_email, progress, ImportOverrides(order=order)))


class LocalQueue:
    """Runs each task at once, on this process's own loop."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._running: set[asyncio.Task[None]] = set()

    def enqueue(self, task: str, subject: str) -> None:
        """The full-text index is left to the server: the table is usable without it. Nobody looks at a preview."""
        if task not in ("index_table", "draft_import"):
            running = asyncio.ensure_future(TASKS[task].run(self._context, subject))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def join(self) -> None:
        """Wait until every task, and what it has started, has ended."""
        while self._running:
            await asyncio.gather(*self._running)

    async def cancel(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


class ProgressBroker(InProcessBroker):
    """Draws the progress of a pass for the person waiting."""

    def __init__(self, advance: Advance) -> None:
        super().__init__()
        self._advance = advance

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None:
        if isinstance(event, Progress):
            before = event.size if event.state == ImportState.LOADING else 0
            self._advance(before + event.bytes, event.rows)


@dataclass(frozen=True, slots=True)
class LocalImport:
    """An import whose tasks run in this process; nothing is recorded of it yet."""

    database: Database
    context: JobContext
    queue: LocalQueue
    import_id: str

    @property
    def folder(self) -> Path:
        return self.context.folder(self.import_id).path


@asynccontextmanager
async def local_import(
    settings: Settings, progress: Advance, cancel: Callable[..., Awaitable[None]] = importing.cancel
) -> AsyncIterator[LocalImport]:
    """If the block fails or is interrupted, the verb `cancel` takes back what has been done, and files are removed.
    Raises `UserError` if the import's file could not be copied.
    """
    database = Database(settings)
    await database.open()
    context = JobContext(settings, database, create_store(database), ProgressBroker(progress))
    database.queue = queue = LocalQueue(context)
    database.broker = context.broker
    run = LocalImport(database, context, queue, secrets.token_hex(16))
    try:
        yield run
    except BaseException as error:  # also Ctrl-C
        await queue.cancel()
        try:
            await database.write(cancel, run.import_id)
            await queue.join()
        except NotFound:  # the file was still being copied
            await asyncio.to_thread(shutil.rmtree, run.folder, ignore_errors=True)
        except StateConflict:
            pass  # it has failed and said so, or is done
        if isinstance(error, OSError):
            raise known_error(error) or UserError(f"The file could not be copied: {error.strerror}.") from error
        raise
    finally:
        await database.close()


async def _import(
    settings: Settings,
    path: Path,
    title: str | None,
    owner_email: str | None,
    progress: Advance,
    overrides: ImportOverrides | None = None,
) -> tuple[int, str, int]:
    async with local_import(settings, progress) as run:
        owner_id, email, owners = await _owner(run.database, owner_email)
        file = await asyncio.to_thread(copy_upload, path, run.folder)
        overrides = overrides or ImportOverrides()
        draft = EarlyDraft(run.context, overrides, progress)
        try:
            await run.database.write(importing.create, run.import_id, user_id=owner_id, **file)
            return await _run_passes(run.context, run.queue, run.import_id, title, overrides, draft), email, owners
        except BaseException:
            await draft.stop()
            raise


async def _run_passes(
    context: JobContext,
    queue: LocalQueue,
    import_id: str,
    title: str | None,
    overrides: ImportOverrides,
    draft: EarlyDraft,
) -> int:
    await queue.join()
    import_ = await context.get_import(import_id)
    if import_ is not None and import_.state == ImportState.READY:
        await draft.settle(import_)
        await context.database.write(importing.begin_loading, import_id, overrides, title)
        await queue.join()
        import_ = await context.get_import(import_id)
    if import_ is None or import_.table_id is None:
        raise UserError((import_ and import_.failure) or "The import was cancelled.")
    return import_.table_id


def copy_upload(path: Path, folder: Path) -> dict[str, Any]:
    """Copy the file into the import's folder; return what an import says of it: its name, size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, (private_folder(folder) / "original").open("wb") as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
            size += len(block)
    filename = os.fsencode(path.name).decode(errors="replace")  # may be bytes that are no text
    return {"filename": filename, "size": size, "sha256": digest.hexdigest()}


async def _owner(database: Database, email: str | None) -> tuple[int, str, int]:
    """Id and address of the new table's owner, and how many people it could have been."""
    try:
        is_owner = User.email == normalise_email(email) if email else User.role == Role.OWNER
    except ValueError as error:
        raise UserError(f"Nobody has an account with the address {email}: {error}") from error
    async with database.reading() as session:
        owners = (await session.execute(select(User.id, User.email).where(is_owner).order_by(User.id))).all()
    if not owners:
        raise UserError(
            f"Nobody has an account with the address {email}."
            if email
            else "There is no account yet. Start the server and create the owner's account first."
        )
    return owners[0].id, owners[0].email, len(owners)
