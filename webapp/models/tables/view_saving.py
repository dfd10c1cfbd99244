"""Saving, changing and deleting views. Anybody who sees a table has views of their own; those for all members, and
which of them the table opens with, are decided by editors.

Rights are checked in the same transaction. Raises `NotFound` and `NotAllowed`.
"""

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import Action, Actor, is_allowed
from webapp.models.tables.access import TableAccess
from webapp.models.tables.saved_view import (
    MAX_OWN,
    MAX_SHARED,
    SavedView,
    State,
    ViewRecord,
    find_deleted_view,
    find_view,
)
from webapp.models.tables.table import Table
from webapp.models.tables.view_layout import ViewLayout


class TooManyViews(UserError):
    def __init__(self, *, is_shared: bool) -> None:
        what = f"{MAX_SHARED} views for all members" if is_shared else f"{MAX_OWN} views of your own"
        super().__init__(f"A table has at most {what}. Delete one first.")


class NameTaken(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a view “{name}” already. Choose another name, or open that one and save it anew.")


class ViewChanged(UserError):
    """Somebody else has saved another state over the view."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"“{name}” was saved anew by somebody else in the meantime, so nothing was saved. Open it to see what it"
            " shows now, or save what you see as another view."
        )


class DefaultNotShared(UserError):
    def __init__(self) -> None:
        super().__init__("A table opens for everybody with the same view, so that has to be one for all members.")


async def save_view(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    name: str,
    state: State,
    layout: ViewLayout | None = None,
    *,
    is_shared: bool = False,
) -> int:
    """A new view; return its id. Saving the same again leads to the one that is there. Raises `NameTaken` and
    `TooManyViews`.
    """

    def save(connection: Connection) -> int:
        _ensure_right(TableAccess.require(connection, actor, table_id, Action.READ_TABLE), actor, is_shared)
        owner_id = None if is_shared else actor.id
        same = select(SavedView.id, SavedView.state, SavedView.layout).where(_is_named(table_id, owner_id, name))
        if found := connection.execute(same).first():
            if found.state == [list(pair) for pair in state] and layout in (None, ViewLayout.parse(found.layout)):
                return int(found.id)
            raise NameTaken(name)
        _ensure_room(connection, table_id, owner_id)
        values = {
            "table_id": table_id,
            "owner_id": owner_id,
            "name": name,
            "state": [list(pair) for pair in state],
            "layout": str(layout or ViewLayout()),
        }
        return int(connection.execute(insert(SavedView).returning(SavedView.id), values).scalar_one())

    return await work.run(save)


async def replace_state(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    view_id: int,
    seen: int | None,
    state: State,
    layout: ViewLayout | None = None,
) -> ViewRecord:
    """Save another state over the view whose version `seen` is; return it as it was. Without a layout it keeps its own.
    Saving what it has changes nothing. Raises `ViewChanged`.
    """

    def save(connection: Connection) -> ViewRecord:
        _, view = find_changeable(connection, actor, table_id, view_id)
        kept = view.layout if layout is None else layout
        if (view.state, view.layout) == (state, kept):
            return view
        if view.version != seen:
            raise ViewChanged(view.name)
        values = {
            "state": [list(pair) for pair in state],
            "layout": str(kept),
            "version": view.version + 1,
            "changed_at": utc_now(),
        }
        connection.execute(update(SavedView).where(SavedView.id == view_id).values(values))
        return view

    return await work.run(save)


async def change_view(
    work: UnitOfWork, actor: Actor, table_id: int, view_id: int, name: str, *, is_shared: bool, is_default: bool
) -> None:
    """Rename it, share it with all members or keep it to oneself, and let the table open with it, or no longer. The
    table opens only with what all members have. Raises `NameTaken`, `TooManyViews` and `DefaultNotShared`.
    """

    def change(connection: Connection) -> None:
        access, view = find_changeable(connection, actor, table_id, view_id)
        _ensure_right(access, actor, is_shared or is_default)
        if is_default and not is_shared:
            raise DefaultNotShared
        owner_id = None if is_shared else actor.id
        taken = select(SavedView.id).where(_is_named(table_id, owner_id, name), SavedView.id != view_id)
        if connection.execute(taken).first():
            raise NameTaken(name)
        if is_shared != view.is_shared:
            _ensure_room(connection, table_id, owner_id)
        values = {"name": name, "owner_id": owner_id, "changed_at": utc_now()}
        connection.execute(update(SavedView).where(SavedView.id == view_id).values(values))
        if is_default != view.is_default:
            _set_default(connection, table_id, view_id if is_default else None)

    await work.run(change)


async def delete_view(work: UnitOfWork, actor: Actor, table_id: int, view_id: int) -> ViewRecord:
    """Return it as it was. A table that opened with it opens plain again."""

    def remove(connection: Connection) -> ViewRecord:
        _, view = find_changeable(connection, actor, table_id, view_id)
        if view.is_default:
            _set_default(connection, table_id, None)
        connection.execute(update(SavedView).where(SavedView.id == view_id).values(deleted_at=utc_now()))
        return view

    return await work.run(remove)


async def restore_view(work: UnitOfWork, actor: Actor, table_id: int, view_id: int, *, is_default: bool) -> ViewRecord:
    """Undo its deletion, also that the table opened with it if `is_default`. Restoring it twice does nothing more.
    Raises `NameTaken` and `TooManyViews`.
    """

    def restore(connection: Connection) -> ViewRecord:
        access = TableAccess.require(connection, actor, table_id, Action.READ_TABLE)
        try:
            view = find_deleted_view(connection, table_id, actor.id, view_id)
        except NotFound:
            return find_view(connection, table_id, actor.id, view_id)
        _ensure_right(access, actor, view.is_shared or is_default)
        owner_id = None if view.is_shared else actor.id
        if connection.execute(select(SavedView.id).where(_is_named(table_id, owner_id, view.name))).first():
            raise NameTaken(view.name)
        _ensure_room(connection, table_id, owner_id)
        connection.execute(update(SavedView).where(SavedView.id == view_id).values(deleted_at=None))
        if is_default and view.is_shared:
            _set_default(connection, table_id, view_id)
        return view

    return await work.run(restore)


def may_change(actor: Actor, access: TableAccess, view: ViewRecord) -> bool:
    """One's own views, and as an editor those for all."""
    return not view.is_shared or is_allowed(actor, Action.EDIT_TABLE, access)


def find_changeable(
    connection: Connection, actor: Actor, table_id: int, view_id: int
) -> tuple[TableAccess, ViewRecord]:
    """The table and the view, if this person may change the view."""
    access = TableAccess.require(connection, actor, table_id, Action.READ_TABLE)
    view = find_view(connection, table_id, actor.id, view_id)
    _ensure_right(access, actor, view.is_shared)
    return access, view


def _ensure_right(access: TableAccess, actor: Actor, is_shared: bool) -> None:
    if is_shared and not is_allowed(actor, Action.EDIT_TABLE, access):
        raise NotAllowed("Views for all members are made and changed by editors. You can save one of your own.")


def _ensure_room(connection: Connection, table_id: int, owner_id: int | None) -> None:
    """Raises `TooManyViews`."""
    counted = select(func.count()).select_from(SavedView).where(_belongs_to(table_id, owner_id))
    if (connection.scalar(counted) or 0) >= (MAX_SHARED if owner_id is None else MAX_OWN):
        raise TooManyViews(is_shared=owner_id is None)


def _set_default(connection: Connection, table_id: int, view_id: int | None) -> None:
    connection.execute(update(Table).where(Table.id == table_id).values(default_view_id=view_id))


def _is_named(table_id: int, owner_id: int | None, name: str) -> ColumnElement[bool]:
    return _belongs_to(table_id, owner_id) & (SavedView.name == name)


def _belongs_to(table_id: int, owner_id: int | None) -> ColumnElement[bool]:
    whose = SavedView.owner_id.is_(None) if owner_id is None else SavedView.owner_id == owner_id
    return (SavedView.table_id == table_id) & whose & SavedView.deleted_at.is_(None)
