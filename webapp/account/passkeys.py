"""One's passkeys: adding, naming and removing them."""

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.account import bp
from webapp.account.forms import NewPasskeyForm, PasskeyNameForm
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, AuditSource, Event, Passkey, User
from webapp.models.errors import NotFound
from webapp.web.access import Action, before_second_factor, fresh, may, resumable
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import confirm_session, current_user
from webapp.web.user_agents import describe_user_agent
from webapp.web.webauthn.challenges import (
    NewCredential,
    PasskeyRefused,
    localhost_origin,
    registration_options,
    rp_id,
    verify_registration,
)

MOST = 20  # per person


class TooManyPasskeys(UserError):
    def __init__(self) -> None:
        super().__init__(f"You have {MOST} passkeys already. Remove those that are not used any more.")


class PasskeyKnown(UserError):
    def __init__(self) -> None:
        super().__init__("This passkey is known already.")


@bp.get("/passkeys")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def passkeys() -> ResponseReturnValue:
    elsewhere = localhost_origin()
    return await render(
        "account/passkeys.html",
        passkeys=await _of(current_user().id),
        is_possible=rp_id() is not None,
        elsewhere=f"{elsewhere}{url_for('account.passkeys')}" if elsewhere else None,
    )


@bp.route("/passkeys/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def passkeys_new() -> ResponseReturnValue:
    if request.method == "GET":
        form = NewPasskeyForm(data={"name": describe_user_agent(request.user_agent.string)})
    else:
        form = await NewPasskeyForm.read()
        if form.validate() and await _add(form):
            flash("The passkey is added. Sign in with it from now on, without address, password or code.")
            return redirect_to(url_for("account.passkeys"))
    return await render("account/passkeys_new.html", status=422 if form.errors else 200, form=form)


@bp.post("/passkeys/options")
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def passkeys_options() -> Response:
    person = current_user()
    async with db().reading() as session:
        user = await session.get_one(User, person.id)
    return await registration_options(user, await _of(person.id))


@bp.route("/passkeys/<id:passkey_id>", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def passkeys_edit(passkey_id: int) -> ResponseReturnValue:
    passkey = await _find(current_user().id, passkey_id)
    form = await PasskeyNameForm.read() if request.method == "POST" else PasskeyNameForm(obj=passkey)
    if request.method == "POST" and form.validate():
        await db().write(_rename, passkey.id, form["name"].data)
        return redirect_to(url_for("account.passkeys"))
    status = 422 if form.errors else 200
    return await render("account/passkeys_edit.html", status=status, form=form, passkey=passkey)


@bp.post("/passkeys/<id:passkey_id>/removal")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def passkeys_remove(passkey_id: int) -> ResponseReturnValue:
    passkey = await _find(current_user().id, passkey_id)
    await db().write(_remove, passkey.id, audit_source())
    flash(f"“{passkey.name}” does not sign in any more. Remove it from your device as well.")
    return redirect_to(url_for("account.passkeys"))


async def _of(user_id: int) -> list[Passkey]:
    async with db().reading() as session:
        return list(await session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))


async def _find(user_id: int, passkey_id: int) -> Passkey:
    """Raises `NotFound` for somebody else's key as for a missing one."""
    statement = select(Passkey).where(Passkey.user_id == user_id, Passkey.id == passkey_id)
    async with db().reading() as session:
        found = await session.scalar(statement)
    if found is None:
        raise NotFound("passkey")
    return found


async def _add(form: NewPasskeyForm) -> bool:
    person = current_user()
    try:
        key = await verify_registration(form["credential"].data or "", person.id)
        await db().write(_keep, person.id, form["name"].data, key, audit_source())
        await confirm_session("passkey", is_strong=True)  # the device has verified its user
    except PasskeyRefused:
        form.refuse(None, "The device's answer was not accepted, or it took too long. Nothing was added; try again.")
        return False
    except (PasskeyKnown, TooManyPasskeys) as problem:
        form.refuse(None, str(problem))
        return False
    return True


async def _keep(work: UnitOfWork, user_id: int, name: str, key: NewCredential, audit_source: AuditSource) -> None:
    user = await work.session.get_one(User, user_id)
    if len(list(await work.session.scalars(select(Passkey.id).where(Passkey.user_id == user_id)))) >= MOST:
        raise TooManyPasskeys
    work.session.add(
        Passkey(
            user_id=user_id,
            name=name,
            credential_id=key.credential_id,
            credential=key.credential,
            sign_count=key.sign_count,
        )
    )
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise PasskeyKnown from error
    await AuditEvent.record(work, Event.PASSKEY_ADDED, audit_source, user, name=name)
    await mailer.send(work, "passkey_added", user.email, user_id=user.id, name=name)


async def _rename(work: UnitOfWork, passkey_id: int, name: str) -> None:
    passkey = await work.session.get_one(Passkey, passkey_id)
    passkey.name = name


async def _remove(work: UnitOfWork, passkey_id: int, audit_source: AuditSource) -> None:
    passkey = await work.session.get_one(Passkey, passkey_id)
    user = await work.session.get_one(User, passkey.user_id)
    await work.session.delete(passkey)
    await AuditEvent.record(work, Event.PASSKEY_REMOVED, audit_source, user, name=passkey.name)
    await mailer.send(work, "passkey_removed", user.email, user_id=user.id, name=passkey.name)
