"""Another type for a column: what each would cost, the choice, and how far a change has come in a large table."""

import json
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from wtforms import RadioField
from wtforms.validators import InputRequired

from webapp.extensions import Extension, config, db, jobs
from webapp.imports.type_options import TypeOption, find_options
from webapp.jobs.type_changes import survey
from webapp.models import Column, Table
from webapp.models.base import MAX_ID
from webapp.models.tables.access import find_table
from webapp.models.tables.type_change import (
    RowsComing,
    TypeChange,
    TypeChangeState,
    find_type_change,
)
from webapp.models.tables.type_changing import AT_ONCE, NoSuchType, cancel_type_change, change_type
from webapp.rowstore.table_ref import Field
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.column_types_presenter import present_options
from webapp.tables.columns import find_column
from webapp.tables.table_urls import TableUrls
from webapp.web import flashes
from webapp.web.access import Action, may
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to, render
from webapp.web.row_reads import PersonalLimit, read_rows
from webapp.web.session import current_user

# Each person has one large table read at a time: nobody keeps the processes for that from the others.
surveys = Extension("surveys", lambda app: PersonalLimit(1))


class TypeForm(Form):
    """`type`: a type with its format, as JSON; what can be chosen is known once the column has been read."""

    type = RadioField("Type", [InputRequired("Choose a type.")], validate_choice=False)


@bp.get("/<id:table_id>/columns/<id:number>/type")
@may(Action.EDIT_TABLE)
async def types_edit(table_id: int, number: int) -> ResponseReturnValue:
    """With `change` in the address, what became of that change."""
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    column = find_column(table, number)
    change = await find_type_change(db(), table_id, number, _asked_change())
    if change is not None:
        return await _change_page(table, column, change)
    return await _form_page(table, column, TypeForm())


@bp.post("/<id:table_id>/columns/<id:number>/type")
@may(Action.EDIT_TABLE)
async def types_update(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    column, form = find_column(table, number), await TypeForm.load()
    if not form.validate_on_submit():
        return await _form_page(table, column, form, status=422)
    change = await db().write(change_type, current_user(), table_id, number, *_parse_choice(form.type.data))
    if change is None or change.state == TypeChangeState.DONE:
        flashes.flash(f"The type of “{column.title}” is changed." if change else "It has that type already.")
        return redirect_to(url_for("tables.show", table_id=table_id))
    return redirect_to(url_for("tables.types_edit", table_id=table_id, number=number, change=change.id))


@bp.post("/<id:table_id>/columns/<id:number>/type/cancellation")
@may(Action.EDIT_TABLE)
async def types_cancel(table_id: int, number: int) -> ResponseReturnValue:
    await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    await db().write(cancel_type_change, current_user(), table_id, number)
    return redirect_to(url_for("tables.columns_show", table_id=table_id, number=number))


def _asked_change() -> int | None:
    change_id = request.args.get("change", type=int)
    return change_id if change_id is not None and 0 <= change_id <= MAX_ID else None


def _parse_choice(value: str) -> tuple[str, dict[str, Any]]:
    """Raises `NoSuchType`; the verb checks the format."""
    try:
        choice = json.loads(value)
        type_, format = choice["type"], choice["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NoSuchType from error
    if not isinstance(type_, str) or not isinstance(format, dict):
        raise NoSuchType
    return type_, format


async def _form_page(table: Table, column: Column, form: TypeForm, status: int = 200) -> Response:
    """Raises `RowsComing`: what the rows to come hold is not known yet."""
    if table.state != "ready":
        raise RowsComing
    options = await _find_options(table, Field.of(column))
    return await render(
        "tables/columns/type.html",
        "tables/columns/_type_panel.html",
        status,
        form=form,
        **_context(table, column, None),
        **present_options(column, options),
    )


async def _change_page(table: Table, column: Column, change: TypeChange) -> Response:
    return await render(
        "tables/columns/type.html", "tables/columns/_type_panel.html", **_context(table, column, change), options=[]
    )


def _context(table: Table, column: Column, change: TypeChange | None) -> dict[str, Any]:
    """The links lead back to the view that the reader comes from."""
    urls = TableUrls(table.id, parse_query(table))
    return {
        "table": table,
        "column": column,
        "change": change,
        "table_url": urls.table(),
        "column_url": urls.to("tables.columns_show", number=column.number),
    }


async def _find_options(table: Table, column: Field) -> list[TypeOption]:
    """A small table is read here, where it takes less time than starting a process."""
    if table.row_count <= AT_ONCE:
        return await read_rows(lambda rows: find_options(rows, table.ref, column), config().query_timeout)
    async with surveys().of(current_user().id):
        return await survey(jobs(), table.ref, column)
