"""Recovery codes: shown once, when they are created."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.second_factor import codes_left, has_factor
from webapp.auth.mails import send_notice
from webapp.data.uow import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, Doer, Event, RecoveryCode, User
from webapp.web.access import Action, before_second_factor, fresh, may, signed_in
from webapp.web.audit import doer
from webapp.web.fragments import redirect_to, render


@bp.route("/second-factor/recovery-codes", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def recovery_codes() -> ResponseReturnValue:
    person = signed_in()
    if not await has_factor(person.id):
        return redirect_to(url_for("account.second_factor"))
    if request.method == "POST":
        codes = await db().write(_renew, person.id, doer())
        return await render("account/recovery_codes.html", codes=codes, is_new=False)
    return await render("account/recovery_codes_new.html", codes_left=await codes_left(person.id))


async def _renew(work: UnitOfWork, user_id: int, doer: Doer) -> list[str]:
    user = await work.session.get_one(User, user_id)
    await AuditEvent.record(work, Event.RECOVERY_CODES_MADE, doer, user)
    await send_notice(work, user, "recovery_codes_made")
    return await RecoveryCode.replace(work, user_id)
