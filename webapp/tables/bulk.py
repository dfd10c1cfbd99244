"""Many rows are changed by one decision: choosing what, a preview of what it would do, and doing it."""

from collections.abc import Mapping
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound as PageNotFound

from webapp.db.errors import UserError
from webapp.extensions import db
from webapp.models import Table, is_allowed
from webapp.models.idempotency import RequestKey
from webapp.models.policy import Action
from webapp.models.tables.access import find_access, find_table
from webapp.models.tables.bulk_changing import (
    AddedColumns,
    add_rows_at_once,
    change_cells_at_once,
    delete_rows_at_once,
    plan_large,
)
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.editing import with_deleted_columns
from webapp.models.tables.large_changing import Planned
from webapp.planners.bulk.operations import CellOperation, OperationRefused
from webapp.planners.bulk.replacing import PatternRefused, TooSlow
from webapp.rowstore.table_ref import TableRef
from webapp.tables import bp
from webapp.tables.bulk_forms import ACTIONS, NEW, BulkAction, BulkForm, values_of
from webapp.tables.bulk_plans import BulkPlan, plan_arguments, plan_at_once
from webapp.tables.bulk_presenter import describe_result, present_actions, present_preview
from webapp.tables.edit_answers import undo_url
from webapp.tables.edit_once import write_keyed
from webapp.tables.selection import RowSelection, parse_selection
from webapp.tables.table_urls import TableUrls
from webapp.web.access import may
from webapp.web.body import body_limit
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render, render_large
from webapp.web.idempotency import form_key
from webapp.web.session import current_user

AT_ONCE = "1"  # `confirm` of a preview that shows all of it; another one agrees to planning in the background
MAX_COMPARED = 50  # columns that are compared at first
MAX_BYTES = 4 * 1024 * 1024  # of a form: a text can have a million characters
MAX_FIELDS = 2_500  # of a form: a table can have 2,000 columns


class NoRowsChosen(UserError):
    def __init__(self) -> None:
        super().__init__("No rows are chosen. Choose some in the table, with the boxes beside their numbers.")


@bp.get("/<id:table_id>/bulk")
async def bulk_index(table_id: int) -> ResponseReturnValue:
    """What can be done with the rows chosen. Its fragment is the bar of the grid."""
    access = await find_access(db(), current_user(), table_id)
    table = access.table
    selection = _selection(table)
    may_edit = table.state == "ready" and is_allowed(current_user(), Action.EDIT_TABLE, access)
    return await render(
        "tables/bulk/index.html",
        "tables/bulk/_bar.html",
        table=table,
        table_url=TableUrls(table_id, selection.view).table(),
        **present_actions(table, selection, may_edit=may_edit),
    )


@bp.get("/<id:table_id>/bulk/<action>")
@may(Action.EDIT_TABLE)
async def bulk_edit(table_id: int, action: str) -> ResponseReturnValue:
    """`column` in the address: the one that is chosen at first."""
    what = _action(action)
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    selection = _selection(table)
    form = what.form(data=_defaults(what, selection)).with_columns(selection.view.visible)
    plan = None if what.has_form else await _plan(table, what, selection, None, {})
    return await _page(table, what, selection, form, plan)


@bp.post("/<id:table_id>/bulk/<action>")
@may(Action.EDIT_TABLE)
@body_limit(MAX_BYTES, fields=MAX_FIELDS)
async def bulk_update(table_id: int, action: str) -> ResponseReturnValue:
    """A preview, or with the field `confirm` the change itself. Of many rows, the page where it is planned, which shows
    the preview then and asks again.
    """
    what = _action(action)
    table = await find_table(db(), current_user(), table_id, Action.EDIT_TABLE)
    selection = _selection(table)
    form = what.form(await request.form).with_columns(table.ref.fields)
    if not form.validate():
        return await _page(table, what, selection, form, None, 422)
    try:
        operation, more = form.operation(), form.arguments()
        plan = await _plan(table, what, selection, operation, more)
    except (OperationRefused, PatternRefused, TooSlow) as error:
        form.refuse("find" if isinstance(error, PatternRefused) else None, str(error))
        return await _page(table, what, selection, form, None, 422)
    added = form.added({column.number: column.title for column in table.columns})
    confirmed = (await request.form).get("confirm")
    if not plan.is_whole and (confirmed or added is None):
        return await _plan_large(table, what, selection, form, operation, added)
    if confirmed != AT_ONCE:
        return await _page(table, what, selection, form, plan)
    return await _make(table, what, selection, form, operation, plan, added)


def _action(name: str) -> BulkAction:
    if name not in ACTIONS:
        raise PageNotFound
    return ACTIONS[name]


def _selection(table: Table) -> RowSelection:
    selection = parse_selection(table)
    if selection is None:
        raise NoRowsChosen
    return selection


def _defaults(what: BulkAction, selection: RowSelection) -> dict[str, Any]:
    numbers = [field.number for field in selection.view.visible]
    asked = request.args.get("column", type=int)
    first = asked if asked in numbers else numbers[0]
    if what.name == "join":
        return {"column": NEW, "sources": numbers[:2]}
    return {"column": first, "source": first, "sources": numbers[:MAX_COMPARED]}


async def _plan(
    table: Table,
    what: BulkAction,
    selection: RowSelection,
    operation: CellOperation | None,
    more: Mapping[str, Any],
) -> BulkPlan:
    ref = await _stored(table) if what.is_of_rows else table.ref
    return await plan_at_once(what.planner, ref, plan_arguments(table, selection, operation, more))


async def _stored(table: Table) -> TableRef:
    """With the columns that were deleted: their cells go with their rows."""
    return await db().read(lambda connection: with_deleted_columns(connection, table))


async def _make(
    table: Table,
    what: BulkAction,
    selection: RowSelection,
    form: BulkForm,
    operation: CellOperation | None,
    plan: BulkPlan,
    added: AddedColumns | None,
) -> ResponseReturnValue:
    key = await _key(what, selection, form)
    if operation is not None:
        more: dict[str, Any] = {"keeps_text": operation.keeps_text, "added": added}
        result = await write_keyed(key, table.id, change_cells_at_once, plan.entries, **more)
    else:
        verb = add_rows_at_once if what.kind is Kind.ADD_ROWS else delete_rows_at_once
        result = await write_keyed(key, table.id, verb, plan.entries)
    back = TableUrls(table.id, selection.view).table()
    flash(
        describe_result(what, plan.report, result),
        "alert" if result.left else "done",
        undo_url=undo_url(table.id, result.seq, back),
    )
    return redirect_to(back)


async def _key(what: BulkAction, selection: RowSelection, form: BulkForm) -> RequestKey | None:
    return await form_key(what.name, selection.argument, *selection.view.args(), *values_of(form))


async def _plan_large(
    table: Table,
    what: BulkAction,
    selection: RowSelection,
    form: BulkForm,
    operation: CellOperation | None,
    added: AddedColumns | None,
) -> ResponseReturnValue:
    arguments = plan_arguments(table, selection, operation, form.arguments() | {"is_job": True})
    titles = [column.title for column in table.columns if operation and column.number in operation.writes]
    note = f"{what.title}: {', '.join(titles)}" if titles else f"{what.title}{'' if operation else ' rows'}"
    kind = what.kind if added is None else Kind.COLUMNS
    new_columns = [] if added is None else added.planned
    planned = Planned(what.planner, arguments, kind, Via.PAGE, note, new_columns=new_columns)
    change = await db().write(plan_large, current_user(), table.id, planned)
    return redirect_to(url_for("tables.large_changes_show", table_id=table.id, change_id=change.id))


async def _page(
    table: Table,
    what: BulkAction,
    selection: RowSelection,
    form: BulkForm,
    plan: BulkPlan | None,
    status: int = 200,
) -> Response:
    urls = TableUrls(table.id, selection.view)
    address = url_for("tables.bulk_edit", table_id=table.id, action=what.name)
    here = address + selection.view.query_string(rows=selection.argument)
    return await render_large(
        "tables/bulk/edit.html",
        status=status,
        table=table,
        action=what,
        form=form,
        values=values_of(form) if plan else [],
        rows_text=selection.describe(),
        url=here,
        table_url=urls.table(),
        back_url=url_for("tables.bulk_index", table_id=table.id) + selection.view.query_string(rows=selection.argument),
        preview=present_preview(table, what, plan) if plan else None,
    )
