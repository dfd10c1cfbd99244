"""The pages where the editors of a table make, change, switch and delete its forms. All work without a script."""

from collections.abc import Sequence
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import db, sealer
from webapp.forms import bp
from webapp.forms.inputs import build_form, hidden_of, prefilled, questions_of
from webapp.forms.presenter import present_form
from webapp.forms.settings_form import (
    ASKED,
    SettingsForm,
    arranged,
    filled_form,
    read_fields,
    read_settings,
    rows_of,
)
from webapp.models.idempotency import Outcome, once
from webapp.models.policy import Action
from webapp.models.tables import forms
from webapp.models.tables.access import find_table
from webapp.models.tables.form_checks import MAX_FIELDS, MAX_NAME, FormRefused, FormSettings, new_field
from webapp.models.tables.forms import FormChanged
from webapp.models.tables.table import Table
from webapp.models.tables.table_form import FormField, PublicForm, TableForm
from webapp.web.access import may
from webapp.web.audit import audit_source
from webapp.web.body import body_limit
from webapp.web.flashes import flash
from webapp.web.forms import Form, OneLine
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.idempotency import form_key
from webapp.web.session import current_user

MAX_BYTES, MAX_INPUTS = 4 * 1024 * 1024, 3_000  # of a form with all its columns


class NewForm(Form):
    name = OneLine("Name", "Give the form a name.", MAX_NAME)


@bp.get("/tables/<id:table_id>/forms")
@may(Action.EDIT_TABLE)
async def index(table_id: int) -> ResponseReturnValue:
    table = await _table(table_id)
    async with db().reading() as session:
        found = await forms.list_forms(session, table_id)
    return await render(
        "forms/index.html", table=table, forms=[present_form(PublicForm(form, table), _url(form)) for form in found]
    )


@bp.get("/tables/<id:table_id>/forms/new")
@may(Action.EDIT_TABLE)
async def new(table_id: int) -> ResponseReturnValue:
    table = await _table(table_id)
    chosen = [column.number for column in table.columns[:MAX_FIELDS]]
    return await _new_page(table, NewForm(data={"name": table.title[:MAX_NAME]}), chosen)


@bp.post("/tables/<id:table_id>/forms")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_INPUTS)
async def create(table_id: int) -> ResponseReturnValue:
    """With the chosen columns; switched off, so that nobody sees it before it is as it should be."""
    table, form = await _table(table_id), await NewForm.load()
    chosen = (await request.form).getlist("column", type=int)
    if not form.validate_on_submit():
        return await _new_page(table, form, chosen, status=422)
    wanted = FormSettings(form.name.data or "", _new_fields(table, chosen))
    key = await form_key(table_id, wanted.name, chosen)
    actor, source = current_user(), audit_source()
    try:
        made = await db().write(once, key, _outcome, forms.create_form, actor, source, sealer(), table_id, wanted)
    except FormRefused as error:
        form.refuse("name" if error.place == "name" else None, str(error))
        return await _new_page(table, form, chosen, status=422)
    flash("The form is made. It is switched off until you switch it on.")
    return redirect_to(_edit_url(made))


@bp.get("/tables/<id:table_id>/forms/<id:form_id>")
@may(Action.EDIT_TABLE)
async def edit(table_id: int, form_id: int) -> ResponseReturnValue:
    table = await _table(table_id)
    return await _edit_page(table, await _form(table_id, form_id))


@bp.post("/tables/<id:table_id>/forms/<id:form_id>")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_INPUTS)
async def update(table_id: int, form_id: int) -> ResponseReturnValue:
    """Save it, with the order that the pressed button asks for."""
    table, stored = await _table(table_id), await _form(table_id, form_id)
    submitted = await request.form
    form = SettingsForm.for_zone(current_user().time_zone, submitted, {})
    fields = arranged(read_fields(stored, table, submitted), table, submitted)
    if not form.validate():
        return await _edit_page(table, stored, form, fields, status=422)
    seen = int(form.seen.data) if (form.seen.data or "").isdecimal() else 0
    try:
        changed = await db().write(
            forms.change_form, current_user(), table_id, form_id, seen, read_settings(form, fields)
        )
    except FormRefused as error:
        if error.place in form:
            form.refuse(error.place, str(error))
        elif error.place == "fields":
            form.refuse(None, str(error))
        return await _edit_page(table, stored, form, fields, error, status=422)
    except FormChanged as error:
        return await _edit_page(table, await _form(table_id, form_id), notice=str(error), status=409)
    flash("The form is saved.")
    return redirect_to(_edit_url(changed))


@bp.get("/tables/<id:table_id>/forms/<id:form_id>/preview")
@may(Action.EDIT_TABLE)
async def preview(table_id: int, form_id: int) -> ResponseReturnValue:
    """As whoever has the address sees it, also while it is switched off."""
    public = PublicForm(await _form(table_id, form_id), await _table(table_id))
    form = build_form(public, prefilled(public, request.args))
    return await render(
        "forms/show.html",
        public=public.form,
        form=form,
        questions=questions_of(public, form),
        hidden=hidden_of(public, form),
        seen=public.seen,
        action=request.path,
        spam="",
        person=current_user().name if public.form.one_each else None,
        is_preview=True,
    )


@bp.post("/tables/<id:table_id>/forms/<id:form_id>/state")
@may(Action.EDIT_TABLE)
async def switch(table_id: int, form_id: int) -> ResponseReturnValue:
    """On with the field `on`, else off."""
    is_on = (await request.form).get("on") == "1"
    form = await db().write(forms.switch_form, current_user(), audit_source(), table_id, form_id, is_on=is_on)
    flash(f"“{form.name}” is on: whoever has its address can answer it." if is_on else f"“{form.name}” is off.")
    return redirect_to(_edit_url(form))


@bp.post("/tables/<id:table_id>/forms/<id:form_id>/address")
@may(Action.EDIT_TABLE)
async def renew(table_id: int, form_id: int) -> ResponseReturnValue:
    form = await db().write(forms.renew_address, current_user(), audit_source(), sealer(), table_id, form_id)
    flash("The form has a new address. The one until now does not work any more.")
    return redirect_to(_edit_url(form))


@bp.post("/tables/<id:table_id>/forms/<id:form_id>/deletion")
@may(Action.EDIT_TABLE)
async def destroy(table_id: int, form_id: int) -> ResponseReturnValue:
    form = await db().write(forms.delete_form, current_user(), audit_source(), table_id, form_id)
    undo_url = url_for("forms.restore", table_id=table_id, form_id=form_id)
    flash(f"The form “{form.name}” is deleted. Its answers stay in the table.", undo_url=undo_url)
    return redirect_to(url_for("forms.index", table_id=table_id))


@bp.post("/tables/<id:table_id>/forms/<id:form_id>/restoration")
@may(Action.EDIT_TABLE)
async def restore(table_id: int, form_id: int) -> ResponseReturnValue:
    form = await db().write(forms.restore_form, current_user(), audit_source(), table_id, form_id)
    flash(f"The form “{form.name}” is restored, with its address.")
    return redirect_to(_edit_url(form))


async def _table(table_id: int) -> Table:
    return await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)


async def _form(table_id: int, form_id: int) -> TableForm:
    async with db().reading() as session:
        return await forms.find_form(session, table_id, form_id)


def _new_fields(table: Table, chosen: Sequence[int]) -> tuple[FormField, ...]:
    fields = list[FormField]()
    for column in table.columns:
        if column.number in chosen:
            fields.append(new_field(column, fields))
    return tuple(fields)


def _outcome(form: TableForm) -> Outcome:
    return Outcome(_edit_url(form), "This form is made already.", f"form:{form.id}")


def _edit_url(form: TableForm) -> str:
    return url_for("forms.edit", table_id=form.table_id, form_id=form.id)


def _url(form: TableForm) -> str:
    """The public address; empty if the server's key has been replaced since it was made."""
    token = forms.token_of(form, sealer())
    return "" if token is None else f"{own_origin()}{url_for('forms.show', token=token)}"


async def _new_page(table: Table, form: NewForm, chosen: Sequence[int], status: int = 200) -> Response:
    return await render(
        "forms/new.html", status=status, table=table, form=form, chosen=set(chosen), max_fields=MAX_FIELDS
    )


async def _edit_page(
    table: Table,
    stored: TableForm,
    form: SettingsForm | None = None,
    fields: Sequence[FormField] | None = None,
    refused: FormRefused | None = None,
    *,
    notice: str = "",
    status: int = 200,
) -> Response:
    rows = rows_of(stored.asked if fields is None else fields, table, refused)
    used: set[Any] = {row.number for row in rows}
    return await render(
        "forms/edit.html",
        status=status,
        table=table,
        public=present_form(PublicForm(stored, table), _url(stored)),
        form=form or filled_form(stored, current_user().time_zone),
        rows=rows,
        others=[column for column in table.columns if column.number not in used],
        kinds=[(str(ask), words) for ask, words in ASKED.items()],
        zone=current_user().time_zone,
        notice=notice,
    )
