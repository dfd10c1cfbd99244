"""One person: their page, and the actions on them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import func, select

from webapp.admin import bp
from webapp.admin.audit import present_event
from webapp.admin.audit_query import is_about
from webapp.admin.forms import AddressForm, NameForm, RemovalForm, RoleForm
from webapp.admin.people_presenter import PersonRow, present_person
from webapp.auth.responses import render_form
from webapp.extensions import config, db
from webapp.models import ApiToken, AuditEvent, EmailTaken, Identity, Passkey, Session, User, utc_now
from webapp.models.accounts import people
from webapp.models.accounts.api_token import IS_USABLE
from webapp.models.accounts.last_owner import LastOwner
from webapp.models.accounts.password import send_reset_link
from webapp.models.accounts.people import HasFactor, OnlyPasskeys
from webapp.models.accounts.people_query import people_by_id
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.idempotency import Outcome, once
from webapp.models.tables.member_lists import shared_with
from webapp.web import templating
from webapp.web.access import Action, fresh, may, resumable, roles_with_two_factors
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import is_partial, redirect_to, render, respond, toast
from webapp.web.idempotency import form_key
from webapp.web.mailer import mailer
from webapp.web.oidc.choices import roles_with_password, takes_password
from webapp.web.session import acting_user, current_user
from webapp.web.user_agents import describe_user_agent
from webapp.web.user_data import delete_user_data, summarize_user_data

MAX_EVENTS = 25
MAX_DEVICES = 50


async def find_person(user_id: int) -> PersonRow:
    """The person as the list shows them. Raises `NotFound`."""
    async with db().reading() as session:
        people = await people_by_id(session, [user_id], Session.active_parameters(config()))
    if not people:
        raise NotFound("person")
    return present_person(current_user(), people[0])


async def find_manageable(user_id: int, *, refuse_self: str | None = None) -> PersonRow:
    """The same, for a form about them. `refuse_self` is the message for people who try it on themselves.

    The verbs decide again under the write lock. Raises `NotFound` and `NotAllowed`.
    """
    row = await find_person(user_id)
    if row.is_self and refuse_self is not None:
        raise NotAllowed(refuse_self)
    if not row.may_manage:
        raise NotAllowed(f"You may not manage {row.person.email}: the role is not below yours.")
    return row


@bp.get("/people/<id:user_id>")
@may(Action.MANAGE_PEOPLE)
async def person_show(user_id: int) -> ResponseReturnValue:
    """The page; or the row of the list, when an inline edit is cancelled."""
    row = await find_person(user_id)
    if is_partial():
        return await render("admin/people/_row.html", row=row)
    return await _show(row)


@bp.get("/people/<id:user_id>/edit")
@may(Action.MANAGE_PEOPLE)
async def person_edit(user_id: int) -> ResponseReturnValue:
    row = await find_manageable(user_id)
    return await _edit_name(row, NameForm(data={"name": row.person.name}))


@bp.post("/people/<id:user_id>")
@may(Action.MANAGE_PEOPLE)
async def person_update(user_id: int) -> ResponseReturnValue:
    form = await NameForm.load()
    if not form.validate_on_submit():
        return await _edit_name(await find_manageable(user_id), form, status=422)
    await db().write(people.change_name, acting_user(), user_id, form["name"].data)
    return await _changed(user_id, "The name is changed.")


@bp.route("/people/<id:user_id>/email", methods=["GET", "POST"])
@may(Action.MANAGE_PEOPLE)
@fresh
async def person_email(user_id: int) -> ResponseReturnValue:
    row = await find_manageable(user_id, refuse_self=people.OWN_EMAIL)
    form = await AddressForm.load(data={"email": row.person.email})
    if form.validate_on_submit() and await _change_email(user_id, form):
        flash(f"The address is now {form['email'].data}. It counts as unverified.")
        return redirect_to(url_for("admin.person_show", user_id=user_id))
    return await render_form("admin/people/email.html", form, row=row)


@bp.post("/people/<id:user_id>/role")
@may(Action.MANAGE_PEOPLE)
@fresh
async def person_role(user_id: int) -> ResponseReturnValue:
    form = (await RoleForm.load()).offer(current_user())
    if not form.validate_on_submit():
        return await _refuse_role(user_id, "This is none of the roles you may give.")
    try:
        person = await db().write(
            people.change_role, acting_user(), user_id, form["role"].data, roles_with_two_factors()
        )
    except (LastOwner, OnlyPasskeys) as error:
        return await _refuse_role(user_id, str(error))
    return await _changed(user_id, f"{person.name} has the role {person.role} now.")


@bp.post("/people/<id:user_id>/activation")
@may(Action.MANAGE_PEOPLE)
async def person_activate(user_id: int) -> ResponseReturnValue:
    person = await db().write(people.activate, acting_user(), user_id)
    return await _changed(user_id, f"{person.name} can sign in again.")


@bp.post("/people/<id:user_id>/deactivation")
@may(Action.MANAGE_PEOPLE)
async def person_deactivate(user_id: int) -> ResponseReturnValue:
    person = await db().write(people.deactivate, acting_user(), user_id)
    return await _changed(user_id, f"{person.name} is signed out and cannot sign in until activated again.")


@bp.post("/people/<id:user_id>/sessions/end")
@may(Action.MANAGE_PEOPLE)
async def person_end_sessions(user_id: int) -> ResponseReturnValue:
    ended = await db().write(people.end_sessions, acting_user(), user_id)
    return await _changed(user_id, f"{plural(ended, 'sign-in')} ended.")


@bp.post("/people/<id:user_id>/reset")
@may(Action.MANAGE_PEOPLE)
@fresh
@resumable
async def person_reset(user_id: int) -> ResponseReturnValue:
    """A link to choose a new password: by mail, or for the administrator to pass on."""
    url = url_for("admin.person_show", user_id=user_id) if config().sends_mail else url_for("admin.mails_index")
    repeat = Outcome(url, "The link exists already. Open the person's page again for another.")
    key = await form_key(user_id)
    send = partial(send_reset_link, roles=roles_with_password())
    email = await db().write(once, key, lambda _: repeat, send, acting_user(), mailer, user_id)
    by_hand = f"The link for {email} waits here: copy it and pass it on."
    flash(f"A link is on its way to {email}." if config().sends_mail else by_hand)
    return redirect_to(url)


@bp.route("/people/<id:user_id>/removal", methods=["GET", "POST"])
@may(Action.MANAGE_PEOPLE)
@fresh
async def person_remove(user_id: int) -> ResponseReturnValue:
    """The page first lists what goes with them; their address must be typed to confirm."""
    row = await find_manageable(user_id, refuse_self=people.OWN_REMOVAL)
    form = await RemovalForm.load()
    form.email = row.person.email
    if form.validate_on_submit():
        await db().write(people.remove_person, acting_user(), user_id, delete_user_data)
        flash(f"{row.person.email} is removed.")
        return redirect_to(url_for("admin.people_index"))
    return await render_form("admin/people/removal.html", form, row=row, user_data=await summarize_user_data(user_id))


async def _change_email(user_id: int, form: AddressForm) -> bool:
    try:
        await db().write(people.change_email, acting_user(), mailer, user_id, form["email"].data)
    except EmailTaken:
        form.refuse("email", "Somebody else has an account with this address.")
    except HasFactor as error:
        form.refuse("email", str(error))
    return not form.errors


async def _edit_name(row: PersonRow, form: NameForm, status: int = 200) -> ResponseReturnValue:
    """A row of the list with a form field in it; or a page with the same form."""
    return await render("admin/people/edit.html", "admin/people/_row.html", status, row=row, form=form)


async def _changed(user_id: int, message: str) -> ResponseReturnValue:
    """The updated row and a message in the corner; or back to their page with the message."""
    if is_partial():
        row = await find_person(user_id)
        return respond(templating.render("admin/people/_row.html", row=row), toast(message))
    flash(message)
    return redirect_to(url_for("admin.person_show", user_id=user_id))


async def _refuse_role(user_id: int, error: str) -> ResponseReturnValue:
    """The unchanged row, with the error beside the field."""
    row = await find_manageable(user_id, refuse_self=people.OWN_ROLE)
    if is_partial():
        return await render("admin/people/_row.html", status=422, row=row, error=error)
    return await _show(row, status=422, error=error)


def _ways_in(user: User, identities: int, passkeys: int) -> Iterator[str]:
    """What signs them in, in words; a second factor goes with the others."""
    if user.password_hash:
        yield "a password" if takes_password(user.role) else "a password, which only owners can use"
    if identities:
        yield config().oidc_name if config().has_single_sign_on else "single sign-on, which is off"
    if passkeys:
        yield plural(passkeys, "passkey")
    if user.totp_secret:
        yield "with an authenticator app"


async def _show(row: PersonRow, status: int = 200, **context: Any) -> ResponseReturnValue:
    """How and where they sign in, and their history. Raises `NotFound` if they are removed meanwhile."""
    user_id = row.person.id
    passkeys = select(func.count()).where(Passkey.user_id == user_id).scalar_subquery()
    identities = select(func.count()).where(Identity.user_id == user_id).scalar_subquery()
    tokens = select(func.count()).where(ApiToken.user_id == user_id, IS_USABLE).scalar_subquery()
    counted = (passkeys.label("passkeys"), identities.label("identities"), tokens.label("tokens"))
    person = select(User, *counted).where(User.id == user_id)
    devices = Session.active_of(user_id).order_by(Session.seen_at.desc()).limit(MAX_DEVICES)
    events = select(AuditEvent).where(is_about(user_id)).order_by(AuditEvent.id.desc()).limit(MAX_EVENTS)
    async with db().reading() as session:
        detail = (await session.execute(person, {"now": utc_now()})).one_or_none()
        if detail is None:
            raise NotFound("person")
        context["devices"] = [
            (describe_user_agent(device.agent), device)
            for device in await session.scalars(devices, Session.active_parameters(config()))
        ]
        context["shared"] = await shared_with(session, user_id)
        context["history"] = [present_event(event) for event in await session.scalars(events)]
    context["ways_in"] = list(_ways_in(detail.User, detail.identities, detail.passkeys))
    # As the verb `change_email` decides, which says why.
    context["may_change_email"] = row.may_act and not (detail.User.totp_secret or detail.passkeys)
    context["history_url"] = url_for("admin.audit_index", person=row.person.email)
    context["sends_mail"] = config().sends_mail
    context["takes_password"] = takes_password(detail.User.role)
    context["user_data"] = await summarize_user_data(user_id)
    return await render("admin/people/show.html", status=status, row=row, detail=detail, **context)
