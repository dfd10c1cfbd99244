"""An import's page, kept up to date: its progress, and the whole page at each new state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from jinja2 import Environment
from sqlalchemy import Row, Select, String, cast

from webapp.extensions import jobs
from webapp.jobs import JobContext
from webapp.jobs.progress import Progress
from webapp.models import Actor, Import
from webapp.models.tables.importing import RUNNING_STATES, import_topic
from webapp.tables.finders import find_import
from webapp.tables.import_presenter import present_import, progress_of
from webapp.web.formatting import Locale, use_locale
from webapp.web.fragments import partial
from webapp.web.templating import templates

# What a stream selects. The inspection stays text, so that equal rows compare equal in the cache below.
COLUMNS = [
    *(column for column in Import.__table__.columns if column.name not in ("overrules", "inspection")),
    cast(Import.inspection, String).label("inspection"),
]


@dataclass(frozen=True)
class ImportUpdates:
    """The `LiveView` of a page that shows the import in `state`."""

    import_id: str
    state: str
    actor: Actor
    jobs: JobContext
    environment: Environment

    @classmethod
    async def open(cls, actor: Actor, args: Mapping[str, str]) -> Self:
        """`import` is its id, `state` what the page shows."""
        found = await find_import(actor, args.get("import", ""))
        return cls(found.id, args.get("state", ""), actor, jobs(), templates())

    @property
    def topics(self) -> Sequence[str]:
        return [import_topic(self.import_id)]

    @property
    def statement(self) -> Select[*tuple[Any, ...]]:
        return Import.visible_to(self.actor.id).where(Import.id == self.import_id).with_only_columns(*COLUMNS)

    def render_event(self, event: object) -> str | None:
        if isinstance(event, Progress) and event.state == self.state:
            return render_progress(self.environment, event, Locale.of(self.actor))
        return None

    def render_row(self, row: Row[Any]) -> str | None:
        if row.state == self.state and row.state in RUNNING_STATES:
            return None
        progress = progress_of(self.jobs, _as_import(row))
        return render_import(self.environment, row, progress, Locale.of(self.actor))


@lru_cache(maxsize=64)
def render_import(environment: Environment, row: Row[Any], progress: Progress | None, locale: Locale) -> str:
    """The whole import, replacing what the page shows. Rendered once for all streams that watch it."""
    template = environment.get_template("tables/imports/_import.html")
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
