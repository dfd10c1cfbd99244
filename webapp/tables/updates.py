"""Further files for a table: the upload, how each is laid over the table, what that would do, and the one button."""

from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.db.errors import DatabaseTrouble, UserError
from webapp.extensions import config, db, jobs
from webapp.imports.update_settings import UpdateSettings
from webapp.models import ChangeSet, Import, ImportState, LargeChange, is_allowed
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.tables import import_updating
from webapp.models.tables.access import TableAccess, find_access, find_table
from webapp.models.tables.import_model import RUNNING_STATES, StateConflict
from webapp.models.tables.import_update import IN_A_LIST, ImportUpdate, authors_of, find_update, updates_of
from webapp.models.tables.update_checks import SettingsRefused
from webapp.tables import bp
from webapp.tables.edit_answers import undo_url
from webapp.tables.import_presenter import progress_of
from webapp.tables.imports import FORM_FIELDS, FORM_LIMIT
from webapp.tables.large_change_presenter import present_change
from webapp.tables.update_form import parse_decision, parse_settings
from webapp.tables.updates_presenter import Reading, present_report, present_settings
from webapp.tables.uploads import take_upload
from webapp.web import flashes
from webapp.web.access import Action, may
from webapp.web.body import body_limit
from webapp.web.fragments import is_partial, redirect_to, render, render_large
from webapp.web.session import current_user

MAX_LISTED = 100  # files


@bp.get("/<id:table_id>/imports")
@may(Action.EDIT_TABLE)
async def updates_index(table_id: int) -> ResponseReturnValue:
    """The files that were laid over the table, and the upload of a further one. Its fragment is the upload alone, for
    the page of the table.
    """
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    async with db().reading() as session:
        found = (await session.execute(updates_of(table_id).options(*IN_A_LIST).limit(MAX_LISTED))).all()
    return await render(
        "tables/updates/index.html",
        "tables/updates/_drop.html",
        table=table,
        upload_limit=config().upload_limit,
        on_table=is_partial(),
        files=[(import_, update, _url(table_id, import_.id)) for import_, update in found],
    )


@bp.post("/<id:table_id>/imports")
@may(Action.EDIT_TABLE)
@body_limit(lambda settings: settings.upload_limit)
async def updates_create(table_id: int) -> ResponseReturnValue:
    await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    actor = current_user()

    async def create(work: Any, import_id: str, **file: Any) -> None:
        await import_updating.create(work, import_id, actor, table_id, **file)

    return await take_upload(create, lambda import_id: _url(table_id, import_id))


@bp.get("/<id:table_id>/imports/<import_id>")
@may(Action.EDIT_TABLE)
async def updates_show(table_id: int, import_id: str) -> ResponseReturnValue:
    return await _page(*await _find(table_id, import_id))


@bp.post("/<id:table_id>/imports/<import_id>")
@may(Action.EDIT_TABLE)
@body_limit(FORM_LIMIT, fields=FORM_FIELDS)
async def updates_update(table_id: int, import_id: str) -> ResponseReturnValue:
    """Compare the file with the table, as the form says."""
    found = await _find(table_id, import_id)
    width = len((found[1].inspection or {}).get("columns", ()))
    settings = None
    try:
        settings = parse_settings(await request.form, width)
        limit = config().imports_waiting
        await db().write(import_updating.compare, current_user(), table_id, import_id, settings, limit)
    except SettingsRefused as problem:
        return await _page(*found, error=problem, settings=settings, status=422)
    return redirect_to(_url(table_id, import_id))


@bp.post("/<id:table_id>/imports/<import_id>/application")
@may(Action.EDIT_TABLE)
async def updates_apply(table_id: int, import_id: str) -> ResponseReturnValue:
    """Do what the comparison says. If the table has changed since, the page shows a new comparison."""
    found = await _find(table_id, import_id)
    try:
        decision, plan = parse_decision(await request.form), str(jobs().folder(import_id).plan)
        is_begun = await db().write(import_updating.apply, current_user(), table_id, import_id, decision, plan)
    except StateConflict as conflict:  # pressed twice, or in another window
        if conflict.state not in RUNNING_STATES:
            raise
        is_begun = True
    except (NotFound, NotAllowed, DatabaseTrouble):
        raise
    except UserError as problem:  # another large change runs, or the table has no room for a column
        return await _page(*found, error=problem, status=422)
    if not is_begun:
        flashes.flash("The table has changed since. Nothing was imported; the file is compared with it again.")
    return redirect_to(_url(table_id, import_id))


@bp.post("/<id:table_id>/imports/<import_id>/cancellation")
@may(Action.EDIT_TABLE)
async def updates_cancel(table_id: int, import_id: str) -> ResponseReturnValue:
    await _find(table_id, import_id)
    await db().write(import_updating.withdraw, current_user(), table_id, import_id)
    return redirect_to(_url(table_id, import_id))


async def _find(table_id: int, import_id: str) -> tuple[TableAccess, Import, ImportUpdate]:
    access = await find_access(db(), current_user(), table_id, Action.EDIT_TABLE)
    return access, *await find_update(db(), table_id, import_id)


async def _page(
    access: TableAccess,
    import_: Import,
    update: ImportUpdate,
    error: UserError | None = None,
    settings: UpdateSettings | None = None,
    status: int = 200,
) -> Response:
    table, change = access.table, await _change(update) if import_.state == ImportState.UPDATING else None
    is_running, user = import_.state in RUNNING_STATES, current_user()
    is_theirs = user.id == (change.user_id if change else import_.user_id)
    is_read = import_.inspection is not None and import_.state == ImportState.READY
    report = update.report if is_read else None
    authors = await db().read(lambda connection: authors_of(connection, table.id, report.authors)) if report else {}
    reading = Reading(table, import_, update, authors)
    watched: dict[str, Any] = {"import": import_.id, "state": import_.state}
    context: dict[str, Any] = {
        "table": table,
        "import_": import_,
        "update": update,
        "progress": progress_of(jobs(), import_),
        "form": present_settings(reading, settings or reading.settings) if is_read else None,
        "result": present_report(reading, report) if report else None,
        "change": present_change(change) if change else None,
        "may_cancel": is_theirs or is_allowed(user, Action.CHANGE_TABLE, access),
        "inspection": reading.inspection if is_read else None,
        "rejected_url": _rejected_url(import_),
        "error": str(error) if error else import_.failure if is_read else None,
        "live_url": url_for("live.stream", **watched) if is_running else None,
        "set_url": url_for("tables.histories_show", table_id=table.id, seq=update.seq) if update.seq else None,
        "undo_url": await _undo_url(update) if import_.state == ImportState.DONE else None,
    }
    return await render_large("tables/updates/show.html", "tables/updates/_update.html", status, **context)


async def _change(update: ImportUpdate) -> LargeChange | None:
    """The large change that applies it."""
    async with db().reading() as session:
        return await session.get(LargeChange, update.change_id) if update.change_id is not None else None


async def _undo_url(update: ImportUpdate) -> str | None:
    """While its change is in force."""
    async with db().reading() as session:
        one = await session.get(ChangeSet, (update.table_id, update.seq)) if update.seq is not None else None
    return undo_url(update.table_id, one.seq) if one is not None and one.undone_by is None else None


def _rejected_url(import_: Import) -> str | None:
    """For the person whose file it is."""
    is_own = import_.user_id == current_user().id
    return url_for("tables.imports_rejected", import_id=import_.id) if is_own else None


def _url(table_id: int, import_id: str) -> str:
    return url_for("tables.updates_show", table_id=table_id, import_id=import_id)
