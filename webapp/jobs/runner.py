"""The jobs of one app: what views ask for, and what the passes need."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from settings import Settings
from webapp.data.engines import Database
from webapp.data.uow import UnitOfWork
from webapp.engine.children import Child
from webapp.engine.importing import Folder
from webapp.engine.inspection import Overrules
from webapp.hub import Hub, HubClosed
from webapp.jobs import housekeeping, imports, passes
from webapp.jobs.background import Background
from webapp.jobs.mail import AT_ONCE
from webapp.jobs.progress import Progress
from webapp.models import Import, ImportState

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Changed:
    """An import went from one state to the next: whoever shows it looks again."""


CHANGED = Changed()
MOVING = (ImportState.INSPECTING, ImportState.LOADING)


def topic_of(import_id: str) -> str:
    return f"import:{import_id}"


class Jobs:
    """Imports and what else is done in the background. Opened in a running event loop, which it stays with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.background = Background(settings, lambda name, subject: passes.PASSES[name](self, subject))
        self.slots = asyncio.Semaphore(settings.import_workers)
        self.index_slot = asyncio.Semaphore(1)
        self.mail_slots = asyncio.Semaphore(AT_ONCE)
        self._database: Database | None = None
        self._hub: Hub | None = None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._children: dict[str, Child] = {}
        self._progress: dict[str, Progress] = {}

    # --- the app's life ---

    async def open(self, database: Database, hub: Hub) -> None:
        """Ready at once; what the last process left unfinished goes on in the background."""
        self.bind(database, hub)
        self.background.spawn(housekeeping.look_after(self))

    def bind(self, database: Database, hub: Hub) -> None:
        self._database, self._hub = database, hub
        self.background.begin()

    async def close(self) -> None:
        await self.background.close()

    def warm(self) -> None:
        """Load DBOS now, in the background: an upload has begun, it will be needed."""
        self.background.spawn(self.background.durable())

    @property
    def database(self) -> Database:
        if self._database is None:
            raise RuntimeError("The jobs are not open")
        return self._database

    @property
    def hub(self) -> Hub:
        if self._hub is None:
            raise RuntimeError("The jobs are not open")
        return self._hub

    # --- what views ask for; each is one verb in one unit of work ---

    async def create(self, import_id: str, *, user_id: int, filename: str, size: int, sha256: str) -> None:
        """The upload is in the import's folder: read it."""
        await self._write(
            self._starting("inspect_import", import_id),
            imports.create,
            import_id,
            user_id=user_id,
            filename=filename,
            size=size,
            sha256=sha256,
        )

    async def read_again(self, import_id: str, overrules: Overrules) -> None:
        await self._write(self._starting("inspect_import", import_id), imports.read_again, import_id, overrules)

    async def begin_loading(self, import_id: str, overrules: Overrules, title: str | None = None) -> bool:
        """Make the table and fill it; or, when that is what the decisions need, read the file again: False."""

        async def begin(work: UnitOfWork) -> bool:
            begun = await imports.begin_loading(work, import_id, overrules, title)
            work.after_commit(self._starting("load_import" if begun else "inspect_import", import_id))
            return begun

        return await self.database.write(begin)

    async def cancel(self, import_id: str) -> None:
        await self._write(lambda: self._dispose(import_id), imports.cancel, import_id)

    async def forget(self, import_id: str) -> None:
        await self._write(lambda: self._dispose(import_id), imports.forget, import_id)

    def dispose_after(self, work: UnitOfWork, import_id: str) -> None:
        """Once `work` is committed, end what is still done for this import, and remove its files."""
        work.after_commit(lambda: self._dispose(import_id))

    def progress(self, import_id: str) -> Progress | None:
        """The newest of a running import, as far as this process knows."""
        return self._progress.get(import_id)

    async def settled(self, import_id: str, timeout: float | None = None) -> Import | None:
        """The import once no pass works on it any more; None when that takes longer than `timeout` seconds."""
        with suppress(TimeoutError, HubClosed):
            async with asyncio.timeout(timeout), self.hub.subscribe([topic_of(import_id)]) as events:
                while True:
                    found = await self.find(import_id)
                    if found is None or found.state not in MOVING:
                        return found
                    await events.get()
        return None

    async def find(self, import_id: str) -> Import | None:
        async with self.database.reading() as session:
            return await session.get(Import, import_id)

    # --- what the passes ask for ---

    def folder(self, import_id: str) -> Folder:
        return Folder(self.settings.imports_dir / import_id)

    def lock(self, subject: str) -> asyncio.Lock:
        """One pass at a time for one subject."""
        return self._locks.setdefault(subject, asyncio.Lock())

    async def finish(
        self,
        verb: Callable[Concatenate[UnitOfWork, str, P], Coroutine[Any, Any, T]],
        import_id: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """One verb at the end of a pass; whoever watches hears of it."""
        return await self._write(lambda: self._changed(import_id), verb, import_id, *args, **kwargs)

    async def in_child(self, subject: str, child: Child) -> dict[str, Any]:
        self._children[subject] = child
        try:
            return await child.run()
        finally:
            del self._children[subject]
            self._progress.pop(subject, None)

    def report(self, progress: Progress) -> None:
        self._progress[progress.import_id] = progress
        self.hub.publish(topic_of(progress.import_id), progress, key="progress")

    def start(self, name: str, subject: str) -> None:
        """Start a workflow soon; what keeps it from starting is its subject's failure."""
        self.background.spawn(self._start(name, subject))

    def _starting(self, name: str, import_id: str) -> Callable[[], None]:
        def then() -> None:
            self._changed(import_id)
            self.start(name, import_id)

        return then

    async def _start(self, name: str, subject: str) -> None:
        try:
            await self.background.start(name, subject)
        except Exception as error:
            logger.exception("The workflow %s of %s could not be started", name, subject)
            await passes.fail(self, subject, error)

    async def _write(
        self,
        then: Callable[[], None],
        verb: Callable[Concatenate[UnitOfWork, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async def run(work: UnitOfWork) -> T:
            result = await verb(work, *args, **kwargs)
            work.after_commit(then)
            return result

        return await self.database.write(run)

    def _changed(self, import_id: str) -> None:
        self._progress.pop(import_id, None)
        self.hub.publish(topic_of(import_id), CHANGED, key="changed")

    def _dispose(self, import_id: str) -> None:
        """It was cancelled, or its person has gone: nobody wants what is still being done, nor its files."""
        self._changed(import_id)
        if child := self._children.get(import_id):
            child.stop()
        self.background.spawn(self._remove_files(import_id))

    async def _remove_files(self, import_id: str) -> None:
        async with self.lock(import_id):  # once the child is gone, or it would make them anew
            await housekeeping.remove_files(self, import_id)
