"""An import as a page shows it: the context of its templates, for requests and live streams alike."""

import json
from functools import lru_cache
from typing import Any

from jinja2 import Environment
from sqlalchemy import Row, String, cast

from webapp.imports.report import InspectionReport
from webapp.jobs import MOVING, Jobs
from webapp.jobs.progress import Progress, starting_point
from webapp.models import Import, ImportState
from webapp.web.formatting import Locale, use_locale
from webapp.web.fragments import partial

# What a stream selects. The inspection stays text, so that equal rows compare equal in the cache below.
SEEN = [
    *(column for column in Import.__table__.columns if column.name not in ("overrules", "inspection")),
    cast(Import.inspection, String).label("inspection"),
]


def describe(
    environment: Environment, found: Import, progress: Progress | None, error: str | None = None
) -> dict[str, Any]:
    """The context of `tables/imports/show.html` and its partials."""
    url_for: Any = environment.globals["url_for"]
    is_known = found.inspection is not None and found.state != ImportState.INSPECTING
    inspection = InspectionReport.from_json(found.inspection or {}) if is_known else None
    return {
        "import_": found,
        "progress": progress,
        "inspection": inspection,
        # Tell the stream what the page already shows, so that it sends only what is new.
        "live_url": url_for("live.stream", **{"import": found.id, "state": found.state}) if progress else None,
        "typed": {},
        "wrong": None,
        "error": error or (found.failure if found.state == ImportState.READY else None),
        "rejected_url": url_for("tables.imports_rejected", import_id=found.id)
        if inspection and inspection.rejected_count
        else None,
    }


def progress_of(jobs: Jobs, found: Import) -> Progress | None:
    """The latest known progress of a running import."""
    return (jobs.progress(found.id) or starting_point(found)) if found.state in MOVING else None


def as_import(seen: Row[Any]) -> Import:
    return Import(**{**seen._mapping, "inspection": json.loads(seen.inspection or "null")})


@lru_cache(maxsize=64)
def section(environment: Environment, seen: Row[Any], progress: Progress | None, manner: Locale) -> str:
    """The whole import, replacing what the page shows. Rendered once for all streams that watch it."""
    template = environment.get_template("tables/imports/_import.html")
    with use_locale(manner):
        return partial("import", template.render(describe(environment, as_import(seen), progress)))


@lru_cache(maxsize=256)
def moved(environment: Environment, progress: Progress, manner: Locale) -> str:
    """One progress step, rendered once for all streams that watch it."""
    template = environment.get_template("tables/imports/_progress.html")
    import_ = {"id": progress.import_id, "state": progress.state}
    with use_locale(manner):
        return partial("progress", template.render(import_=import_, progress=progress))
