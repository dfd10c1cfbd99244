"""One person: their page, and the actions on them."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.admin import bp, dossier, letters, listing, view
from webapp.admin.doing import acting_user
from webapp.admin.forms import AddressForm, NameForm, RemovalForm, RoleForm
from webapp.extensions import config, db
from webapp.models import EmailTaken
from webapp.models.accounts import people
from webapp.models.accounts.people import HasFactor, LastOwner, NotAllowed
from webapp.models.errors import NotFound
from webapp.web import templating
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import is_partial, redirect_to, render, respond, toast
from webapp.web.session import current_user
from webapp.web.user_data import delete_user_data, summarize_user_data


async def find_row(user_id: int) -> view.Row:
    """The person as the list shows them. Raises `NotFound`."""
    async with db().reading() as session:
        person = await listing.fetch_one(session, user_id, config())
    if person is None:
        raise NotFound("person")
    return view.row(current_user(), person)


async def find_managed(user_id: int, *, myself: str | None = None) -> view.Row:
    """The same, for an action on them. `myself` is the message for people who try it on themselves.

    The verbs check again under the write lock. Raises `NotAllowed`.
    """
    row = await find_row(user_id)
    if row.is_self and myself is not None:
        raise NotAllowed(myself)
    if not row.may_manage:
        raise NotAllowed(f"You may not manage {row.person.email}: the role is not below yours.")
    return row


@bp.get("/people/<id:user_id>")
@may(Action.MANAGE_PEOPLE)
async def person_show(user_id: int) -> ResponseReturnValue:
    """The page; or the row of the list, when an inline edit is cancelled."""
    row = await find_row(user_id)
    if is_partial():
        return await render("admin/people/_row.html", row=row)
    return await render("admin/people/show.html", row=row, about=await dossier.of(row.person))


@bp.get("/people/<id:user_id>/edit")
@may(Action.MANAGE_PEOPLE)
async def person_edit(user_id: int) -> ResponseReturnValue:
    row = await find_managed(user_id)
    return await _edit_name(row, NameForm(data={"name": row.person.name}))


@bp.post("/people/<id:user_id>")
@may(Action.MANAGE_PEOPLE)
async def person_update(user_id: int) -> ResponseReturnValue:
    row, form = await find_managed(user_id), await NameForm.read()
    if not form.validate():
        return await _edit_name(row, form, status=422)
    await db().write(people.change_person, acting_user(), user_id, name=form["name"].data)
    return await _changed(user_id, "The name is changed.")


@bp.route("/people/<id:user_id>/email", methods=["GET", "POST"])
@may(Action.MANAGE_PEOPLE)
@fresh
async def person_email(user_id: int) -> ResponseReturnValue:
    row = await find_managed(user_id, myself="Your own address is changed on the page of your account.")
    form = await AddressForm.read() if request.method == "POST" else AddressForm(data={"email": row.person.email})
    if request.method == "POST" and form.validate() and await _change_email(user_id, form):
        flash(f"The address is now {form['email'].data}. It counts as unverified.")
        return redirect_to(url_for("admin.person_show", user_id=user_id))
    return await render("admin/people/email.html", status=422 if form.errors else 200, row=row, form=form)


@bp.post("/people/<id:user_id>/role")
@may(Action.MANAGE_PEOPLE)
@fresh
async def person_role(user_id: int) -> ResponseReturnValue:
    await find_managed(user_id, myself="Nobody changes their own role. Ask another owner.")
    form = (await RoleForm.read()).offer(current_user())
    if not form.validate():
        return await _refused(user_id, "This is none of the roles you may give.")
    try:
        person = await db().write(people.change_role, acting_user(), user_id, form["role"].data)
    except LastOwner as problem:
        return await _refused(user_id, str(problem))
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
    email = await db().write(letters.send_reset_link, acting_user(), user_id)
    if config().smtp_url.get_secret_value():
        flash(f"A link is on its way to {email}.")
        return redirect_to(url_for("admin.person_show", user_id=user_id))
    flash(f"The link for {email} waits here: copy it and pass it on.")
    return redirect_to(url_for("admin.mails_index"))


@bp.route("/people/<id:user_id>/removal", methods=["GET", "POST"])
@may(Action.MANAGE_PEOPLE)
@fresh
async def person_remove(user_id: int) -> ResponseReturnValue:
    """The page first lists what goes with them; their address must be typed to confirm."""
    row = await find_managed(user_id, myself="Your own account is deleted on the page of your account.")
    form = await RemovalForm.read() if request.method == "POST" else RemovalForm()
    if request.method == "POST" and form.validate() and _confirmed(form, row):
        await db().write(people.remove_person, acting_user(), user_id, delete_user_data)
        flash(f"{row.person.email} is removed.")
        return redirect_to(url_for("admin.people_index"))
    lost = await summarize_user_data(user_id)
    return await render("admin/people/removal.html", status=422 if form.errors else 200, row=row, form=form, lost=lost)


def _confirmed(form: RemovalForm, row: view.Row) -> bool:
    if (form["confirmation"].data or "").lower() == row.person.email:
        return True
    form.refuse("confirmation", "This is not their address. Nothing was removed.")
    return False


async def _change_email(user_id: int, form: AddressForm) -> bool:
    try:
        await db().write(letters.change_address, acting_user(), user_id, form["email"].data)
    except EmailTaken:
        form.refuse("email", "Somebody else has an account with this address.")
        return False
    except HasFactor as problem:
        form.refuse("email", str(problem))
        return False
    return True


async def _edit_name(row: view.Row, form: NameForm, status: int = 200) -> ResponseReturnValue:
    """A row of the list with a form field in it; or a page with the same form."""
    return await render("admin/people/edit.html", "admin/people/_row.html", status, row=row, form=form)


async def _changed(user_id: int, words: str) -> ResponseReturnValue:
    """The updated row and a message in the corner; or back to their page with the message."""
    if is_partial():
        return respond(templating.render("admin/people/_row.html", row=await find_row(user_id)), toast(words))
    flash(words)
    return redirect_to(url_for("admin.person_show", user_id=user_id))


async def _refused(user_id: int, words: str) -> ResponseReturnValue:
    """The unchanged row, with the error beside the field."""
    row = await find_row(user_id)
    if is_partial():
        return await render("admin/people/_row.html", status=422, row=row, error=words)
    return await render("admin/people/show.html", status=422, row=row, about=await dossier.of(row.person), error=words)
