"""An import's page: what was detected, the user's decision, its progress. Each form calls one verb of `jobs`."""

import asyncio
from pathlib import PurePath

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import UserError
from webapp.extensions import jobs
from webapp.formats.errors import ImportFileError
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.jobs.imports import MovedOn
from webapp.live.sections import describe, progress_of
from webapp.models import Import, ImportState
from webapp.models.errors import NotFound
from webapp.tables import bp
from webapp.tables.decisions import Unusable, read_decisions, require_a_column
from webapp.web.access import Action, find_import, may
from webapp.web.body_limits import body_limit
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user
from webapp.web.streaming import file_part, streamed
from webapp.web.templating import templates

# The preview has several fields per column, and a table may have 2,000 columns.
FORM_LIMIT = 4 * 1024 * 1024
FORM_FIELDS = 10_000


@bp.get("/imports/<import_id>")
async def imports_show(import_id: str) -> ResponseReturnValue:
    return await _page(await find_import(current_user(), import_id))


@bp.post("/imports/<import_id>")
@may(Action.CREATE_TABLE)
@body_limit(FORM_LIMIT, fields=FORM_FIELDS)
async def imports_update(import_id: str) -> ResponseReturnValue:
    """Read the file again with the user's corrections."""
    found = await find_import(current_user(), import_id)
    try:
        decided = await _decisions(found)
    except Unusable as problem:
        return await _refused(found, problem)
    await jobs().read_again(found.id, decided)
    return redirect_to(url_for("tables.imports_show", import_id=found.id))


@bp.post("/imports/<import_id>/start")
@may(Action.CREATE_TABLE)
@body_limit(FORM_LIMIT, fields=FORM_FIELDS)
async def imports_start(import_id: str) -> ResponseReturnValue:
    """Create the table. If the corrections require reading the file again, the page asks once more afterwards."""
    found = await find_import(current_user(), import_id)
    try:
        await jobs().begin_loading(found.id, await _decisions(found, is_final=True))
    except (Unusable, ImportFileError) as problem:
        return await _refused(found, problem)
    except MovedOn as moved:  # clicked twice: the page shows the result of the first click
        if moved.state not in (ImportState.LOADING, ImportState.DONE):
            raise
    return redirect_to(url_for("tables.imports_show", import_id=found.id))


@bp.post("/imports/<import_id>/cancellation")
@may(Action.CREATE_TABLE)
async def imports_cancel(import_id: str) -> ResponseReturnValue:
    found = await find_import(current_user(), import_id)
    await jobs().cancel(found.id)
    return redirect_to(url_for("tables.imports_show", import_id=found.id))


@bp.get("/imports/<import_id>/rejected")
async def imports_rejected(import_id: str) -> Response:
    """The rejected rows, as CSV with line number and reason."""
    found = await find_import(current_user(), import_id)
    path = jobs().folder(found.id).rejected
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("file of rows kept aside")
    size = path.stat().st_size
    return streamed(
        lambda: file_part(path, 0, size), "text/csv", f"{PurePath(found.filename).stem}, rows kept aside.csv"
    )


async def _decisions(found: Import, *, is_final: bool = False) -> ImportOverrides:
    """Raises `Unusable`. Without a preview there is nothing to decide."""
    if not found.inspection:
        return ImportOverrides.from_json(found.overrules)
    form, inspection = (await request.form).to_dict(), InspectionReport.from_json(found.inspection)
    decided = read_decisions(form, inspection, ImportOverrides.from_json(found.overrules))
    if is_final:
        require_a_column(decided, inspection)
    return decided


async def _refused(found: Import, problem: UserError) -> Response:
    """The preview again, with everything as typed and the error beside its field."""
    wrong = problem.field if isinstance(problem, Unusable) else None
    return await _page(found, str(problem), 422, typed=await request.form, wrong=wrong)


async def _page(found: Import, error: str | None = None, status: int = 200, **more: object) -> Response:
    context = describe(templates(), found, progress_of(jobs(), found), error) | more
    return await render("tables/imports/show.html", "tables/imports/_import.html", status, **context)
