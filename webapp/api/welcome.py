"""The mail to somebody whose account a program has created: its link lets them choose a password."""

from quart import url_for

from webapp.data.uow import UnitOfWork
from webapp.models import OneTimeToken, Purpose, User
from webapp.web.hosts import own_origin
from webapp.web.mail import letter, post


async def send_welcome(work: UnitOfWork, person: User, inviter: str) -> None:
    """Call it in the unit of work that creates the account, so that every new account is announced."""
    token = await OneTimeToken.issue(work, Purpose.RESET, user_id=person.id, email=person.email)
    path = url_for("auth.reset_edit", token=token)
    later = f"{own_origin()}{url_for('auth.reset')}"
    told = letter("welcome", person.email, "You have an account", path, inviter=inviter, role=person.role, later=later)
    await post(work, told, person.id)
