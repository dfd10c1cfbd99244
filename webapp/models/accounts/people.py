"""Managing people: the verbs shared by the administration, the API and the command line.

Each checks first and changes afterwards; one that raises has changed nothing, so several can share a unit of work.
Rights are decided here, under the write lock: an owner may have been demoted since the request started.
"""

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, replace

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import COMMAND_LINE, AuditEvent, AuditSource, Event
from webapp.models.accounts.last_owner import ensure_other_owner
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose, send_link
from webapp.models.accounts.outcomes import forget_person
from webapp.models.accounts.passkey import Passkey
from webapp.models.accounts.second_factor import has_second_factor
from webapp.models.accounts.session import Session
from webapp.models.accounts.user import EmailTaken, User
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.mail import Mailer
from webapp.models.names import one_line
from webapp.models.policy import RANKS, Action, Actor, Role, is_above, is_allowed

# Mailed links that become invalid when a person gets a new address or is deactivated.
LINK_PURPOSES = (Purpose.VERIFY, Purpose.RESET, Purpose.CHANGE_EMAIL, Purpose.SECOND_STEP)

# Why people cannot do to themselves what they may do to others.
OWN_EMAIL = "Your own address is changed on the page of your account."
OWN_ROLE = "Nobody changes their own role. Ask another owner."
OWN_DEACTIVATION = "Nobody deactivates themselves. Ask another owner."
OWN_SESSIONS = "Your own sign-ins are on the page of your devices."
OWN_REMOVAL = "Your own account is deleted on the page of your account."

DeleteUserData = Callable[[UnitOfWork, int], Awaitable[None]]  # by the person's id


@dataclass(frozen=True, slots=True)
class ActingUser:
    """Who manages people, and from where. Without an actor it is the operator, who may do everything."""

    actor: Actor | None
    source: AuditSource


OPERATOR = ActingUser(None, COMMAND_LINE)  # whoever runs the server, at its command line


class HasFactor(NotAllowed):
    def __init__(self) -> None:
        super().__init__("They have an authenticator app or a passkey, so only they can change their address.")


class OnlyPasskeys(UserError):
    def __init__(self, email: str) -> None:
        super().__init__(
            "A promotion removes passkeys, and this server requires two-factor authentication of that role, so "
            f"{email} would be locked out. Ask them to turn on an authenticator app first; it stays. Their role "
            "was not changed."
        )


async def add_person(
    work: UnitOfWork,
    by: ActingUser,
    *,
    email: str,
    name: str = "",
    role: Role = Role.MEMBER,
    password_hash: str = "",
    is_verified: bool = False,
    mailer: Mailer | None = None,
) -> User:
    """Create an account for somebody else; without a password they choose one through a link, which `mailer` sends.

    `email` must be normalised by `normalise_email`. Raises `EmailTaken` and `NotAllowed`.
    """
    await ensure_can_grant(work, by, role)
    if await work.session.scalar(User.id_by_email(email)) is not None:
        raise EmailTaken
    person = await User.create(
        work, email=email, name=name, role=role, password_hash=password_hash, is_verified=is_verified
    )
    await AuditEvent.record(work, Event.ADDED, by.source, person, role=role)
    if mailer is not None:
        await send_link(work, mailer, Purpose.RESET, person, "welcome", inviter=by.source.name, role=role)
    return person


async def add_as_operator(
    work: UnitOfWork, *, email: str, name: str = "", role: Role | None = None, password_hash: str = ""
) -> User:
    """From the command line: the first person owns the server. Their address needs no confirmation, all others do.

    Raises `EmailTaken`, and `UserError` for a first person who is to be anything but the owner.
    """
    is_first = not await work.session.scalar(User.any_exist())
    if is_first and role not in (None, Role.OWNER):
        raise UserError("Nobody has an account yet, and the first one is the owner's. Add it with --role owner.")
    role = role or (Role.OWNER if is_first else Role.MEMBER)
    return await add_person(
        work, OPERATOR, email=email, name=name, role=role, password_hash=password_hash, is_verified=is_first
    )


async def change_name(work: UnitOfWork, by: ActingUser, user_id: int, name: str) -> User:
    """A blank name changes nothing."""
    person = await get_manageable_user(work, by, user_id)
    before, name = person.name, one_line(name)
    if name not in ("", before):
        person.name = name
        await AuditEvent.record(work, Event.CHANGED, by.source, person, before=before, name=name)
    return person


async def change_email(work: UnitOfWork, by: ActingUser, mailer: Mailer, user_id: int, email: str) -> User:
    """The new address is unverified, links sent to the old one stop working, and a notice goes there.

    A reset at an unverified address removes second factor and passkeys; so people who have one keep their address.
    `email` must be normalised by `normalise_email`. Raises `EmailTaken` and `HasFactor`.
    """
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_EMAIL)
    before = person.email
    if email == before:
        return person
    if await has_second_factor(work.session, person.id):
        raise HasFactor
    if await work.session.scalar(User.id_by_email(email)) is not None:
        raise EmailTaken
    person.email, person.verified_at = email, None
    await person.flush_email(work)
    await OneTimeToken.withdraw(work, person.id, *LINK_PURPOSES)
    await AuditEvent.record(work, Event.EMAIL_CHANGED, by.source, person, before=before)
    await mailer.send(work, "email_changed", before, user_id=person.id, new_email=email)
    return person


async def change_role(
    work: UnitOfWork, by: ActingUser, user_id: int, role: Role, two_factors: Container[Role] = ()
) -> User:
    """Raises `NotAllowed` for one's own role and for a role the actor may not grant, `LastOwner`, and `OnlyPasskeys`.

    A promotion signs the person out everywhere and ends their passkeys: these were for fewer rights, and somebody else
    may have added one. The next sign-in says which (`sign_in_methods.py`). `two_factors` are the roles of whom the
    server demands them: nobody is left there with a password alone, for whoever knows it to set up the second one.
    """
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_ROLE)
    await ensure_can_grant(work, by, role)
    before = Role(person.role)
    if before is role:
        return person
    await ensure_other_owner(work, person)
    if RANKS[role] > RANKS[before] and role in two_factors:
        await _ensure_factor_remains(work, person)
    person.role = role
    details = {}
    if RANKS[role] > RANKS[before]:
        await _revoke_access(work, person)
        if names := await Passkey.end_all(work, person.id):
            details["passkeys_ended"] = names
    await AuditEvent.record(work, Event.ROLE_CHANGED, by.source, person, before=before, role=role, **details)
    return person


async def activate(work: UnitOfWork, by: ActingUser, user_id: int) -> User:
    """Let them sign in again, with their old password."""
    person = await get_manageable_user(work, by, user_id)
    if not person.is_active:
        person.is_active = True
        await AuditEvent.record(work, Event.ACTIVATED, by.source, person)
    return person


async def deactivate(work: UnitOfWork, by: ActingUser, user_id: int) -> User:
    """Bar them from signing in; their sessions, tokens and links end at once. Their tables stay."""
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_DEACTIVATION)
    if not person.is_active:
        return person
    await ensure_other_owner(work, person)
    person.is_active = False
    sessions = await _revoke_access(work, person)
    await AuditEvent.record(work, Event.DEACTIVATED, by.source, person, sessions=sessions)
    return person


async def end_sessions(work: UnitOfWork, by: ActingUser, user_id: int) -> int:
    """Sign them out everywhere; return the number of devices."""
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_SESSIONS)
    ended = await Session.revoke_all(work, person.id)
    if ended:
        await AuditEvent.record(work, Event.ALL_SIGNED_OUT, by.source, person, sessions=ended)
    return ended


async def remove_person(work: UnitOfWork, by: ActingUser, user_id: int, delete_user_data: DeleteUserData) -> None:
    """Delete the person and everything that is theirs: `delete_user_data` deletes what other features store."""
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_REMOVAL)
    await ensure_other_owner(work, person)
    await AuditEvent.record(work, Event.REMOVED, by.source, person, role=person.role)
    await delete_user_data(work, person.id)
    await forget_person(work, person)
    await work.session.delete(person)


async def get_manageable_user(
    work: UnitOfWork, by: ActingUser, user_id: int, *, refuse_self: str | None = None
) -> User:
    """Return the person if `by` may manage them. `refuse_self` is the message for people who try it on themselves.

    Raises `NotFound` and `NotAllowed`. Every verb here starts with it, and so does anything else done to a person.
    """
    person = await work.session.get(User, user_id)
    if person is None:
        raise NotFound("person")
    if by.actor is None:
        return person
    if refuse_self is not None and by.actor.id == person.id:
        raise NotAllowed(refuse_self)
    if not is_allowed(await with_current_role(work, by.actor), Action.MANAGE_PEOPLE, person):
        raise NotAllowed(f"You may not manage {person.email}: the role is not below yours.")
    return person


async def ensure_can_grant(work: UnitOfWork, by: ActingUser, role: Role) -> None:
    """Raises `NotAllowed` if the role is not below that of `by`."""
    if by.actor is None:
        return
    actor = await with_current_role(work, by.actor)
    if not (is_allowed(actor, Action.MANAGE_PEOPLE) and is_above(actor, role)):
        raise NotAllowed(f"You may not give the role {role}: it is not below yours.")


async def _ensure_factor_remains(work: UnitOfWork, person: User) -> None:
    if person.totp_secret is None and await has_second_factor(work.session, person.id):
        raise OnlyPasskeys(person.email)


async def with_current_role(work: UnitOfWork, actor: Actor) -> Actor:
    """Raises `NotAllowed` if they are gone or deactivated."""
    user = await work.session.get(User, actor.id)
    if user is None or not user.is_active:
        raise NotAllowed("Your account does not manage people any more.")
    return replace(actor, role=user.role)


async def _revoke_access(work: UnitOfWork, person: User) -> int:
    await ApiToken.revoke_all(work, person.id)
    await OneTimeToken.withdraw(work, person.id, *LINK_PURPOSES)
    return await Session.revoke_all(work, person.id)
