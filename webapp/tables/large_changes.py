"""The page of a large change: how far it is, what it left as it was, and the buttons that start and stop it."""

from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models import LargeChange, is_allowed
from webapp.models.tables.access import TableAccess, find_access
from webapp.models.tables.large_change import UNFINISHED, LargeState, find_large_change, list_left
from webapp.models.tables.large_changing import apply, cancel
from webapp.tables import bp
from webapp.tables.bulk_presenter import present_report
from webapp.tables.history import present_diff
from webapp.tables.large_change_presenter import present_change
from webapp.web.access import Action, may
from webapp.web.fragments import redirect_to, render_large
from webapp.web.session import current_user


@bp.get("/<id:table_id>/changes/<id:change_id>")
@may(Action.EDIT_TABLE)
async def large_changes_show(table_id: int, change_id: int) -> ResponseReturnValue:
    """With `left` in the address, the entries of that part and the following that were not made."""
    access = await find_access(db(), current_user(), table_id, Action.EDIT_TABLE)
    change = await find_large_change(db(), table_id, change_id)
    after = request.args.get("left", default=0, type=int)
    left = await db().read(lambda connection: list_left(connection, change_id, after))
    return await render_large(
        "tables/changes/show.html",
        "tables/changes/_change.html",
        table=access.table,
        entries=await present_diff(access, left.entries),
        left=change.left,
        more_url=None if left.after is None else _url(change, left=left.after),
        **change_context(access, change),
    )


@bp.post("/<id:table_id>/changes/<id:change_id>/start")
@may(Action.EDIT_TABLE)
async def large_changes_start(table_id: int, change_id: int) -> ResponseReturnValue:
    change = await db().write(apply, current_user(), table_id, change_id)
    return redirect_to(_url(change))


@bp.post("/<id:table_id>/changes/<id:change_id>/cancellation")
@may(Action.EDIT_TABLE)
async def large_changes_cancel(table_id: int, change_id: int) -> ResponseReturnValue:
    await db().write(cancel, current_user(), table_id, change_id)
    return redirect_to(url_for("tables.large_changes_show", table_id=table_id, change_id=change_id))


def change_context(access: TableAccess, change: LargeChange) -> dict[str, Any]:
    """What `tables/changes/_change.html` shows."""
    user = current_user()
    is_theirs = change.user_id == user.id or is_allowed(user, Action.CHANGE_TABLE, access)
    is_unfinished = change.state in UNFINISHED
    return {
        "change": present_change(change, may_cancel=is_theirs),
        "change_url": _url(change),
        "set_url": url_for("tables.histories_show", table_id=change.table_id, seq=change.seq) if change.seq else None,
        "preview": present_report(access.table, change.report)
        if change.planner.startswith("bulk.") and change.report and change.state == LargeState.READY
        else None,
        "live_url": url_for("live.stream", change=change.id, table_id=change.table_id, state=change.state)
        if is_unfinished
        else None,
    }


def _url(change: LargeChange, **more: Any) -> str:
    return url_for("tables.large_changes_show", table_id=change.table_id, change_id=change.id, **more)
