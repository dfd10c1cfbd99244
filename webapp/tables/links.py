"""Links by which people without an account see a table: where its owner makes, lists, changes and revokes them."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from quart import request
from quart.typing import ResponseReturnValue

from webapp.auth.responses import render_form
from webapp.extensions import db, sealer
from webapp.models import Link, Table
from webapp.models.errors import NotFound
from webapp.models.idempotency import Outcome, once
from webapp.models.tables import linking
from webapp.models.tables.access import find_table
from webapp.models.tables.link_views import Part, follow_view, part_query
from webapp.models.tables.saved_view import ViewRecord, find_view, list_views
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.tables import bp
from webapp.tables.link_forms import (
    TABLE,
    VIEW,
    LinkForm,
    NewLinkForm,
    day_before,
    is_possible,
    read_terms,
    without_secrets,
)
from webapp.tables.link_presenter import describe_view, present_link
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.formatting import find_time_zone
from webapp.web.fragments import redirect_to
from webapp.web.idempotency import form_key
from webapp.web.paths import url_for
from webapp.web.session import current_user


@bp.get("/<id:table_id>/links")
@may(Action.CHANGE_TABLE)
async def links_index(table_id: int) -> ResponseReturnValue:
    """The address is that of a view, with its search, filters and columns: what a link can show."""
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    view = request.query_string.decode("ascii", "replace")
    form = NewLinkForm(data={"what": VIEW if _parse_view(table, view) else TABLE, "view": view})
    return await _show(table, form)


@bp.post("/<id:table_id>/links")
@may(Action.CHANGE_TABLE)
async def links_create(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    form = await NewLinkForm.load()
    if not (form.validate_on_submit() and is_possible(form)):
        return await _show(table, form)
    pairs = form["view"].data or "" if form["what"].data == VIEW else ""
    part = Part.of_address(table, parse_qsl(pairs))
    view = await _saved_view(table, pairs, part)
    url, terms = url_for("tables.links_index", table_id=table_id), await read_terms(form)
    await db().write(
        once,
        await form_key(pairs, *without_secrets(terms)),
        lambda _: Outcome(url, "The link is there already."),
        linking.create_link,
        current_user(),
        audit_source(),
        sealer(),
        table_id,
        terms,
        scope=part.scope,
        shown=part.shown,
        view_id=view.id if view else None,
    )
    flash(f"The link “{form['name'].data}” works now: copy its address below.")
    return redirect_to(url)


@bp.get("/<id:table_id>/links/<id:link_id>")
@may(Action.CHANGE_TABLE)
async def links_edit(table_id: int, link_id: int) -> ResponseReturnValue:
    table, link = await _find(table_id, link_id)
    last = link.expires_at and link.expires_at.astimezone(find_time_zone(current_user().time_zone))
    data = {
        "name": link.name,
        "origins": "\n".join(link.origins),
        "may_edit": link.may_edit,
        "may_search": link.may_search,
        "may_export": link.may_export,
    }
    return await _edit_page(table, link, LinkForm(data={**data, "until": last and day_before(last)}))


@bp.post("/<id:table_id>/links/<id:link_id>")
@may(Action.CHANGE_TABLE)
async def links_update(table_id: int, link_id: int) -> ResponseReturnValue:
    table, link = await _find(table_id, link_id)
    form = await LinkForm.load()
    if not (form.validate_on_submit() and is_possible(form, link.password_hash)):
        return await _edit_page(table, link, form)
    who = (current_user(), audit_source())
    await db().write(linking.change_link, *who, table_id, link_id, await read_terms(form, link.password_hash))
    flash(f"The link “{form['name'].data}” is changed.")
    return redirect_to(url_for("tables.links_index", table_id=table_id))


@bp.post("/<id:table_id>/links/<id:link_id>/view")
@may(Action.CHANGE_TABLE)
async def links_follow(table_id: int, link_id: int) -> ResponseReturnValue:
    """Show what the view that the link was made of has now; `seen` is the version of it that its owner looked at."""
    seen = (await request.form).get("seen", type=int)
    view = await db().write(follow_view, current_user(), audit_source(), table_id, link_id, seen)
    flash(f"The link shows what the view “{view.name}” has now.")
    return redirect_to(url_for("tables.links_index", table_id=table_id))


@bp.post("/<id:table_id>/links/<id:link_id>/revocation")
@may(Action.CHANGE_TABLE)
async def links_revoke(table_id: int, link_id: int) -> ResponseReturnValue:
    """Revoking one that is gone already is no mistake."""
    name = await db().write(linking.revoke_link, current_user(), audit_source(), table_id, link_id)
    if name is not None:
        flash(f"The link “{name}” does not work any more.")
    return redirect_to(url_for("tables.links_index", table_id=table_id))


async def _find(table_id: int, link_id: int) -> tuple[Table, Link]:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    async with db().reading() as session:
        link = await linking.find_link(session, table_id, link_id)
    if link is None:
        raise NotFound("link")
    return table, link


async def _show(table: Table, form: NewLinkForm) -> ResponseReturnValue:
    async with db().reading() as session:
        links = await linking.links_of(session, table.id)
    query = _parse_view(table, form["view"].data or "")
    views = await _views_of(table, links)
    return await render_form(
        "tables/links/index.html",
        form,
        table=table,
        links=[present_link(table, link, views.get(link.view_id)) for link in links],
        view=query and describe_view(query),
    )


async def _edit_page(table: Table, link: Link, form: LinkForm) -> ResponseReturnValue:
    return await render_form("tables/links/edit.html", form, table=table, link=present_link(table, link))


async def _views_of(table: Table, links: Iterable[Link]) -> dict[int | None, ViewRecord]:
    """By their ids: those that the owner finds, if any link was made of one."""
    if all(link.view_id is None for link in links):
        return {}
    actor = current_user()
    return {view.id: view for view in await db().read(lambda c: list_views(c, table.id, actor.id))}


async def _saved_view(table: Table, text: str, part: Part) -> ViewRecord | None:
    """The one that the address came from, if what it asks for is what the view has."""
    view_id, actor = TableQuery.from_args(parse_qsl(text), table.ref.fields).view, current_user()
    if not view_id:
        return None
    try:
        view = await db().read(lambda connection: find_view(connection, table.id, actor.id, view_id))
    except NotFound:
        return None
    return view if Part.of_view(table, view) == part else None


def _parse_view(table: Table, text: str) -> TableQuery | None:
    """None for all of the table, which needs no view, and for one that the table cannot show."""
    try:
        query = part_query(table, parse_qsl(text))
    except QueryError:
        return None
    return query if query.is_narrowed or query.cols else None
