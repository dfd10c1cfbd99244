"""Forms of a table, by the same verbs as the pages. Their answers are rows; they are posted to the form's address."""

from dataclasses import replace
from typing import Any

from quart import Response, request, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, response, takes_idempotency_key
from webapp.api.fields import FormId, TableId
from webapp.api.form_fields import keep_names, naming_fields, read_settings
from webapp.api.form_schemas import NewTableForm, TableFormChange, TableFormDetail, TableForms
from webapp.api.keys import create_once
from webapp.api.responses import empty, etag
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import Actor, AuditSource, Table, TableForm
from webapp.models.errors import VersionMismatch
from webapp.models.policy import Action
from webapp.models.tables import forms
from webapp.models.tables.access import find_table
from webapp.models.tables.form_checks import FormSettings, settings_of
from webapp.models.tables.versions import Versions
from webapp.web import paths
from webapp.web.access import may
from webapp.web.audit import audit_source
from webapp.web.hosts import own_origin
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user


@bp.get("/v1/tables/<id:table_id>/forms")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@reads
@response(TableForms)
async def forms_index(table_id: TableId) -> Any:
    """List the forms of a table

    With their addresses.
    """
    await _table(table_id)
    async with db().reading() as session:
        found = await forms.list_forms(session, table_id)
    return TableForms(items=[TableFormDetail.of(form, _address(form)) for form in found])


@bp.post("/v1/tables/<id:table_id>/forms")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(TableFormDetail, 201, headers=("Location", "ETag"))
@body(NewTableForm)
async def forms_create(table_id: TableId, data: NewTableForm) -> Any:
    """Make a form

    Of some columns. It is switched off until you switch it on.
    """
    table = await _table(table_id)
    given = {name: getattr(data, name) for name in NewTableForm.model_fields}
    wanted = FormSettings(**read_settings(table, given))
    about = (current_user(), audit_source(), sealer(), table_id, wanted)
    creating = create_once(table_id, _id_of, forms.create_form, *about)
    form_id, _ = await naming_fields(data.fields, creating)
    shown, _, headers = await _show(table_id, form_id)
    return shown, 201, headers | {"Location": url_for("api.forms_show", table_id=table_id, form_id=form_id)}


@bp.get("/v1/tables/<id:table_id>/forms/<id:form_id>")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@reads
@response(TableFormDetail, headers=("ETag",))
async def forms_show(table_id: TableId, form_id: FormId) -> Any:
    """Show a form

    What it asks for, and how many have answered.
    """
    await _table(table_id)
    return await _show(table_id, form_id)


@bp.patch("/v1/tables/<id:table_id>/forms/<id:form_id>")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@writes
@errors(409, 412, 422)
@response(TableFormDetail, headers=("ETag",))
@body(TableFormChange)
async def forms_update(table_id: TableId, form_id: FormId, data: TableFormChange) -> Any:
    """Change a form

    What it asks for, until when, and whether it takes answers. All fields given, or none.
    """
    table = await _table(table_id)
    wanted = read_settings(table, {name: getattr(data, name) for name in data.model_fields_set})
    about = (current_user(), audit_source(), table_id, form_id, request.if_match or None, wanted)
    await naming_fields(data.fields, db().write(_change, *about))
    return await _show(table_id, form_id)


@bp.delete("/v1/tables/<id:table_id>/forms/<id:form_id>")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@writes
async def forms_delete(table_id: TableId, form_id: FormId) -> Response:
    """Delete a form

    Its address ends at once; its answers stay in the table. For a while it can be restored.
    """
    await _table(table_id)
    await db().write(_delete, current_user(), audit_source(), table_id, form_id)
    return empty()


@bp.post("/v1/tables/<id:table_id>/forms/<id:form_id>/restoration")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@writes
@errors(409)
@response(TableFormDetail, headers=("ETag",))
async def forms_restore(table_id: TableId, form_id: FormId) -> Any:
    """Restore a form

    As it was when it was deleted, with its address.
    """
    await db().write(forms.restore_form, current_user(), audit_source(), table_id, form_id)
    return await _show(table_id, form_id)


@bp.post("/v1/tables/<id:table_id>/forms/<id:form_id>/address")
@tag(["Forms"])
@may(Action.EDIT_TABLE)
@writes
@errors(422)
@takes_idempotency_key
@response(TableFormDetail, headers=("ETag",))
async def forms_renew(table_id: TableId, form_id: FormId) -> Any:
    """Give a form a new address

    The one until now ends at once.
    """
    await _table(table_id)
    about = (current_user(), audit_source(), sealer(), table_id, form_id)
    await create_once(form_id, _id_of, forms.renew_address, *about)
    return await _show(table_id, form_id)


async def _change(
    work: UnitOfWork,
    actor: Actor,
    source: AuditSource,
    table_id: int,
    form_id: int,
    versions: Versions,
    wanted: dict[str, Any],
) -> None:
    form = await forms.find_form(work.session, table_id, form_id)
    if versions is not None and str(form.version) not in versions:
        raise VersionMismatch
    settings = {name: value for name, value in wanted.items() if name != "is_on"}
    if "fields" in settings:
        settings["fields"] = keep_names(settings["fields"], form.asked)
    if settings:
        changed = replace(settings_of(form), **settings)
        await forms.change_form(work, actor, table_id, form_id, form.version, changed)
    if "is_on" in wanted:
        await forms.switch_form(work, actor, source, table_id, form_id, is_on=wanted["is_on"])


async def _delete(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, form_id: int) -> None:
    await forms.find_form(work.session, table_id, form_id)
    await forms.delete_form(work, actor, source, table_id, form_id)


async def _table(table_id: int) -> Table:
    return await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)


async def _show(table_id: int, form_id: int) -> tuple[TableFormDetail, int, dict[str, str]]:
    """Raises `NotFound`."""
    async with db().reading() as session:
        form = await forms.find_form(session, table_id, form_id)
    return TableFormDetail.of(form, _address(form)), 200, {"ETag": etag(str(form.version))}


def _id_of(form: TableForm) -> int:
    return form.id


def _address(form: TableForm) -> str:
    token = forms.token_of(form, sealer())
    return "" if token is None else f"{own_origin()}{paths.url_for('forms.show', token=token)}"
