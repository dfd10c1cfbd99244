"""Saved views of a table, by the same verbs as the pages."""

from typing import Any

from quart import Response, request, url_for
from quart_schema import tag
from sqlalchemy import Connection

from webapp.api import bp
from webapp.api.decorators import body, errors, response
from webapp.api.fields import TableId, ViewId
from webapp.api.responses import empty, etag
from webapp.api.view_schemas import NewTableView, SavedTableView, SavedTableViews, TableViewChange, state_pairs
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor, Table
from webapp.models.errors import VersionMismatch
from webapp.models.policy import Action
from webapp.models.tables.access import TableAccess, find_table
from webapp.models.tables.saved_view import State, ViewRecord, find_view, list_views
from webapp.models.tables.versions import Versions
from webapp.models.tables.view_saving import change_view, delete_view, find_changeable, replace_state, save_view
from webapp.rowstore.query import TableQuery
from webapp.web.access import may
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.reader_clock import reader_clock
from webapp.web.session import current_user


@bp.get("/v1/tables/<id:table_id>/views")
@tag(["Views"])
@may(Action.READ_TABLE)
@reads
@response(SavedTableViews)
async def views_index(table_id: TableId) -> Any:
    """List the views of a table

    Those for all members, and your own.
    """
    actor = current_user()

    def read(connection: Connection) -> list[ViewRecord]:
        TableAccess.require(connection, actor, table_id, Action.READ_TABLE)
        return list_views(connection, table_id, actor.id)

    return SavedTableViews(items=[SavedTableView.of(view) for view in await db().read(read)])


@bp.post("/v1/tables/<id:table_id>/views")
@tag(["Views"])
@may(Action.SAVE_VIEWS)
@writes
@errors(409, 422)
@response(SavedTableView, 201, headers=("Location", "ETag"))
@body(NewTableView)
async def views_create(table_id: TableId, data: NewTableView) -> Any:
    """Save a view

    Sent again, it leads to the one that is there; another one of that name is a 409.
    """
    table = await find_table(db(), current_user(), table_id, Action.SAVE_VIEWS)
    state = _state(table, data.state)
    view_id = await db().write(save_view, current_user(), table_id, data.name, state, is_shared=data.is_shared)
    shown, headers = await _show(table_id, view_id)
    location = url_for("api.views_show", table_id=table_id, view_id=view_id)
    return shown, 201, headers | {"Location": location}


@bp.get("/v1/tables/<id:table_id>/views/<id:view_id>")
@tag(["Views"])
@may(Action.READ_TABLE)
@reads
@response(SavedTableView, headers=("ETag",))
async def views_show(table_id: TableId, view_id: ViewId) -> Any:
    """Show a view

    Put its `state` behind `/rows?` to read its rows.
    """
    shown, headers = await _show(table_id, view_id)
    return shown, 200, headers


@bp.patch("/v1/tables/<id:table_id>/views/<id:view_id>")
@tag(["Views"])
@may(Action.SAVE_VIEWS)
@writes
@errors(409, 412, 422)
@response(SavedTableView, headers=("ETag",))
@body(TableViewChange)
async def views_update(table_id: TableId, view_id: ViewId, data: TableViewChange) -> Any:
    """Change a view

    All fields given, or none. Views for all members are an editor's to change.
    """
    table = await find_table(db(), current_user(), table_id, Action.SAVE_VIEWS)
    wanted = {name: getattr(data, name) for name in data.model_fields_set}
    if "state" in wanted:
        wanted["state"] = _state(table, data.state)
    await db().write(_change, current_user(), table_id, view_id, request.if_match or None, wanted)
    shown, headers = await _show(table_id, view_id)
    return shown, 200, headers


@bp.delete("/v1/tables/<id:table_id>/views/<id:view_id>")
@tag(["Views"])
@may(Action.SAVE_VIEWS)
@writes
async def views_delete(table_id: TableId, view_id: ViewId) -> Response:
    """Delete a view

    The rows and columns that it shows are still there.
    """
    await find_table(db(), current_user(), table_id, Action.SAVE_VIEWS)
    await db().write(delete_view, current_user(), table_id, view_id)
    return empty()


async def _change(
    work: UnitOfWork, actor: Actor, table_id: int, view_id: int, versions: Versions, wanted: dict[str, Any]
) -> None:
    """Several changes in one transaction; whatever the view is now, unless `versions` says what it has to be."""
    _, view = await work.run(lambda connection: find_changeable(connection, actor, table_id, view_id))
    if versions is not None and str(view.version) not in versions:
        raise VersionMismatch
    if "state" in wanted:
        await replace_state(work, actor, table_id, view_id, view.version, wanted["state"])
    seen = {"name": view.name, "is_shared": view.is_shared, "is_default": view.is_default}
    if (changed := {name: wanted.get(name, value) for name, value in seen.items()}) != seen:
        name = changed.pop("name")
        await change_view(work, actor, table_id, view_id, name, **changed)


async def _show(table_id: int, view_id: int) -> tuple[SavedTableView, dict[str, str]]:
    """Raises `NotFound`."""
    actor = current_user()

    def read(connection: Connection) -> ViewRecord:
        TableAccess.require(connection, actor, table_id, Action.READ_TABLE)
        return find_view(connection, table_id, actor.id, view_id)

    view = await db().read(read)
    return SavedTableView.of(view), {"ETag": etag(str(view.version))}


def _state(table: Table, text: str) -> State:
    """As the page keeps it. Raises `QueryError`."""
    return TableQuery.from_args(state_pairs(text), table.ref.fields, reader_clock()).state
