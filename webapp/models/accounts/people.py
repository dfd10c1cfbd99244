"""Managing people: the verbs shared by the administration, the API and the command line.

Each checks first and changes afterwards; one that raises has changed nothing, so several can share a unit of work.
Rights are checked again here, under the write lock: an owner may have been demoted since the request started.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import COMMAND_LINE, AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose
from webapp.models.accounts.second_factor import has_second_factor
from webapp.models.accounts.session import Session
from webapp.models.accounts.user import EmailTaken, User, normalise_email
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import RANKS, Action, Actor, Role, is_above, is_allowed

MAX_NAME = 200  # characters
# Mailed links that become invalid when a person gets a new address or is deactivated.
LINKS = (Purpose.VERIFY, Purpose.RESET, Purpose.CHANGE_EMAIL, Purpose.SECOND_STEP)

Farewell = Callable[[UnitOfWork, int], Awaitable[None]]


class NotAllowed(UserError):
    """The actor may manage people, but not this person, or not in this way."""


class HasFactor(NotAllowed):
    def __init__(self) -> None:
        super().__init__("They have a second factor or a passkey: only they change their address, on their own page.")


class LastOwner(UserError):
    def __init__(self) -> None:
        super().__init__(
            "This is the last owner who can sign in, and a server needs one. Make somebody else an owner first."
        )


@dataclass(frozen=True, slots=True)
class ActingUser:
    """Who manages people, and from where. Without an actor it is the command line, which may do everything."""

    actor: Actor | None
    doer: AuditSource


THE_COMMAND_LINE = ActingUser(None, COMMAND_LINE)


async def add_person(
    work: UnitOfWork,
    by: ActingUser,
    *,
    email: str,
    name: str = "",
    role: Role = Role.MEMBER,
    password_hash: str = "",
    is_verified: bool = False,
) -> User:
    """Create an account for somebody else; without a password they choose one through a link.

    `email` must be normalised by `normalise_email`. Raises `EmailTaken` and `NotAllowed`.
    """
    await ensure_can_grant(work, by, role)
    if await work.session.scalar(select(User.id).where(User.email == email)) is not None:
        raise EmailTaken
    person = User(
        email=email,
        name=name.strip() or email.partition("@")[0],
        role=role,
        password_hash=password_hash,
        verified_at=utc_now() if is_verified else None,
    )
    work.session.add(person)
    await _flush(work)
    await AuditEvent.record(work, Event.ADDED, by.doer, person, role=role)
    return person


async def change_person(
    work: UnitOfWork, by: ActingUser, user_id: int, *, name: str | None = None, email: str | None = None
) -> User:
    """Change a name or address. A new address is unverified, and links sent to the old one stop working.

    A reset of an unverified address removes second factor and passkeys; so people who have one keep their address.
    """
    person = await get_manageable_user(work, by, user_id)
    old_name, old_email = person.name, person.email
    if email is not None and email != old_email:
        if by.actor is not None and by.actor.id == person.id:
            raise NotAllowed("Your own address is changed on the page of your account, where it is verified.")
        if await has_second_factor(work.session, person.id):
            raise HasFactor
        await _move_to(work, person, normalise_email(email))
        await AuditEvent.record(work, Event.EMAIL_CHANGED, by.doer, person, before=old_email)
    if name is not None and name.strip() not in ("", old_name):
        person.name = name.strip()
        await AuditEvent.record(work, Event.CHANGED, by.doer, person, before=old_name, name=person.name)
    return person


async def change_role(work: UnitOfWork, by: ActingUser, user_id: int, role: Role) -> User:
    """Raises `NotAllowed` for one's own role and for a role the actor may not grant, and `LastOwner`.

    A promotion signs the person out everywhere: existing sign-ins and requests by others were for fewer rights.
    """
    person = await get_manageable_user(work, by, user_id, myself="Nobody changes their own role. Ask another owner.")
    await ensure_can_grant(work, by, role)
    before = Role(person.role)
    if before is role:
        return person
    await ensure_other_owner(work, person)
    person.role = role
    if RANKS[role] > RANKS[before]:
        await _end_everything(work, person)
    await AuditEvent.record(work, Event.ROLE_CHANGED, by.doer, person, before=before, role=role)
    return person


async def activate(work: UnitOfWork, by: ActingUser, user_id: int) -> User:
    """Let them sign in again, with their old password."""
    person = await get_manageable_user(work, by, user_id)
    if not person.is_active:
        person.is_active = True
        await AuditEvent.record(work, Event.ACTIVATED, by.doer, person)
    return person


async def deactivate(work: UnitOfWork, by: ActingUser, user_id: int) -> User:
    """Bar them from signing in; their sessions, tokens and links end at once. Their tables stay."""
    person = await get_manageable_user(work, by, user_id, myself="Nobody deactivates themselves. Ask another owner.")
    if not person.is_active:
        return person
    await ensure_other_owner(work, person)
    person.is_active = False
    sessions = await _end_everything(work, person)
    await AuditEvent.record(work, Event.DEACTIVATED, by.doer, person, sessions=sessions)
    return person


async def end_sessions(work: UnitOfWork, by: ActingUser, user_id: int) -> int:
    """Sign them out everywhere; return the number of devices."""
    person = await get_manageable_user(work, by, user_id, myself="Your own sign-ins are on the page of your devices.")
    ended = await Session.revoke_all(work, person.id)
    if ended:
        await AuditEvent.record(work, Event.ALL_SIGNED_OUT, by.doer, person, sessions=ended)
    return ended


async def remove_person(work: UnitOfWork, by: ActingUser, user_id: int, farewell: Farewell) -> None:
    """Delete the person and everything that is theirs: `farewell` removes what other features store."""
    person = await get_manageable_user(
        work, by, user_id, myself="Your own account is deleted on the page of your account."
    )
    await ensure_other_owner(work, person)
    await AuditEvent.record(work, Event.REMOVED, by.doer, person, role=person.role)
    await farewell(work, person.id)
    await work.session.delete(person)


async def ensure_other_owner(work: UnitOfWork, person: User) -> None:
    """Raises `LastOwner` if nobody else could own the server; also for people who delete their own account."""
    if person.role != Role.OWNER or not person.is_active:
        return
    others = select(User.id).where(User.role == Role.OWNER, User.is_active, User.password_hash != "")
    if await work.session.scalar(others.where(User.id != person.id).limit(1)) is None:
        raise LastOwner


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


async def _move_to(work: UnitOfWork, person: User, email: str) -> None:
    taken = select(User.id).where(User.email == email, User.id != person.id)
    if await work.session.scalar(taken) is not None:
        raise EmailTaken
    person.email, person.verified_at = email, None
    await _flush(work)
    await OneTimeToken.withdraw(work, person.id, *LINKS)


async def _end_everything(work: UnitOfWork, person: User) -> int:
    await ApiToken.revoke_all(work, person.id)
    await OneTimeToken.withdraw(work, person.id, *LINKS)
    return await Session.revoke_all(work, person.id)


async def _flush(work: UnitOfWork) -> None:
    """The UNIQUE constraint decides who was first."""
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise EmailTaken from error
