"""One's passkeys: adding, naming and removing them."""

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import NewPasskeyForm, PasskeyNameForm
from webapp.auth.responses import render_form
from webapp.extensions import db
from webapp.models import Event, Passkey, User
from webapp.models.accounts.passkey import (
    PasskeyNotAdded,
    add_passkey,
    remove_passkey,
    rename_passkey,
)
from webapp.web.access import Action, before_second_factor, fresh, may, needs_two_factors, resumable
from webapp.web.audit import audit_source, record_refusal
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import confirm_identity, current_user
from webapp.web.user_agents import describe_user_agent
from webapp.web.webauthn.challenges import (
    PasskeyRefused,
    localhost_origin,
    registration_options,
    rp_id,
    verify_registration,
)


@bp.get("/passkeys")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def passkeys() -> ResponseReturnValue:
    async with db().reading() as session:
        passkeys = (await session.scalars(Passkey.of(current_user().id))).all()
    origin = localhost_origin()
    elsewhere = f"{origin}{url_for('account.passkeys')}" if origin else None
    return await render(
        "account/passkeys.html", passkeys=passkeys, is_possible=rp_id() is not None, elsewhere=elsewhere
    )


@bp.route("/passkeys/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def passkeys_new() -> ResponseReturnValue:
    form = await NewPasskeyForm.load(data={"name": describe_user_agent(request.user_agent.string)})
    if form.validate_on_submit() and await _add(form):
        flash("The passkey is added. Sign in with it from now on, without address, password or code.")
        return redirect_to(url_for("account.passkeys"))
    return await render_form("account/passkeys_new.html", form)


@bp.post("/passkeys/options")
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def passkeys_options() -> Response:
    actor = current_user()
    async with db().reading() as session:
        user = await User.find(session, actor.id)
        passkeys = (await session.scalars(Passkey.of(actor.id))).all()
    return await registration_options(user, passkeys)


@bp.route("/passkeys/<id:passkey_id>", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def passkeys_edit(passkey_id: int) -> ResponseReturnValue:
    actor = current_user()
    async with db().reading() as session:
        passkey = await Passkey.find(session, actor.id, passkey_id)
    form = await PasskeyNameForm.load(obj=passkey)
    if form.validate_on_submit():
        await db().write(rename_passkey, audit_source(), actor.id, passkey_id, form["name"].data)
        return redirect_to(url_for("account.passkeys"))
    is_demanded = needs_two_factors(actor)
    return await render_form("account/passkeys_edit.html", form, passkey=passkey, is_demanded=is_demanded)


@bp.post("/passkeys/<id:passkey_id>/removal")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def passkeys_remove(passkey_id: int) -> ResponseReturnValue:
    actor = current_user()
    must_keep_factor = needs_two_factors(actor)
    name = await db().write(
        remove_passkey, audit_source(), mailer, actor.id, passkey_id, must_keep_factor=must_keep_factor
    )
    flash(f"“{name}” does not sign in any more. Remove it from your device as well.")
    return redirect_to(url_for("account.passkeys"))


async def _add(form: NewPasskeyForm) -> bool:
    actor = current_user()
    try:
        credential = await verify_registration(form["credential"].data or "", actor.id)
        await db().write(add_passkey, audit_source(), mailer, actor.id, form["name"].data, credential)
    except PasskeyRefused as error:
        record_refusal(Event.PASSKEY_REFUSED, None, reason=error.reason)
        form.refuse(None, "The device's answer was not accepted, or it took too long. Nothing was added; try again.")
        return False
    except PasskeyNotAdded as error:
        record_refusal(Event.PASSKEY_REFUSED, None, reason=str(error))
        form.refuse(None, str(error))
        return False
    await confirm_identity("passkey", is_strong=True)  # the device has verified its user
    return True
