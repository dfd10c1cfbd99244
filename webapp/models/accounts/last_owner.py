"""A server keeps an owner who can sign in."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import User
from webapp.models.policy import Role


class LastOwner(UserError):
    def __init__(self) -> None:
        super().__init__(
            "This is the last owner who can sign in, and a server needs one. Make somebody else an owner first."
        )


async def ensure_other_owner(work: UnitOfWork, person: User) -> None:
    """Raises `LastOwner` if nobody else could own the server; also for people who delete their own account."""
    if await is_last_owner(work.session, person):
        raise LastOwner


async def is_last_owner(session: AsyncSession, person: User) -> bool:
    """Whether they are an owner, and nobody else is one who can sign in with a password."""
    if person.role != Role.OWNER or not person.is_active:
        return False
    others = select(User.id).where(User.role == Role.OWNER, User.is_active, User.password_hash != "")
    return await session.scalar(others.where(User.id != person.id).limit(1)) is None
