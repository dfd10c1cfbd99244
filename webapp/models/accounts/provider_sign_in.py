"""Who signs in when the provider has said who somebody is: the account it is linked to, one of the same address, or a
new one; and the role that their groups grant.

An address links only if the provider has verified it. Whoever made an account with somebody else's address must not
share it with them, so what they could sign in with must be nothing, or the address confirmed.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.identity import Assertion, Identity, add_identity, has_identity
from webapp.models.accounts.people import ActingUser, OnlyPasskeys, change_role
from webapp.models.accounts.second_factor import has_second_factor
from webapp.models.accounts.user import User, normalise_email
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import Mailer
from webapp.models.policy import RANKS, Role

EVERYBODY = "*"  # instead of a group: who is in none of the others

# Creates the account that an address is invited to, from the address and the name; None if it is not invited.
AcceptInvitation = Callable[[UnitOfWork, AuditSource, str, str], Awaitable[User | None]]


class SignInRefused(UserError):
    """`reason` is for the audit log."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """What the server lets the provider decide."""

    name: str  # what people call it
    creates_accounts: bool  # for whom it lets in, uninvited
    roles: Mapping[str, Role]  # by group; empty: it grants none
    two_factors: frozenset[Role]  # the roles that need a second factor here

    def role_of(self, who: Assertion) -> Role | None:
        """The highest role that their groups grant; None if they grant none."""
        granted = [self.roles[group] for group in who.groups if group in self.roles and group != EVERYBODY]
        return max(granted, key=RANKS.__getitem__) if granted else self.roles.get(EVERYBODY)


async def find_signed_in(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    who: Assertion,
    rules: ProviderRules,
    accept: AcceptInvitation,
) -> User:
    """Whoever signs in, with the role they have from now on. Raises `SignInRefused`, having changed nothing."""
    identity = await work.session.scalar(Identity.asserted(who))
    if identity is None:
        user = await _first_sign_in(work, source, mailer, who, rules, accept)
    else:
        user = await work.session.get_one(User, identity.user_id)
        identity.email = who.email or identity.email
        identity.used_at = utc_now()
    if not user.is_active:
        raise SignInRefused("deactivated", f"Your account {user.email} is deactivated. Ask whoever runs this server.")
    return await _grant_role(work, source, user, who, rules)


async def link_own(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, who: Assertion, rules: ProviderRules
) -> None:
    """Somebody who is signed in links their identity, and so confirms their address. Raises `SignInRefused`."""
    user = await User.find(work.session, user_id)
    identity = await work.session.scalar(Identity.asserted(who))
    if identity is not None and identity.user_id == user_id:
        return
    if identity is not None:
        raise SignInRefused(
            "linked to another account", f"This sign-in of {rules.name} belongs to another account here."
        )
    if _verified_address(who, rules) != user.email:
        other = f"{rules.name} knows you as {who.email}, and your account has the address {user.email}."
        raise SignInRefused("another address", f"{other} Only one with the same address is linked.")
    await _link(work, source, mailer, user, who, rules)


async def _first_sign_in(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    who: Assertion,
    rules: ProviderRules,
    accept: AcceptInvitation,
) -> User:
    email = _verified_address(who, rules)
    user = await work.session.scalar(select(User).where(User.email == email))
    if user is None:
        return await _create(work, source, who, rules, accept, email)
    if user.is_active:
        await _ensure_theirs(work, user, rules)
        await _link(work, source.acting_as(user), mailer, user, who, rules)
    return user


def _verified_address(who: Assertion, rules: ProviderRules) -> str:
    """Raises `SignInRefused`."""
    if not (who.email and who.is_email_verified):
        raise SignInRefused(
            "unverified address",
            f"{rules.name} does not say that it has verified your address, and so cannot sign you in here. Verify it "
            "there, or ask whoever runs it.",
        )
    try:
        return normalise_email(who.email)
    except ValueError as error:
        raise SignInRefused(
            "unusable address", f"{rules.name} gives an address that cannot be used: {error}"
        ) from error


async def _ensure_theirs(work: UnitOfWork, user: User, rules: ProviderRules) -> None:
    """Raises `SignInRefused` if somebody else may hold what signs in to an account whose address nobody confirmed."""
    if user.verified_at is not None:
        return
    is_linked = await has_identity(work.session, user.id)
    if user.password_hash or is_linked or await has_second_factor(work.session, user.id):
        raise SignInRefused(
            "unconfirmed account",
            f"There is an account {user.email}, and nobody has confirmed its address yet. Sign in to it as before, "
            f"then link {rules.name} on the page of your account; or set a new password by mail first.",
        )


async def _link(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, user: User, who: Assertion, rules: ProviderRules
) -> None:
    identity = await add_identity(work, source, user, who)
    identity.used_at = utc_now()
    await mailer.send(work, "identity_added", user.email, user_id=user.id, provider=rules.name, identity=who.email)


async def _create(
    work: UnitOfWork,
    source: AuditSource,
    who: Assertion,
    rules: ProviderRules,
    accept: AcceptInvitation,
    email: str,
) -> User:
    """The account of somebody who is invited, or let in by the rules. Raises `SignInRefused`."""
    if not await work.session.scalar(User.any_exist()):
        raise SignInRefused("no owner yet", "Nobody owns this server yet. Its first account is made with a password.")
    _ensure_granted(who, rules)
    user = await accept(work, source, email, who.name)
    if user is None:
        if not rules.creates_accounts:
            text = f"There is no account for {email} here. Ask whoever runs this server to invite you."
            raise SignInRefused("no account", text)
        role = rules.role_of(who) or Role.MEMBER
        user = await User.create(work, email=email, name=who.name, password_hash="", role=role, is_verified=True)
        await AuditEvent.record(work, Event.REGISTERED, source.acting_as(user), user, role=role, issuer=who.issuer)
    identity = await add_identity(work, source.acting_as(user), user, who)
    identity.used_at = utc_now()
    return user


def _ensure_granted(who: Assertion, rules: ProviderRules) -> None:
    if rules.roles and rules.role_of(who) is None:
        text = f"None of your groups at {rules.name} lets you in here. Ask whoever runs this server."
        raise SignInRefused("no group", text)


async def _grant_role(work: UnitOfWork, source: AuditSource, user: User, who: Assertion, rules: ProviderRules) -> User:
    """As their groups say. Owners keep theirs: a provider locks nobody out of the server that they own. Somebody whom
    a promotion would leave without a second factor that it needs keeps their role until they have one that stays.

    A promotion ends other sign-ins, tokens and passkeys, as any does (`change_role`). Raises `SignInRefused`.
    """
    if not rules.roles or user.role == Role.OWNER:
        return user
    _ensure_granted(who, rules)
    role = rules.role_of(who)
    if role is not None and role != user.role:
        by = ActingUser(None, replace(source, id=None, name=rules.name))
        with suppress(OnlyPasskeys):
            await change_role(work, by, user.id, role, rules.two_factors)
    return user


async def confirm_identity_of(work: UnitOfWork, user_id: int, who: Assertion) -> None:
    """The person has proved at the provider who they are. Raises `NotFound` if it is not their identity."""
    identity = await work.session.scalar(Identity.asserted(who))
    if identity is None or identity.user_id != user_id:
        raise NotFound("linked sign-in")
    identity.used_at = utc_now()
