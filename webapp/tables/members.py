"""The people a table is shared with: the list, and what its owner does to it."""

from collections.abc import Sequence
from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import UnprocessableEntity
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from webapp.auth.responses import render_form
from webapp.extensions import config, db
from webapp.models import Role, TableRole, User, is_allowed
from webapp.models.errors import NotFound
from webapp.models.policy import can_own_tables
from webapp.models.tables import members
from webapp.models.tables.access import TableAccess, find_access, find_table
from webapp.models.tables.member_lists import find_typed_people, invited_to, members_of
from webapp.tables import bp
from webapp.tables.member_presenter import MEMBER_LABELS, address_in, may_invite, present_member
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user

MAX_TYPED = 320  # characters: the longest address


class MemberRoleForm(Form):
    role = SelectField("Role", coerce=TableRole, default=TableRole.VIEWER)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self["role"].choices = list(MEMBER_LABELS.items())


class MemberForm(MemberRoleForm):
    person = StringField(
        "Name or e-mail address",
        [DataRequired("Type a name or an address."), Length(max=MAX_TYPED, message="This is too long for an address.")],
    )


@bp.get("/<id:table_id>/members")
async def members_index(table_id: int) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id)
    return await _show(access, MemberForm())


@bp.post("/<id:table_id>/members")
@may(Action.CHANGE_TABLE)
async def members_create(table_id: int) -> ResponseReturnValue:
    """Add whom the form names. If it may mean several people, or nobody here, the page asks."""
    access = await find_access(db(), current_user(), table_id, Action.CHANGE_TABLE)
    form = await MemberForm.load()
    person, candidates = await _find_typed(form) if form.validate_on_submit() else (None, [])
    if person is None:
        return await _show(access, form, candidates)
    role = form["role"].data
    await db().write(members.add_member, current_user(), audit_source(), table_id, person.id, role)
    flash(f"{person.name} is {_a(role)} of this table now.")
    return redirect_to(url_for("tables.members_index", table_id=table_id))


@bp.get("/<id:table_id>/members/suggestions")
@may(Action.CHANGE_TABLE)
async def members_suggest(table_id: int) -> ResponseReturnValue:
    """People whom the typed letters may mean, for the list below the field."""
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    typed = request.args.get("person", "").replace("\0", "").strip()[:MAX_TYPED]
    async with db().reading() as session:
        person, candidates = await find_typed_people(session, typed) if typed else (None, [])
    return await render("tables/members/_suggestions.html", people=[person] if person else candidates)


@bp.post("/<id:table_id>/members/<id:user_id>")
@may(Action.CHANGE_TABLE)
async def members_update(table_id: int, user_id: int) -> ResponseReturnValue:
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    form = await MemberRoleForm.load()
    if not form.validate_on_submit():
        raise UnprocessableEntity("A member is a viewer or an editor.")
    role = form["role"].data
    person = await db().write(members.change_member_role, current_user(), audit_source(), table_id, user_id, role)
    flash(f"{person.name} is {_a(role)} of this table now.")
    return redirect_to(url_for("tables.members_index", table_id=table_id))


@bp.post("/<id:table_id>/members/<id:user_id>/removal")
@may(Action.CHANGE_TABLE)
async def members_destroy(table_id: int, user_id: int) -> ResponseReturnValue:
    """Removing somebody who is gone already is no mistake."""
    person = await db().write(members.remove_member, current_user(), audit_source(), table_id, user_id)
    if person is not None:
        flash(f"{person.name} can no longer see this table.")
    return redirect_to(url_for("tables.members_index", table_id=table_id))


@bp.post("/<id:table_id>/members/leaving")
async def members_leave(table_id: int) -> ResponseReturnValue:
    title = await db().write(members.leave, current_user(), audit_source(), table_id)
    flash(f"You have left “{title}”.")
    return redirect_to(url_for("main.dashboard"))


@bp.get("/<id:table_id>/members/<id:user_id>/handover")
@may(Action.CHANGE_TABLE)
async def members_confirm_handover(table_id: int, user_id: int) -> ResponseReturnValue:
    """What it means, before it is done."""
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    async with db().reading() as session:
        found = [member for member in await members_of(session, table_id) if member.person.id == user_id]
    if not found or not can_own_tables(Role(found[0].person.role)):
        raise NotFound("member")
    return await render("tables/members/handover.html", table=table, member=present_member(current_user(), found[0]))


@bp.post("/<id:table_id>/members/<id:user_id>/handover")
@may(Action.CHANGE_TABLE)
async def members_hand_over(table_id: int, user_id: int) -> ResponseReturnValue:
    person = await db().write(members.hand_over, current_user(), audit_source(), table_id, user_id)
    flash(f"{person.name} owns this table now. You are an editor of it.")
    return redirect_to(url_for("tables.members_index", table_id=table_id))


async def _find_typed(form: MemberForm) -> tuple[User | None, Sequence[User]]:
    """As `find_typed_people`; if there is nobody, the form says so."""
    typed = form["person"].data or ""
    async with db().reading() as session:
        person, candidates = await find_typed_people(session, typed)
    if person is None and candidates:
        form.refuse("person", "Choose below who is meant, or type the whole address.")
    elif person is None and address_in(typed) and not may_invite(current_user()):
        form.refuse("person", "Nobody here has this address. Ask an administrator to invite them, then add them here.")
    elif person is None:
        is_new = address_in(typed) is not None
        form.refuse(
            "person", "Nobody here has this address. Invite them below." if is_new else "Nobody here has this name."
        )
    return person, candidates


async def _show(access: TableAccess, form: MemberForm, candidates: Sequence[User] = ()) -> ResponseReturnValue:
    actor, table = current_user(), access.table
    may_change = is_allowed(actor, Action.CHANGE_TABLE, access)
    async with db().reading() as session:
        listed = await members_of(session, table.id)
        invited = await invited_to(session, table.id) if may_change else []
    return await render_form(
        "tables/members/index.html",
        form,
        table=table,
        members=[present_member(actor, member) for member in listed],
        invited=invited,
        labels=MEMBER_LABELS,
        candidates=candidates,
        new_email=address_in(form["person"].data) if form.errors and not candidates and may_invite(actor) else None,
        may_change=may_change,
        may_leave=access.table_role is not TableRole.OWNER,
        sends_mail=config().sends_mail,
    )


def _a(role: TableRole) -> str:
    return "an editor" if role is TableRole.EDITOR else "a viewer"
