"""Managing people: the verbs that the administration, the API and the command line share.

Each looks first and changes afterwards: one that raises has changed nothing, so several can share a unit of work.
Rights are looked at again here, under the write lock: who was an owner when the request began may be none any more.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.data.problems import Problem
from webapp.data.uow import UnitOfWork
from webapp.models.api_token import ApiToken
from webapp.models.audit_event import COMMAND_LINE, AuditEvent, Doer, Event
from webapp.models.base import utc_now
from webapp.models.one_time_token import OneTimeToken, Purpose
from webapp.models.passkey import Passkey
from webapp.models.permissions import RANKS, Action, authorize, is_above
from webapp.models.problems import NotFound
from webapp.models.session import Session
from webapp.models.user import Actor, EmailTaken, Role, User, normalise_email

MAX_NAME = 200  # characters
MAX_ID = 2**63 - 1
# Links in mails that a person of a new address, or one who may not come in, must not use any more.
LINKS = (Purpose.VERIFY, Purpose.RESET, Purpose.CHANGE_EMAIL, Purpose.SECOND_STEP)

Farewell = Callable[[UnitOfWork, int], Awaitable[None]]


class NotAllowed(Problem):
    """Somebody may manage people, but not this person, or not in this way."""


class HasFactor(NotAllowed):
    def __init__(self) -> None:
        super().__init__("They have a second factor or a passkey: only they change their address, on their own page.")


class LastOwner(Problem):
    def __init__(self) -> None:
        super().__init__(
            "This is the last owner who can sign in, and a server needs one. Make somebody else an owner first."
        )


@dataclass(frozen=True, slots=True)
class Manager:
    """Who manages people, and from where. Without an actor it is the command line, which may do everything."""

    actor: Actor | None
    doer: Doer


THE_COMMAND_LINE = Manager(None, COMMAND_LINE)


async def add_person(
    work: UnitOfWork,
    by: Manager,
    *,
    email: str,
    name: str = "",
    role: Role = Role.MEMBER,
    password_hash: str = "",
    is_verified: bool = False,
) -> User:
    """An account for somebody else. Without a password they choose one by a link. Raises `EmailTaken`, `NotAllowed`.

    `email` as `normalise_email` writes it.
    """
    await may_give(work, by, role)
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
    work: UnitOfWork, by: Manager, user_id: int, *, name: str | None = None, email: str | None = None
) -> User:
    """Another name or address. A new address is unverified, and links sent to the old one stop working.

    A reset at an address nobody has verified removes second factor and passkeys; so whoever has one is not moved.
    """
    person = await managed(work, by, user_id)
    old_name, old_email = person.name, person.email
    if email is not None and email != old_email:
        if by.actor is not None and by.actor.id == person.id:
            raise NotAllowed("Your own address is changed on the page of your account, where it is verified.")
        if person.totp_secret is not None or await work.session.scalar(Passkey.anyone_of(person.id)):
            raise HasFactor
        await _move_to(work, person, normalise_email(email))
        await AuditEvent.record(work, Event.EMAIL_CHANGED, by.doer, person, before=old_email)
    if name is not None and name.strip() not in ("", old_name):
        person.name = name.strip()
        await AuditEvent.record(work, Event.CHANGED, by.doer, person, before=old_name, name=person.name)
    return person


async def change_role(work: UnitOfWork, by: Manager, user_id: int, role: Role) -> User:
    """Raises `NotAllowed` for one's own role and for a role that is not one's to give, and `LastOwner`.

    Who gets more rights signs in anew: what was open, or asked for by others, was for fewer.
    """
    person = await managed(work, by, user_id, myself="Nobody changes their own role. Ask another owner.")
    await may_give(work, by, role)
    before = Role(person.role)
    if before is role:
        return person
    await keep_an_owner(work, person)
    person.role = role
    if RANKS[role] > RANKS[before]:
        await _end_everything(work, person)
    await AuditEvent.record(work, Event.ROLE_CHANGED, by.doer, person, before=before, role=role)
    return person


async def activate(work: UnitOfWork, by: Manager, user_id: int) -> User:
    """They can sign in again, with the password they had."""
    person = await managed(work, by, user_id)
    if not person.is_active:
        person.is_active = True
        await AuditEvent.record(work, Event.ACTIVATED, by.doer, person)
    return person


async def deactivate(work: UnitOfWork, by: Manager, user_id: int) -> User:
    """They cannot sign in; what is signed in, and every token and link, ends at once. Their tables stay."""
    person = await managed(work, by, user_id, myself="Nobody deactivates themselves. Ask another owner.")
    if not person.is_active:
        return person
    await keep_an_owner(work, person)
    person.is_active = False
    sessions = await _end_everything(work, person)
    await AuditEvent.record(work, Event.DEACTIVATED, by.doer, person, sessions=sessions)
    return person


async def end_sessions(work: UnitOfWork, by: Manager, user_id: int) -> int:
    """Sign them out everywhere; the answer is of how many devices."""
    person = await managed(work, by, user_id, myself="Your own sign-ins are on the page of your devices.")
    ended = await Session.revoke_all(work, person.id)
    if ended:
        await AuditEvent.record(work, Event.ALL_SIGNED_OUT, by.doer, person, sessions=ended)
    return ended


async def remove_person(work: UnitOfWork, by: Manager, user_id: int, farewell: Farewell) -> None:
    """For good, with all that is theirs: `farewell` removes what other parts of the application keep for them."""
    person = await managed(work, by, user_id, myself="Your own account is deleted on the page of your account.")
    await keep_an_owner(work, person)
    await AuditEvent.record(work, Event.REMOVED, by.doer, person, role=person.role)
    await farewell(work, person.id)
    await work.session.delete(person)


async def keep_an_owner(work: UnitOfWork, person: User) -> None:
    """Raises `LastOwner` if nobody else could own the server; also for who deletes their own account."""
    if person.role != Role.OWNER or not person.is_active:
        return
    others = select(User.id).where(User.role == Role.OWNER, User.is_active, User.password_hash != "")
    if await work.session.scalar(others.where(User.id != person.id).limit(1)) is None:
        raise LastOwner


async def managed(work: UnitOfWork, by: Manager, user_id: int, *, myself: str | None = None) -> User:
    """The person, if `by` may manage them; with `myself`, unless it is `by` themselves: these are the words then.

    Raises `NotFound`, `NotAllowed`. Every verb here begins with it, and whatever else is done to somebody does too.
    """
    person = await work.session.get(User, user_id) if 0 < user_id <= MAX_ID else None
    if person is None:
        raise NotFound("person")
    if by.actor is None:
        return person
    if myself is not None and by.actor.id == person.id:
        raise NotAllowed(myself)
    if not authorize(await _as_of_now(work, by.actor), Action.MANAGE_PEOPLE, person):
        raise NotAllowed(f"You may not manage {person.email}: the role is not below yours.")
    return person


async def may_give(work: UnitOfWork, by: Manager, role: Role) -> None:
    """Raises `NotAllowed` for a role that is not below `by`."""
    if by.actor is None:
        return
    actor = await _as_of_now(work, by.actor)
    if not (authorize(actor, Action.MANAGE_PEOPLE) and is_above(actor, role)):
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
    for purpose in LINKS:
        await OneTimeToken.withdraw(work, purpose, person.id)


async def _end_everything(work: UnitOfWork, person: User) -> int:
    await ApiToken.revoke_all(work, person.id)
    for purpose in LINKS:
        await OneTimeToken.withdraw(work, purpose, person.id)
    return await Session.revoke_all(work, person.id)


async def _flush(work: UnitOfWork) -> None:
    """The UNIQUE constraint has the last word on who is first."""
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise EmailTaken from error
