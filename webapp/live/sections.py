"""An import as a page shows it: what its templates are given, in a request and in a live stream alike."""

from functools import lru_cache
from typing import Any

from jinja2 import Environment

from webapp.engine.inspection import Inspection
from webapp.jobs import MOVING, Jobs
from webapp.jobs.progress import Progress, starting_point
from webapp.models import Import, ImportState
from webapp.web.fragments import partial


def describe(environment: Environment, jobs: Jobs, found: Import, error: str | None = None) -> dict[str, Any]:
    """The context of `tables/imports/show.html` and of its parts."""
    url_for: Any = environment.globals["url_for"]
    is_moving = found.state in MOVING
    is_known = found.inspection is not None and found.state != ImportState.INSPECTING
    inspection = Inspection.from_json(found.inspection or {}) if is_known else None
    return {
        "import_": found,
        "progress": (jobs.progress(found.id) or starting_point(found)) if is_moving else None,
        "inspection": inspection,
        # The stream is told what the page shows, so that it only sends what is new to it.
        "live_url": url_for("live.stream", **{"import": found.id, "state": found.state}) if is_moving else None,
        "typed": {},
        "wrong": None,
        "error": error or (found.failure if found.state == ImportState.READY else None),
        "rejected_url": url_for("tables.imports_rejected", import_id=found.id)
        if inspection and inspection.rejected_count
        else None,
    }


def section(environment: Environment, jobs: Jobs, found: Import) -> str:
    """The whole import for a stream: it takes the place of what the page shows of it."""
    template = environment.get_template("tables/imports/_import.html")
    return partial("import", template.render(describe(environment, jobs, found)))


@lru_cache(maxsize=256)
def moved(environment: Environment, progress: Progress) -> str:
    """One step for all who watch: rendered once, then the same text for each of them."""
    template = environment.get_template("tables/imports/_progress.html")
    return partial(
        "progress", template.render(import_={"id": progress.import_id, "state": progress.state}, progress=progress)
    )
