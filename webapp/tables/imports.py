"""An import's page: what was detected, the user's decision, its progress."""

import asyncio
from pathlib import PurePath
from typing import Any

from quart import Response, redirect, request, url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import UserError
from webapp.extensions import config, db, jobs
from webapp.formats.errors import ImportFileError
from webapp.imports.corrections import InvalidOverride, ensure_a_column, parse_overrides
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.models import Import, ImportState
from webapp.models.errors import NotFound
from webapp.models.tables import import_updating, importing, sheet_imports
from webapp.models.tables.import_model import RUNNING_STATES, StateConflict, find_import
from webapp.models.tables.import_update import get_update
from webapp.tables import bp
from webapp.tables.import_presenter import present_import, progress_of
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.fragments import redirect_to, render_large
from webapp.web.session import current_user
from webapp.web.streaming import file_part, streamed
from webapp.web.templating import templates

# The preview has several fields per column, and a table may have 2,000 columns.
FORM_LIMIT = 4 * 1024 * 1024
FORM_FIELDS = 10_000


@bp.get("/imports/<import_id>")
async def imports_show(import_id: str) -> ResponseReturnValue:
    """That of a further file for a table has its own page."""
    import_ = await find_import(db(), current_user(), import_id)
    if import_.is_update:
        async with db().reading() as session:
            _, update = await get_update(session, import_id)
        return redirect(url_for("tables.updates_show", table_id=update.table_id, import_id=import_id), 303)
    return await _page(import_)


@bp.post("/imports/<import_id>")
@may(Action.CREATE_TABLE)
@body_limit(FORM_LIMIT, fields=FORM_FIELDS)
async def imports_update(import_id: str) -> ResponseReturnValue:
    """Apply the user's corrections to the preview; read the file again if they need it."""
    import_ = await _find_new(import_id)
    try:
        overrides = await _overrides(import_)
    except InvalidOverride as problem:
        return await _refuse(import_, problem)
    await db().write(importing.correct, import_.id, overrides, config().imports_waiting)
    return redirect_to(url_for("tables.imports_show", import_id=import_.id))


@bp.post("/imports/<import_id>/start")
@may(Action.CREATE_TABLE)
@body_limit(FORM_LIMIT, fields=FORM_FIELDS)
async def imports_start(import_id: str) -> ResponseReturnValue:
    """Create the table. If the corrections require reading the file again, the page asks once more afterwards."""
    import_ = await _find_new(import_id)
    try:
        overrides, limit = await _overrides(import_, is_final=True), config().imports_waiting
        await db().write(importing.begin_loading, import_.id, overrides, limit=limit)
    except (InvalidOverride, ImportFileError) as problem:
        return await _refuse(import_, problem)
    except StateConflict as conflict:  # clicked twice: the page shows the result of the first click
        if conflict.state not in (*RUNNING_STATES, ImportState.DONE):
            raise
    return redirect_to(url_for("tables.imports_show", import_id=import_.id))


@bp.post("/imports/<import_id>/sheets")
@may(Action.CREATE_TABLE)
async def imports_sheets(import_id: str) -> ResponseReturnValue:
    """Import other sheets of the file as tables of their own: each gets its preview."""
    import_ = await _find_new(import_id)
    sheets = (await request.form).getlist("sheets")
    if not sheets:
        return await _page(import_, "Select at least one sheet.", 422)
    sheet_imports.ensure_listed(import_, sheets)
    new_ids = [sheet_imports.sheet_import_id(import_.id, sheet) for sheet in sheets]
    try:
        async with jobs().shared_original(import_.id, new_ids):
            await db().write(sheet_imports.import_sheets, import_.id, sheets, config().imports_waiting)
    except Exception:
        await db().write(sheet_imports.discard_unrecorded, new_ids)
        raise
    return redirect_to(url_for("main.dashboard"))


@bp.post("/imports/<import_id>/cancellation")
@may(Action.CREATE_TABLE)
async def imports_cancel(import_id: str) -> ResponseReturnValue:
    import_ = await find_import(db(), current_user(), import_id)
    if import_.state == ImportState.UPDATING:
        async with db().reading() as session:
            _, update = await get_update(session, import_id)
        await db().write(import_updating.withdraw, current_user(), update.table_id, import_id)
    else:
        await db().write(importing.cancel, import_.id)
    return redirect_to(url_for("tables.imports_show", import_id=import_.id))


@bp.post("/imports/dismissal")
@may(Action.CREATE_TABLE)
async def imports_dismiss() -> ResponseReturnValue:
    """Delete one import that is ready or has failed, or with `id=all` every one of them."""
    import_id = (await request.form).get("id", "")
    await db().write(importing.dismiss, current_user().id, None if import_id == "all" else import_id)
    return redirect_to(url_for("main.dashboard"))


@bp.get("/imports/<import_id>/rejected")
async def imports_rejected(import_id: str) -> Response:
    """The rejected rows, as CSV with line number and reason."""
    import_ = await find_import(db(), current_user(), import_id)
    path = jobs().folder(import_.id).rejected
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("file of rejected rows")
    size = path.stat().st_size
    return streamed(
        lambda: file_part(path, 0, size), "text/csv", f"{PurePath(import_.filename).stem}, rejected rows.csv"
    )


async def _find_new(import_id: str) -> Import:
    """An import that becomes a table. Raises `NotFound`."""
    import_ = await find_import(db(), current_user(), import_id)
    if import_.is_update:
        raise NotFound("import")
    return import_


async def _overrides(import_: Import, *, is_final: bool = False) -> ImportOverrides:
    """Raises `InvalidOverride`. Without a preview there is nothing to correct."""
    before = ImportOverrides.from_json(import_.overrides)
    if not import_.inspection:
        return before
    inspection = InspectionReport.from_json(import_.inspection)
    overrides = parse_overrides((await request.form).to_dict(), inspection, before)
    if is_final:
        ensure_a_column(overrides, inspection)
    return overrides


async def _refuse(import_: Import, problem: UserError) -> Response:
    """The preview again, with everything as typed and the error beside its field."""
    invalid = problem.field if isinstance(problem, InvalidOverride) else None
    return await _page(import_, str(problem), 422, submitted=(await request.form).to_dict(), invalid=invalid)


async def _page(import_: Import, error: str | None = None, status: int = 200, **more: Any) -> Response:
    context = present_import(templates(), import_, progress_of(jobs(), import_), error, **more)
    return await render_large("tables/imports/show.html", "tables/imports/_import.html", status, **context)
