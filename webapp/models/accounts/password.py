"""What follows when somebody sets a new password."""

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose
from webapp.models.accounts.session import Session
from webapp.models.accounts.user import User


async def set_password(
    work: UnitOfWork,
    user_id: int,
    password_hash: str,
    doer: AuditSource,
    event: Event,
    keep_session_id: int | None = None,
) -> User:
    """A new password ends every other sign-in, and links and half-finished sign-ins that the old one started.

    After a reset API tokens end as well: somebody who knew the old password may have created one.
    """
    user = await work.session.get_one(User, user_id)
    user.password_hash = password_hash
    for purpose in (Purpose.RESET, Purpose.SECOND_STEP, Purpose.CHANGE_EMAIL):
        await OneTimeToken.withdraw(work, purpose, user_id)
    ended = await Session.revoke_all(work, user_id, except_id=keep_session_id)
    if event is Event.PASSWORD_RESET:
        await ApiToken.revoke_all(work, user_id)
    await AuditEvent.record(work, event, doer, user, sessions_ended=ended)
    return user
