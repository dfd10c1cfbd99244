"""Actions on somebody's account that notify them by mail, in one unit of work."""

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import AuditEvent, Event, User
from webapp.models.accounts import people
from webapp.models.accounts.links import send_reset
from webapp.models.accounts.people import ActingUser
from webapp.web.mailer import mailer


async def send_reset_link(work: UnitOfWork, by: ActingUser, user_id: int) -> str:
    """Return the address it is sent to."""
    person = await people.get_manageable_user(
        work, by, user_id, myself="Your own password is changed on the page of your account."
    )
    if not person.is_active:
        raise UserError(
            f"{person.email} is deactivated, and could not sign in with a new password. Activate them first."
        )
    await send_reset(work, mailer, person)
    await AuditEvent.record(work, Event.RESET_ASKED, by.doer, person)
    return person.email


async def change_address(work: UnitOfWork, by: ActingUser, user_id: int, email: str) -> User:
    """The old address is notified, in case its owner did not ask for this."""
    before = (await people.get_manageable_user(work, by, user_id)).email
    person = await people.change_person(work, by, user_id, email=email)
    if person.email != before:
        await mailer.send(work, "email_changed", before, user_id=person.id, new_email=person.email)
    return person
