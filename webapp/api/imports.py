"""Imports: a file becomes a table, or goes into one that is there, by the same verbs as the pages."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from quart import request, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, grid_query, query, response, takes_idempotency_key, upload
from webapp.api.errors import WrongParameter
from webapp.api.fields import TableId
from webapp.api.import_documents import import_document
from webapp.api.import_inputs import (
    ImportChange,
    ImportId,
    ImportsQuery,
    NewImportQuery,
    NewUpdateQuery,
    StartQuery,
)
from webapp.api.import_options import overrides_of, settings_of
from webapp.api.import_schemas import ImportDetail, Imports, ImportSummary
from webapp.extensions import config, db, jobs
from webapp.imports.corrections import InvalidOverride, parse_upload_options
from webapp.imports.report import ImportOverrides
from webapp.imports.update_settings import UpdateSettings
from webapp.models import Import, ImportState, ImportUpdate, LargeChange, Table, is_allowed
from webapp.models.errors import NotAllowed
from webapp.models.idempotency import AlreadyDone, RequestKey
from webapp.models.policy import Action
from webapp.models.tables import import_updating, importing, unattended
from webapp.models.tables.access import find_table
from webapp.models.tables.import_model import RUNNING_STATES, StateConflict
from webapp.models.tables.import_update import find_own, imports_after
from webapp.models.tables.import_wishes import TooFewRows, numbers_of
from webapp.models.tables.update_checks import SettingsRefused
from webapp.web.access import may
from webapp.web.idempotency import upload_key
from webapp.web.import_uploads import Sent, Verb, take_import
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user

UNNAMED = "Uploaded file"


@bp.get("/v1/imports")
@tag(["Imports"])
@reads
@response(Imports, headers=("Link",))
@query(ImportsQuery)
async def imports_index(query_args: ImportsQuery) -> Any:
    """List your imports

    The newest first. A token that is limited to tables lists those into these.
    """
    async with db().reading() as session:
        found = await imports_after(session, current_user(), query_args.after, query_args.limit + 1)
    page = found[: query_args.limit]
    items = [ImportSummary(**ImportSummary.values(*one)) for one in page]
    next_url = _next_url(query_args, items[-1].id) if len(found) > query_args.limit else None
    return Imports(items=items, next=next_url), 200, {"Link": f'<{next_url}>; rel="next"'} if next_url else {}


@bp.post("/v1/imports")
@tag(["Imports"])
@may(Action.CREATE_TABLE)
@writes
@errors(422)
@takes_idempotency_key
@response(ImportDetail, 201, headers=("Location",))
@upload
@grid_query(NewImportQuery)
async def imports_create(query_args: NewImportQuery) -> Any:
    """Import a file as a new table

    The body is the file. It is read, and then waits with what was found for `start`: nothing is a table before. With
    `start=true` nothing is asked. Look at the import now and then: it is through when its state is `done`, or `ready`
    or `failed` with a `failure` if something is in the way.
    """
    verb = partial(importing.create, user_id=current_user().id, wishes=query_args.wishes)
    return await _take(verb, query_args, "new")


@bp.post("/v1/tables/<id:table_id>/imports")
@tag(["Imports"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(ImportDetail, 201, headers=("Location",))
@upload
@grid_query(NewUpdateQuery)
async def imports_create_into(table_id: TableId, query_args: NewUpdateQuery) -> Any:
    """Import a file into a table

    The body is the file. It is read and compared with the table, and its `plan` waits for `start`: the dry run. With
    `start=true` the plan is carried out without asking, unless the table would lose most of its rows. What is not said
    is as for the last file of this name, or as found. All of it is one change, which undo takes back.
    """
    table, actor = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE), current_user()
    try:
        numbers_of(query_args.key, table.columns, "key")
    except SettingsRefused as problem:
        raise WrongParameter(problem.field, str(problem)) from problem

    async def create(work: Any, import_id: str, **file: Any) -> None:
        await import_updating.create(work, import_id, actor, table_id, wishes=query_args.wishes, **file)

    return await _take(create, query_args, f"table {table_id}")


@bp.get("/v1/imports/<import_id>")
@tag(["Imports"])
@reads
@response(ImportDetail)
async def imports_show(import_id: ImportId) -> Any:
    """Show an import

    Its state and progress, what was found in the file, and what it would change in its table.
    """
    return await _show(import_id)


@bp.patch("/v1/imports/<import_id>")
@tag(["Imports"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 422)
@response(ImportDetail)
@body(ImportChange)
async def imports_update(import_id: ImportId, data: ImportChange) -> Any:
    """Change what becomes of a file

    While it waits for `start`: how it is read, its columns, how it goes into its table. Nothing of a table is changed;
    the answer has the preview, or is `inspecting` or `comparing` until there is another one.
    """
    import_, update, table = await _find(import_id)
    if import_.state != ImportState.READY:
        raise StateConflict(import_.state)
    if update is None or table is None:
        overrides = overrides_of(import_, data)
        await db().write(importing.correct, import_id, overrides, config().imports_waiting)
    else:
        settings = settings_of(import_, UpdateSettings.from_json(update.settings), data, table.columns)
        about = (current_user(), table.id, import_id, settings, config().imports_waiting)
        await db().write(import_updating.compare, *about)
    return await _show(import_id)


@bp.post("/v1/imports/<import_id>/start")
@tag(["Imports"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 422)
@response(ImportDetail)
@query(StartQuery)
async def imports_start(import_id: ImportId, query_args: StartQuery) -> Any:
    """Start an import

    Of a file that was read: it becomes a table, or its plan is carried out. Sent again, it does nothing more.
    """
    import_, update, _ = await _find(import_id)
    try:
        if update is None:
            title, overrides = query_args.title, ImportOverrides.from_json(import_.overrides)
            await db().write(importing.begin_loading, import_id, overrides, title, limit=config().imports_waiting)
        else:
            plan, place = str(jobs().folder(import_id).plan), (current_user(), update.table_id, import_id)
            await db().write(unattended.start, *place, query_args.wishes, plan)
    except TooFewRows as problem:
        raise WrongParameter("allow_deletions", str(problem)) from problem
    except StateConflict as conflict:
        if conflict.state not in (ImportState.LOADING, ImportState.DONE):
            raise
    return await _show(import_id)


@bp.post("/v1/imports/<import_id>/cancel")
@tag(["Imports"])
@may(Action.EDIT_TABLE)
@writes
@errors(409)
@response(ImportDetail)
async def imports_cancel(import_id: ImportId) -> Any:
    """Cancel an import

    What it has done is taken back, and the file goes. What is done stays: delete the table, or undo the change. Sent
    again, it does nothing more.
    """
    import_, update, _ = await _find(import_id)
    if import_.state in (ImportState.DONE, ImportState.FAILED):
        raise StateConflict(import_.state)
    if update is None:
        await db().write(importing.cancel, import_id)
    else:
        await db().write(import_updating.withdraw, current_user(), update.table_id, import_id)
    return await _show(import_id)


async def _take(verb: Verb, query_args: NewImportQuery | NewUpdateQuery, scope: str) -> Any:
    """Sent again with the same key, the answer is that to the first one."""
    try:
        overrides = parse_upload_options(query_args.fields)
    except InvalidOverride as problem:
        raise WrongParameter(problem.field, str(problem)) from problem
    try:
        import_id = await take_import(partial(verb, overrides=overrides), _key_in(scope), _url, UNNAMED)
    except AlreadyDone as done:
        import_id = done.outcome.subject
    return await _show(import_id), 201, {"Location": _url(import_id)}


def _key_in(scope: str) -> Callable[[Sent], RequestKey | None]:
    """The parameters are a part of what was sent."""
    parameters = sorted(request.args.items(multi=True))
    return lambda sent: upload_key(scope, *sent.file.values(), parameters)


async def _find(import_id: str) -> tuple[Import, ImportUpdate | None, Table | None]:
    """To be changed; with the table that it is for. Raises `NotFound` and `NotAllowed`."""
    import_, update = await _own(import_id)
    if update is not None:
        return import_, update, await find_table(db(), current_user(), update.table_id, Action.EDIT_TABLE)
    if not is_allowed(current_user(), Action.CREATE_TABLE):
        raise NotAllowed("You may not create tables. Nothing was changed.")
    return import_, None, None


async def _own(import_id: str) -> tuple[Import, ImportUpdate | None]:
    async with db().reading() as session:
        return await find_own(session, current_user(), import_id)


async def _show(import_id: str) -> ImportDetail:
    """Raises `NotFound`; also to whoever may see the table no more, of which the plan shows rows."""
    import_, update = await _own(import_id)
    table = change = None
    if update is not None:
        table = await find_table(db(), current_user(), update.table_id)
        async with db().reading() as session:
            is_applied = import_.state == ImportState.UPDATING and update.change_id is not None
            change = await session.get(LargeChange, update.change_id) if is_applied else None
    progress = jobs().progress(import_) if import_.state in RUNNING_STATES else None
    return import_document(import_, update, table, progress, change)


def _url(import_id: str) -> str:
    return url_for("api.imports_show", import_id=import_id)


def _next_url(query_args: ImportsQuery, last_id: str) -> str:
    args = query_args.model_dump(exclude_unset=True) | {"after": last_id, "limit": query_args.limit}
    return f"{request.path}?{urlencode(args)}"
