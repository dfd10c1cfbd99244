"""Actions on somebody's account that notify them by mail, in one unit of work."""

from webapp.auth.mails import send_notice, send_reset
from webapp.data.problems import Problem
from webapp.data.uow import UnitOfWork
from webapp.models import AuditEvent, Event, User, people
from webapp.models.people import Manager


async def send_reset_link(work: UnitOfWork, by: Manager, user_id: int) -> str:
    """Return the address it is sent to."""
    person = await people.managed(work, by, user_id, myself="Your own password is changed on the page of your account.")
    if not person.is_active:
        raise Problem(f"{person.email} is deactivated, and could not sign in with a new password. Activate them first.")
    await send_reset(work, person)
    await AuditEvent.record(work, Event.RESET_ASKED, by.doer, person)
    return person.email


async def change_address(work: UnitOfWork, by: Manager, user_id: int, email: str) -> User:
    """The old address is notified, in case its owner did not ask for this."""
    before = (await people.managed(work, by, user_id)).email
    person = await people.change_person(work, by, user_id, email=email)
    if person.email != before:
        await send_notice(work, person, "email_changed", to=before, new_email=person.email)
    return person
