"""An import's page, kept up to date: its progress, and the whole page at each new state."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment
from sqlalchemy import Row, String, cast

from webapp.extensions import db, jobs
from webapp.jobs import JobContext
from webapp.jobs.progress import Progress
from webapp.live.streams import LiveView
from webapp.models import Actor, Import
from webapp.models.tables.importing import RUNNING_STATES, find_import, import_topic
from webapp.tables.import_presenter import present_import, progress_of
from webapp.web.formatting import Locale, use_locale
from webapp.web.fragments import partial
from webapp.web.templating import templates

# What a stream selects. The inspection stays text, so that equal rows compare equal in the cache below.
COLUMNS = [
    *(column for column in Import.__table__.columns if column.name not in ("overrules", "inspection")),
    cast(Import.inspection, String).label("inspection"),
]


async def watch_import(actor: Actor, args: Mapping[str, str]) -> LiveView:
    """`import` is its id, `state` what the page shows."""
    import_ = await find_import(db(), actor, args.get("import", ""))
    return import_view(actor, import_.id, args.get("state", ""), jobs(), templates())


def import_view(actor: Actor, import_id: str, state: str, context: JobContext, environment: Environment) -> LiveView:
    locale = Locale.of(actor)

    def render_event(event: object) -> str | None:
        if isinstance(event, Progress) and event.state == state:
            return render_progress(environment, event, locale)
        return None

    def render_row(row: Row[Any]) -> str | None:
        if row.state == state and row.state in RUNNING_STATES:
            return None
        return render_import(environment, row, progress_of(context, _as_import(row)), locale)

    statement = Import.visible_to(actor.id).where(Import.id == import_id).with_only_columns(*COLUMNS)
    return LiveView([import_topic(import_id)], statement, render_event, render_row)


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
