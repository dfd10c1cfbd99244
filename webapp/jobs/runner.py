"""The jobs of one app: what views can request, and which pass does the work."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from settings import Settings
from webapp.broker import BrokerClosed
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.report import ImportOverrides
from webapp.imports.requests import Folder
from webapp.jobs import imports, mail, passes
from webapp.jobs.background import Background
from webapp.jobs.context import JobContext, topic_of
from webapp.jobs.housekeeping import Housekeeper
from webapp.jobs.passes import Next
from webapp.jobs.progress import Progress
from webapp.models import Import, ImportState

MOVING = (ImportState.INSPECTING, ImportState.LOADING)
PASSES: dict[str, Callable[[JobContext, str], Coroutine[Any, Any, Next | None]]] = {
    "inspect_import": passes.inspect_import,
    "load_import": passes.load_import,
    "index_table": passes.index_table,
    "send_mail": mail.send_mail,
}

logger = logging.getLogger(__name__)


class Jobs:
    """Imports and other background work. Bound to the event loop it was opened in."""

    def __init__(self, settings: Settings) -> None:
        self.background = Background(settings, self._perform)
        self._context: JobContext | None = None

    # --- the app's life ---

    async def open(self, context: JobContext) -> None:
        """Ready at once; unfinished work of the last process resumes in the background."""
        self.bind(context)
        self.background.spawn(Housekeeper(context, self.background).look_after())

    def bind(self, context: JobContext) -> None:
        self._context = context
        self.background.begin()

    async def close(self) -> None:
        await self.background.close()

    def warm(self) -> None:
        """Load DBOS now, in the background: an upload has started and will need it."""
        self.background.spawn(self.background.durable())

    @property
    def context(self) -> JobContext:
        if self._context is None:
            raise RuntimeError("The jobs are not open")
        return self._context

    # --- requests from views; each is one verb in one unit of work ---

    async def create(self, import_id: str, *, user_id: int, filename: str, size: int, sha256: str) -> None:
        """Start reading an upload that is in the import's folder."""
        await self.context.write(
            self._starting("inspect_import", import_id),
            imports.create,
            import_id,
            user_id=user_id,
            filename=filename,
            size=size,
            sha256=sha256,
        )

    async def read_again(self, import_id: str, overrules: ImportOverrides) -> None:
        then = self._starting("inspect_import", import_id)
        await self.context.write(then, imports.read_again, import_id, overrules)

    async def begin_loading(self, import_id: str, overrules: ImportOverrides, title: str | None = None) -> bool:
        """Create the table and fill it. If the corrections require it, read the file again instead and return False."""

        async def begin(work: UnitOfWork) -> bool:
            begun = await imports.begin_loading(work, import_id, overrules, title)
            work.after_commit(self._starting("load_import" if begun else "inspect_import", import_id))
            return begun

        return await self.context.database.write(begin)

    async def cancel(self, import_id: str) -> None:
        await self.context.write(lambda: self._dispose(import_id), imports.cancel, import_id)

    def dispose_after(self, work: UnitOfWork, import_id: str) -> None:
        """Once `work` is committed, stop this import's pass and remove its files."""
        work.after_commit(lambda: self._dispose(import_id))

    async def settled(self, import_id: str, timeout: float | None = None) -> Import | None:
        """The import once no pass works on it any more; None if that takes longer than `timeout` seconds."""
        with suppress(TimeoutError, BrokerClosed):
            async with asyncio.timeout(timeout), self.context.broker.subscribe([topic_of(import_id)]) as events:
                while True:
                    found = await self.find(import_id)
                    if found is None or found.state not in MOVING:
                        return found
                    await events.get()
        return None

    # --- queries from views ---

    async def find(self, import_id: str) -> Import | None:
        return await self.context.find(import_id)

    def folder(self, import_id: str) -> Folder:
        return self.context.folder(import_id)

    def progress(self, import_id: str) -> Progress | None:
        """The latest progress of a running import known to this process."""
        return self.context.progress(import_id)

    async def remove_files(self, import_id: str) -> None:
        """Of an import that has ended and been deleted."""
        await self.context.remove_files(import_id)

    # --- running passes by name ---

    def enqueue(self, task: str, subject: str) -> None:
        self.start(task, subject)

    def start(self, name: str, subject: str) -> None:
        """Start a workflow soon; if it cannot be started, its subject fails."""
        self.background.spawn(self._start(name, subject))

    def _starting(self, name: str, import_id: str) -> Callable[[], None]:
        def then() -> None:
            self.context.changed(import_id)
            self.start(name, import_id)

        return then

    async def _start(self, name: str, subject: str) -> None:
        try:
            await self.background.start(name, subject)
        except Exception as error:
            logger.exception("The workflow %s of %s could not be started", name, subject)
            await passes.fail(self.context, subject, error)

    async def _perform(self, name: str, subject: str) -> None:
        """Run the pass of a workflow; a pass knows no other pass, only what should come next."""
        following = await PASSES[name](self.context, subject)
        if following is not None:
            self.start(following.name, following.subject)

    def _dispose(self, import_id: str) -> None:
        """The import was cancelled or its owner is gone: stop its pass and delete its files."""
        self.context.changed(import_id)
        self.context.stop(import_id)
        self.background.spawn(self.context.clear_away(import_id))
