"""Saved views: listing, opening, saving, changing and deleting them.

A view is opened by going to the address of what it shows, so the address remains all that a page depends on; its
parameter `view` says only what the page is compared with.
"""

from dataclasses import replace

from quart import request, url_for
from quart.typing import ResponseReturnValue
from wtforms import BooleanField

from webapp.extensions import db
from webapp.models import Table
from webapp.models.tables.access import TableAccess, find_access, find_table
from webapp.models.tables.saved_view import MAX_NAME, ViewRecord, find_view
from webapp.models.tables.view_layout import ViewLayout
from webapp.models.tables.view_saving import (
    DefaultNotShared,
    NameTaken,
    change_view,
    delete_view,
    find_changeable,
    replace_state,
    restore_view,
    save_view,
)
from webapp.rowstore.query import TableQuery
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.saved_view_presenter import fit_view, may_share, plain_url, present_links, view_url
from webapp.tables.table_urls import TableUrls
from webapp.web.flashes import flash
from webapp.web.forms import Form, OneLine
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user


class ViewForm(Form):
    name = OneLine("Name", "Give the view a name.", MAX_NAME)
    is_shared = BooleanField("For all members of the table")


class ViewEditForm(ViewForm):
    is_default = BooleanField("The table opens with this view")


@bp.get("/<id:table_id>/views")
async def views_index(table_id: int) -> ResponseReturnValue:
    """Also the menu on the table's page, which asks for it when it is opened."""
    access = await find_access(db(), current_user(), table_id)
    query = parse_query(access.table)
    urls = TableUrls(table_id, query)
    return await render(
        "tables/views/index.html",
        "tables/views/_menu.html",
        table=access.table,
        table_url=urls.table(),
        links=await present_links(access, urls),
        plain_url=plain_url(access.table),
        is_plain=not query.view and not query.state,
        new_url=urls.to("tables.views_new"),
    )


@bp.get("/<id:table_id>/views/new")
async def views_new(table_id: int) -> ResponseReturnValue:
    """The address has what is to be saved."""
    access = await find_access(db(), current_user(), table_id)
    return await _new_page(access, parse_query(access.table), ViewForm())


@bp.post("/<id:table_id>/views")
async def views_create(table_id: int) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id)
    query, form = parse_query(access.table), await ViewForm.load()
    if not form.validate_on_submit():
        return await _new_page(access, query, form, status=422)
    name = form.name.data or ""
    what = query.state, await _sent_layout()
    try:
        view_id = await db().write(save_view, current_user(), table_id, name, *what, is_shared=form.is_shared.data)
    except NameTaken as error:
        form.refuse("name", str(error))
        return await _new_page(access, query, form, status=422)
    flash(f"The view “{name}” is saved.")
    return redirect_to(TableUrls(table_id, replace(query, view=view_id)).table())


@bp.get("/<id:table_id>/views/<id:view_id>")
async def views_show(table_id: int, view_id: int) -> ResponseReturnValue:
    return await open_view(await find_table(db(), current_user(), table_id), view_id)


@bp.get("/<id:table_id>/views/<id:view_id>/edit")
async def views_edit(table_id: int, view_id: int) -> ResponseReturnValue:
    access, view = await _find_changeable(table_id, view_id)
    fields = {"name": view.name, "is_shared": view.is_shared, "is_default": view.is_default}
    return await _edit_page(access, view, ViewEditForm(data=fields))


@bp.post("/<id:table_id>/views/<id:view_id>")
async def views_update(table_id: int, view_id: int) -> ResponseReturnValue:
    access, view = await _find_changeable(table_id, view_id)
    form = await ViewEditForm.load()
    if not form.validate_on_submit():
        return await _edit_page(access, view, form, status=422)
    flags = {"is_shared": form.is_shared.data, "is_default": form.is_default.data}
    try:
        await db().write(change_view, current_user(), table_id, view_id, form.name.data or "", **flags)
    except (NameTaken, DefaultNotShared) as error:
        form.refuse("name" if isinstance(error, NameTaken) else "is_default", str(error))
        return await _edit_page(access, view, form, status=422)
    flash(f"The view “{form.name.data}” is saved.")
    return redirect_to(view_url(table_id, view_id))


@bp.post("/<id:table_id>/views/<id:view_id>/state")
async def views_save(table_id: int, view_id: int) -> ResponseReturnValue:
    """Save what the address says over what the view had; `seen` is the version that the page compared with."""
    access = await find_access(db(), current_user(), table_id)
    query, seen = parse_query(access.table), (await request.form).get("seen", type=int)
    what = query.state, await _sent_layout()
    view = await db().write(replace_state, current_user(), table_id, view_id, seen, *what)
    flash(f"“{view.name}” shows this from now on{', for all members' if view.is_shared else ''}.")
    return redirect_to(TableUrls(table_id, replace(query, view=view_id)).table())


@bp.post("/<id:table_id>/views/<id:view_id>/deletion")
async def views_destroy(table_id: int, view_id: int) -> ResponseReturnValue:
    """To what the page shows, which stays as it is."""
    access = await find_access(db(), current_user(), table_id)
    query = parse_query(access.table)
    view = await db().write(delete_view, current_user(), table_id, view_id)
    undo_url = url_for(
        "tables.views_restore", table_id=table_id, view_id=view_id, default=1 if view.is_default else None
    )
    flash(f"The view “{view.name}” is deleted. The rows and columns that it showed are still there.", undo_url=undo_url)
    left = query if query.view not in (None, view_id) else replace(query, view=0)
    return redirect_to(TableUrls(table_id, left).table())


@bp.post("/<id:table_id>/views/<id:view_id>/restoration")
async def views_restore(table_id: int, view_id: int) -> ResponseReturnValue:
    """To what the view shows."""
    is_default = request.args.get("default") == "1"
    view = await db().write(restore_view, current_user(), table_id, view_id, is_default=is_default)
    flash(f"The view “{view.name}” is back.")
    return redirect_to(view_url(table_id, view_id))


async def open_view(table: Table, view_id: int) -> ResponseReturnValue:
    """Go to what it shows. A view that uses what is not there any more shows the rest, and says so."""
    user_id = current_user().id
    view = await db().read(lambda connection: find_view(connection, table.id, user_id, view_id))
    query, note = await fit_view(table, view)
    if note:
        flash(note, "alert")
    return redirect_to(TableUrls(table.id, replace(query, view=view_id)).table())


async def _sent_layout() -> ViewLayout | None:
    """What the page's script says of widths and heights; None without it."""
    text = (await request.form).get("layout")
    return None if text is None else ViewLayout.parse(text)


async def _find_changeable(table_id: int, view_id: int) -> tuple[TableAccess, ViewRecord]:
    actor = current_user()
    return await db().read(lambda connection: find_changeable(connection, actor, table_id, view_id))


async def _new_page(access: TableAccess, query: TableQuery, form: ViewForm, status: int = 200) -> ResponseReturnValue:
    urls = TableUrls(access.table.id, query)
    return await render(
        "tables/views/new.html",
        "tables/views/_new_panel.html",
        table=access.table,
        table_url=urls.table(),
        form=form,
        create_url=urls.to("tables.views_create"),
        may_share=may_share(access),
        status=status,
    )


async def _edit_page(
    access: TableAccess, view: ViewRecord, form: ViewEditForm, status: int = 200
) -> ResponseReturnValue:
    urls = TableUrls(access.table.id, parse_query(access.table))
    return await render(
        "tables/views/edit.html",
        "tables/views/_edit_panel.html",
        table=access.table,
        table_url=urls.table(),
        view=view,
        form=form,
        update_url=urls.to("tables.views_update", view_id=view.id),
        delete_url=urls.to("tables.views_destroy", view_id=view.id),
        may_share=may_share(access),
        status=status,
    )
