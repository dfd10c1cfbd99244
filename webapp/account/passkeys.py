"""One's passkeys: adding, naming and removing them."""

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.account import bp
from webapp.account.forms import NewPasskeyForm, PasskeyNameForm
from webapp.auth.mails import send_notice
from webapp.data.problems import Problem
from webapp.data.uow import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, Doer, Event, Passkey, User
from webapp.models.people import MAX_ID
from webapp.models.problems import NotFound
from webapp.web.access import Action, before_second_factor, fresh, may, resumable, signed_in
from webapp.web.agents import agent_in_words
from webapp.web.audit import doer
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.sessions import confirm_session
from webapp.web.webauthn import NewKey, PasskeyRefused, creation_options, localhost_origin, made_key, rp_id

MOST = 20  # per person


class TooManyPasskeys(Problem):
    def __init__(self) -> None:
        super().__init__(f"You have {MOST} passkeys already. Remove those that are not used any more.")


class PasskeyKnown(Problem):
    def __init__(self) -> None:
        super().__init__("This passkey is known already.")


@bp.get("/passkeys")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def passkeys() -> ResponseReturnValue:
    elsewhere = localhost_origin()
    return await render(
        "account/passkeys.html",
        passkeys=await _of(signed_in().id),
        is_possible=rp_id() is not None,
        elsewhere=f"{elsewhere}{url_for('account.passkeys')}" if elsewhere else None,
    )


@bp.route("/passkeys/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def passkeys_new() -> ResponseReturnValue:
    if request.method == "GET":
        form = NewPasskeyForm(data={"name": agent_in_words(request.user_agent.string)})
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
    person = signed_in()
    async with db().reading() as session:
        user = await session.get_one(User, person.id)
    return await creation_options(user, await _of(person.id))


@bp.route("/passkeys/<int:passkey_id>", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def passkeys_edit(passkey_id: int) -> ResponseReturnValue:
    passkey = await _find(signed_in().id, passkey_id)
    form = await PasskeyNameForm.read() if request.method == "POST" else PasskeyNameForm(obj=passkey)
    if request.method == "POST" and form.validate():
        await db().write(_rename, passkey.id, form["name"].data)
        return redirect_to(url_for("account.passkeys"))
    status = 422 if form.errors else 200
    return await render("account/passkeys_edit.html", status=status, form=form, passkey=passkey)


@bp.post("/passkeys/<int:passkey_id>/removal")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def passkeys_remove(passkey_id: int) -> ResponseReturnValue:
    passkey = await _find(signed_in().id, passkey_id)
    await db().write(_remove, passkey.id, doer())
    flash(f"“{passkey.name}” does not sign in any more. Remove it from your device as well.")
    return redirect_to(url_for("account.passkeys"))


async def _of(user_id: int) -> list[Passkey]:
    async with db().reading() as session:
        return list(await session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))


async def _find(user_id: int, passkey_id: int) -> Passkey:
    """Raises `NotFound` for somebody else's key as for a missing one."""
    statement = select(Passkey).where(Passkey.user_id == user_id, Passkey.id == min(passkey_id, MAX_ID))
    async with db().reading() as session:
        found = await session.scalar(statement)
    if found is None:
        raise NotFound("passkey")
    return found


async def _add(form: NewPasskeyForm) -> bool:
    person = signed_in()
    try:
        key = await made_key(form["credential"].data or "", person.id)
        await db().write(_keep, person.id, form["name"].data, key, doer())
        await confirm_session("passkey", is_strong=True)  # the device has verified its user
    except PasskeyRefused:
        form.refuse(None, "The device's answer was not accepted, or it took too long. Nothing was added; try again.")
        return False
    except (PasskeyKnown, TooManyPasskeys) as problem:
        form.refuse(None, str(problem))
        return False
    return True


async def _keep(work: UnitOfWork, user_id: int, name: str, key: NewKey, doer: Doer) -> None:
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
    await AuditEvent.record(work, Event.PASSKEY_ADDED, doer, user, name=name)
    await send_notice(work, user, "passkey_added", name=name)


async def _rename(work: UnitOfWork, passkey_id: int, name: str) -> None:
    passkey = await work.session.get_one(Passkey, passkey_id)
    passkey.name = name


async def _remove(work: UnitOfWork, passkey_id: int, doer: Doer) -> None:
    passkey = await work.session.get_one(Passkey, passkey_id)
    user = await work.session.get_one(User, passkey.user_id)
    await work.session.delete(passkey)
    await AuditEvent.record(work, Event.PASSKEY_REMOVED, doer, user, name=passkey.name)
    await send_notice(work, user, "passkey_removed", name=passkey.name)
