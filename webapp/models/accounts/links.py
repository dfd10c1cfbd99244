"""Links mailed to people about their account. Each grants something once, so asking again ends the link before it."""

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose, TokenUnusable
from webapp.models.accounts.user import User
from webapp.models.mail import Mailer


async def redeem_link(work: UnitOfWork, purpose: Purpose, token: str) -> tuple[OneTimeToken, User]:
    """Use it up; return the token and whose it is. Raises `TokenUnusable`, also if the account is inactive or has
    another address by now.
    """
    link = await OneTimeToken.redeem(work, purpose, token)
    user = await work.session.get(User, link.user_id)
    if user is None or not user.is_active or user.email != link.email:
        raise TokenUnusable
    return link, user


async def send_verification(work: UnitOfWork, mailer: Mailer, user: User) -> None:
    """Ask for confirmation that the address is theirs."""
    token = await OneTimeToken.issue(work, Purpose.VERIFY, user_id=user.id, email=user.email)
    await mailer.send(work, "verification", user.email, user_id=user.id, token=token)


async def send_reset(work: UnitOfWork, mailer: Mailer, user: User) -> None:
    """Send a link to choose a new password."""
    token = await OneTimeToken.issue(work, Purpose.RESET, user_id=user.id, email=user.email)
    await mailer.send(work, "reset", user.email, user_id=user.id, token=token)


async def send_welcome(work: UnitOfWork, mailer: Mailer, user: User, inviter: str) -> None:
    """Tell somebody whose account was created for them; the link lets them choose a password."""
    token = await OneTimeToken.issue(work, Purpose.RESET, user_id=user.id, email=user.email)
    await mailer.send(work, "welcome", user.email, user_id=user.id, token=token, inviter=inviter, role=user.role)


async def send_invitation(work: UnitOfWork, mailer: Mailer, email: str, token: str, *, role: str, inviter: str) -> None:
    """`inviter` is an address: a name could contain any text, and would speak in our name."""
    await mailer.send(work, "invitation", email, token=token, role=role, inviter=inviter)
