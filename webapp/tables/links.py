"""Links by which people without an account see a table: where its owner makes, lists, changes and revokes them."""

from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

from quart import request
from quart.typing import ResponseReturnValue
from wtforms import BooleanField, DateField, HiddenField, RadioField
from wtforms.validators import Length, Optional

from webapp.auth.responses import render_form
from webapp.extensions import db, sealer
from webapp.models import Link, Table, utc_now
from webapp.models.errors import NotFound
from webapp.models.idempotency import Outcome, once
from webapp.models.tables import linking
from webapp.models.tables.access import find_table
from webapp.models.tables.linking import LinkTerms
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.tables import bp
from webapp.tables.link_presenter import describe_view, present_link
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.days import end_of
from webapp.web.flashes import flash
from webapp.web.formatting import find_time_zone
from webapp.web.forms import Form, OneLine
from webapp.web.fragments import redirect_to
from webapp.web.idempotency import form_key
from webapp.web.paths import url_for
from webapp.web.session import current_user

MAX_VIEW = 8_000  # characters
TABLE, VIEW = "table", "view"
Pairs = list[tuple[str, str]]


class LinkForm(Form):
    name = OneLine("Name", "Give it a name: for whom it is.", linking.MAX_NAME)
    may_search = BooleanField("Search and filters", default=True)
    may_export = BooleanField("Export", default=True)
    until = DateField("Last day", [Optional()])


class NewLinkForm(LinkForm):
    what = RadioField("What it shows", choices=[TABLE, VIEW], default=TABLE)
    view = HiddenField(validators=[Length(max=MAX_VIEW, message="This view is too long for a link.")])


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
    if not (form.validate_on_submit() and _is_last_day_possible(form)):
        return await _show(table, form)
    pairs = form["view"].data or "" if form["what"].data == VIEW else ""
    query = TableQuery.from_args(_pairs_of(pairs), table.ref.fields)
    url = url_for("tables.links_index", table_id=table_id)
    await db().write(
        once,
        await form_key(pairs, _terms(form)),
        lambda _: Outcome(url, "The link is there already."),
        linking.create_link,
        current_user(),
        audit_source(),
        sealer(),
        table_id,
        _terms(form),
        scope=[pair for pair in query.sorted_by().args() if pair[0] != "cols"],
        shown=[field.number for field in query.visible] if query.cols else None,
    )
    flash(f"The link “{form['name'].data}” works now: copy its address below.")
    return redirect_to(url)


@bp.get("/<id:table_id>/links/<id:link_id>")
@may(Action.CHANGE_TABLE)
async def links_edit(table_id: int, link_id: int) -> ResponseReturnValue:
    table, link = await _find(table_id, link_id)
    last = link.expires_at and link.expires_at.astimezone(find_time_zone(current_user().time_zone))
    data = {"name": link.name, "may_search": link.may_search, "may_export": link.may_export}
    return await _edit_page(table, link, LinkForm(data={**data, "until": last and _day_before(last)}))


@bp.post("/<id:table_id>/links/<id:link_id>")
@may(Action.CHANGE_TABLE)
async def links_update(table_id: int, link_id: int) -> ResponseReturnValue:
    table, link = await _find(table_id, link_id)
    form = await LinkForm.load()
    if not (form.validate_on_submit() and _is_last_day_possible(form)):
        return await _edit_page(table, link, form)
    who = (current_user(), audit_source())
    await db().write(linking.change_link, *who, table_id, link_id, _terms(form))
    flash(f"The link “{form['name'].data}” is changed.")
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
    return await render_form(
        "tables/links/index.html",
        form,
        table=table,
        links=[present_link(table, link) for link in links],
        view=query and describe_view(query),
    )


async def _edit_page(table: Table, link: Link, form: LinkForm) -> ResponseReturnValue:
    return await render_form("tables/links/edit.html", form, table=table, link=present_link(table, link))


def _parse_view(table: Table, text: str) -> TableQuery | None:
    """None for all of the table, which needs no view, and for one that the table cannot show."""
    try:
        query = TableQuery.from_args(_pairs_of(text), table.ref.fields)
    except QueryError:
        return None
    return query if query.is_narrowed or query.cols else None


def _pairs_of(text: str) -> Pairs:
    """Of a search, filters and columns; links do not fix an order."""
    return [(name, value) for name, value in parse_qsl(text) if name in ("q", "cols") or name.startswith("f.")]


def _terms(form: LinkForm) -> LinkTerms:
    day = form["until"].data
    return LinkTerms(
        form["name"].data or "",
        may_search=form["may_search"].data,
        may_export=form["may_export"].data,
        expires_at=end_of(day, find_time_zone(current_user().time_zone)) if day else None,
    )


def _day_before(end: datetime) -> date:
    """The day that ends then."""
    return (end - timedelta(seconds=1)).date()


def _is_last_day_possible(form: LinkForm) -> bool:
    """Else there is a message beside the field."""
    day = form["until"].data
    if day is None or utc_now() < end_of(day, find_time_zone(current_user().time_zone)):
        return True
    form.refuse("until", "Choose a day from today on.")
    return False
