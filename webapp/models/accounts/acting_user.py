"""Who manages people, and whom and what they may manage.

Rights are decided here, under the write lock: an owner may have been demoted since the request started.
"""

from dataclasses import dataclass, replace

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import COMMAND_LINE, AuditSource
from webapp.models.accounts.user import User
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor, Role, is_above, is_allowed


@dataclass(frozen=True, slots=True)
class ActingUser:
    """Who manages people, and from where. Without an actor it is the operator, who may do everything."""

    actor: Actor | None
    source: AuditSource


OPERATOR = ActingUser(None, COMMAND_LINE)  # whoever runs the server, at its command line


class NotAllowed(UserError):
    """The actor may manage people, but not this person, or not in this way."""


class LastOwner(UserError):
    def __init__(self) -> None:
        super().__init__(
            "This is the last owner who can sign in, and a server needs one. Make somebody else an owner first."
        )


async def get_manageable_user(work: UnitOfWork, by: ActingUser, user_id: int, *, myself: str | None = None) -> User:
    """Return the person if `by` may manage them. `myself` is the message for people who try it on themselves.

    Raises `NotFound` and `NotAllowed`. Every verb here starts with it, and so does anything else done to a person.
    """
    person = await work.session.get(User, user_id)
    if person is None:
        raise NotFound("person")
    if by.actor is None:
        return person
    if myself is not None and by.actor.id == person.id:
        raise NotAllowed(myself)
    if not is_allowed(await _as_of_now(work, by.actor), Action.MANAGE_PEOPLE, person):
        raise NotAllowed(f"You may not manage {person.email}: the role is not below yours.")
    return person


async def ensure_can_grant(work: UnitOfWork, by: ActingUser, role: Role) -> None:
    """Raises `NotAllowed` if the role is not below that of `by`."""
    if by.actor is None:
        return
    actor = await _as_of_now(work, by.actor)
    if not (is_allowed(actor, Action.MANAGE_PEOPLE) and is_above(actor, role)):
        raise NotAllowed(f"You may not give the role {role}: it is not below yours.")


async def _as_of_now(work: UnitOfWork, actor: Actor) -> Actor:
    own = await work.session.get(User, actor.id)
    if own is None or not own.is_active:
        raise NotAllowed("Your account does not manage people any more.")
    return replace(actor, role=own.role)


async def ensure_other_owner(work: UnitOfWork, person: User) -> None:
    """Raises `LastOwner` if nobody else could own the server; also for people who delete their own account."""
    if await is_last_owner(work, person):
        raise LastOwner


async def is_last_owner(work: UnitOfWork, person: User) -> bool:
    """Whether they are an owner, and nobody else is one who can sign in with a password."""
    if person.role != Role.OWNER or not person.is_active:
        return False
    others = select(User.id).where(User.role == Role.OWNER, User.is_active, User.password_hash != "")
    return await work.session.scalar(others.where(User.id != person.id).limit(1)) is None
