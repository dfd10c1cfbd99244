"""Accepting an invitation: a name and a password create the account, with the role and the address of the invitation.

This also verifies the address, because the link was sent there. It is valid while the inviter may still invite.
"""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.answers import answer
from webapp.auth.forms import InvitationForm
from webapp.auth.links import find_link
from webapp.auth.throttles import throttles
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, hasher
from webapp.models import (
    Actor,
    AuditEvent,
    EmailTaken,
    Event,
    OneTimeToken,
    Purpose,
    Role,
    TokenUnusable,
    User,
    utc_now,
)
from webapp.models.accounts.people import ActingUser, NotAllowed, ensure_can_grant
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import sign_in


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@public
async def invitation(token: str) -> ResponseReturnValue:
    found = await find_link(Purpose.INVITE, token)
    form = await InvitationForm.read() if request.method == "POST" else InvitationForm()
    form["password"].whose = (found.email or "", "")
    if request.method == "POST" and form.validate() and await _accept(form, token):
        flash("Welcome.")
        return redirect_to(url_for("main.dashboard"), whole=True)
    shown = {"email": found.email, "role": found.data.get("role"), "inviter": found.data.get("inviter")}
    return await answer("auth/invitation.html", form, token=token, **shown)


async def _accept(form: InvitationForm, token: str) -> bool:
    if not await throttles().has_try_left(form, (throttles().link, client_address())):
        return False
    password_hash = await hasher().hash(form["password"].data)
    try:
        user = await db().write(_make_account, token, " ".join((form["name"].data or "").split()), password_hash)
    except EmailTaken as problem:
        form.refuse(None, str(problem))
        return False
    await sign_in(user, remembered=False, method="invitation")
    return True


async def _make_account(work: UnitOfWork, token: str, name: str, password_hash: str) -> User:
    """Raises `TokenUnusable`, and `EmailTaken` if the address has got an account in the meantime."""
    found = await OneTimeToken.redeem(work, Purpose.INVITE, token)
    email, role = found.email or "", Role(found.data.get("role", Role.MEMBER))
    await _ask_inviter(work, found.data.get("inviter_id"), role)
    if await work.session.scalar(User.with_address(email)) is not None:
        raise EmailTaken
    user = User(
        email=email,
        name=name or email.partition("@")[0],
        password_hash=password_hash,
        role=role,
        verified_at=utc_now(),
    )
    work.session.add(user)
    await work.session.flush()
    inviter = found.data.get("inviter")
    await AuditEvent.record(work, Event.REGISTERED, audit_source(user), user, role=user.role, inviter=inviter)
    return user


async def _ask_inviter(work: UnitOfWork, inviter_id: int | None, role: Role) -> None:
    """Raises `TokenUnusable` if the inviter may no longer grant this role. Command-line invitations have no inviter."""
    if inviter_id is None:
        return
    inviter = await work.session.get(User, inviter_id)
    if inviter is None:
        raise TokenUnusable
    by = ActingUser(Actor(inviter.id, inviter.email, inviter.name, inviter.role), audit_source(inviter))
    try:
        await ensure_can_grant(work, by, role)
    except NotAllowed as problem:
        raise TokenUnusable from problem
