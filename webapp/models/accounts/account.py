"""One's own account: its profile, and its end."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.people import LastOwner, ensure_other_owner
from webapp.models.accounts.user import User
from webapp.models.mail import Mailer


async def change_profile(work: UnitOfWork, source: AuditSource, user_id: int, values: Mapping[str, str]) -> None:
    """`values` are new ones of `name`, `time_zone` and `number_style`."""
    user = await User.find(work.session, user_id)
    changed = [name for name, value in values.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, values[name])
    if changed:
        await AuditEvent.record(work, Event.PROFILE_CHANGED, source, user, changed=changed)


async def reason_to_keep(session: AsyncSession, user_id: int) -> str | None:
    """Why this account cannot be deleted yet, in words; None if it can."""
    work = UnitOfWork(session)
    try:
        await ensure_other_owner(work, await User.find(work.session, user_id))
    except LastOwner as error:
        return str(error)
    return None


async def delete_account(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    user_id: int,
    delete_user_data: Callable[[UnitOfWork, int], Awaitable[None]],
) -> None:
    """Delete one's own account; `delete_user_data` deletes what other features store for this person.

    One unit of work: there is never an account without its tables, or tables without their owner. Deleting it twice is
    deleting it once. Raises `LastOwner`.
    """
    user = await work.session.get(User, user_id)
    if user is None:
        return
    await ensure_other_owner(work, user)
    await AuditEvent.record(work, Event.DELETED, source, user, role=user.role)
    await mailer.send(work, "account_deleted", user.email)
    await delete_user_data(work, user.id)
    await work.session.delete(user)
