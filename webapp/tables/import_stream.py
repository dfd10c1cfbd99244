"""An import's page, kept up to date: its progress, and the whole page at each new state."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Environment
from sqlalchemy import Connection, Row, String, cast, select

from webapp.extensions import db, jobs
from webapp.jobs import JobContext
from webapp.jobs.progress import Progress
from webapp.live.hubs import Watch
from webapp.live.subject import Delivery, Subject, message_of
from webapp.models import Actor, Import
from webapp.models.tables.import_model import RUNNING_STATES, find_import, import_topic
from webapp.tables.import_presenter import present_import, progress_of
from webapp.web.formatting import Locale, use_locale
from webapp.web.fragments import partial
from webapp.web.templating import templates

# What is selected. The inspection stays text, so that equal rows compare equal in the cache below.
COLUMNS = [
    *(column for column in Import.__table__.columns if column.name not in ("overrules", "inspection", "wishes")),
    cast(Import.inspection, String).label("inspection"),
]


class Audience(NamedTuple):
    """Pages that show the same state in the same format."""

    state: str
    locale: Locale


class Cursor(NamedTuple):
    """How many changes of the row, and how many steps of its progress, a stream has got."""

    changes: int = 0
    steps: int = 0


async def watch_import(actor: Actor, args: Mapping[str, str]) -> Watch:
    """`import` is its id, `state` what the page shows."""
    import_ = await find_import(db(), actor, args.get("import", ""))
    return import_watch(actor, import_.id, args.get("state", ""), jobs(), templates())


def import_watch(actor: Actor, import_id: str, state: str, context: JobContext, environment: Environment) -> Watch:
    audience = Audience(state, Locale.of(actor))
    return Watch(("import", import_id), lambda: ImportSubject(import_id, context, environment), audience, None)


class ImportSubject(Subject):
    def __init__(self, import_id: str, context: JobContext, environment: Environment) -> None:
        self.topics = [import_topic(import_id)]
        self._context, self._environment = context, environment
        self._statement = select(*COLUMNS).where(Import.id == import_id)
        self._row: Row[Any] | None = None
        self._progress: Progress | None = None
        self._now = Cursor()

    def read(self, connection: Connection) -> Row[Any] | None:
        return connection.execute(self._statement).first()

    def readers(self, connection: Connection, actors: Iterable[Actor]) -> Mapping[int, str]:
        row = self.read(connection)
        return {} if row is None else {row.user_id: "owner"}

    def take(self, found: Row[Any] | None) -> bool:
        if found is None or found == self._row:
            return False
        self._row = found
        self._now = self._now._replace(changes=self._now.changes + 1)
        return True

    def notice(self, event: object) -> bool:
        if not isinstance(event, Progress):
            return True
        self._progress = event
        self._now = self._now._replace(steps=self._now.steps + 1)
        return False

    def begin(self, cursor: Cursor | None) -> tuple[bytes, Cursor]:
        """Each stream is told at once if its page is out of date."""
        greeting, _ = super().begin(cursor)
        return greeting, Cursor(0, self._now.steps)

    async def deliver(self, audience: Any, cursor: Cursor) -> Delivery:
        now, row, progress = self._now, self._row, self._progress
        if row is not None and cursor.changes < now.changes:
            # A preview of thousands of columns takes too long for the event loop.
            html = await asyncio.to_thread(self._render_row, row, audience)
            if html is not None:
                return Delivery(message_of(html, is_last=True), now, is_complete=True)
        if progress is not None and cursor.steps < now.steps and progress.state == audience.state:
            return Delivery(message_of(render_progress(self._environment, progress, audience.locale)), now)
        return Delivery(b"", now)

    def _render_row(self, row: Row[Any], audience: Audience) -> str | None:
        """The HTML with which the stream is complete; None while the page is up to date."""
        if row.state == audience.state and row.state in RUNNING_STATES:
            return None
        return render_import(self._environment, row, progress_of(self._context, _as_import(row)), audience.locale)


@lru_cache(maxsize=4)  # of up to 2 MB; only streams of the same import share them
def render_import(environment: Environment, row: Row[Any], progress: Progress | None, locale: Locale) -> str:
    """The whole import, replacing what the page shows. Rendered once for all streams that watch it."""
    template = environment.get_template("tables/imports/_import.html")
    if row.is_update:  # which depends on the table, too
        return partial("import", environment.get_template("tables/updates/_moved.html").render(import_=_as_import(row)))
    with use_locale(locale):
        return partial("import", template.render(present_import(environment, _as_import(row), progress)))


@lru_cache(maxsize=256)
def render_progress(environment: Environment, progress: Progress, locale: Locale) -> str:
    """One progress step, rendered once for all streams that watch it."""
    template = environment.get_template("tables/imports/_progress.html")
    import_ = {"id": progress.import_id, "state": progress.state}
    with use_locale(locale):
        return partial("progress", template.render(import_=import_, progress=progress))


def _as_import(row: Row[Any]) -> Import:
    return Import(**{**row._mapping, "inspection": json.loads(row.inspection or "null")})
