"""Passwords: which are acceptable, changing one's own, and resetting a forgotten one or somebody else's."""

import lzma
import re
import string
import unicodedata
from collections.abc import Container
from functools import cache
from itertools import pairwise
from pathlib import Path

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.identity import end_identities
from webapp.models.accounts.last_owner import is_last_owner
from webapp.models.accounts.one_time_token import BY_HAND, OneTimeToken, Purpose, send_link
from webapp.models.accounts.passkey import Passkey
from webapp.models.accounts.people import ActingUser, get_manageable_user
from webapp.models.accounts.recovery_code import RecoveryCode
from webapp.models.accounts.session import Session
from webapp.models.accounts.user import User
from webapp.models.base import utc_now
from webapp.models.mail import Mailer
from webapp.models.policy import Role

MIN_PASSWORD = 10  # characters
MAX_PASSWORD = 1000  # characters, the most that is hashed
MIN_REMAINDER = 6  # characters that must remain after removing everything known about the person
MIN_NAME_PART = 4  # characters; shorter parts of a name are not looked for
COMMON_WORDS = ("rowcast", "password", "passwort", "welcome", "letmein", "qwerty", "abcdef", "123456")
MIN_VARIETY = 4  # different characters

OWN_PASSWORD = "Your own password is changed on the page of your account."  # noqa: S105

COMMON_PASSWORDS = Path(__file__).parent / "common_passwords" / "list.txt.xz"
KEYBOARD_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", string.ascii_lowercase)


def problem_with(password: str, email: str = "", name: str = "") -> str | None:
    """Why it is easy to guess, as a message to the person; None if it is not.

    Capitals, digits or signs are not required: that makes passwords harder to remember, not harder to guess.
    """
    if len(password) > MAX_PASSWORD:
        return f"Use at most {MAX_PASSWORD} characters."
    plain = unicodedata.normalize("NFKC", password).casefold().strip()
    if len(plain) < MIN_PASSWORD:
        return f"Use at least {MIN_PASSWORD} characters; a few words are fine."
    if _is_common(plain) or _is_common(plain.rstrip(string.digits + string.punctuation)):
        return "Many people use this password, so it is among the first to be tried. Take a few words of your own."
    if _is_pattern(plain):
        return "This repeats itself or follows the keyboard, which is quickly tried. Take a few words of your own."
    if _is_hardly_more_than(_obvious_words(email, name), plain):
        return "This is hardly more than a name, an address or a word everybody tries. Add something nobody knows."
    return None


def _is_common(plain: str) -> bool:
    return f"\n{plain}\n".encode(errors="replace") in common_passwords()


@cache
def common_passwords() -> bytes:
    """Leaked passwords of sufficient length, one a line; `common_passwords/README.md` names their source.

    A set of them would take 5 MB instead of 0.6. Searching the text takes a millisecond, far less than hashing.
    """
    return b"\n" + lzma.decompress(COMMON_PASSWORDS.read_bytes())


def _is_pattern(plain: str) -> bool:
    """Few different characters, repetitions (`abcabcabc`), or runs along the alphabet or the keyboard."""
    if len(set(plain)) < MIN_VARIETY or re.fullmatch(r"(.{1,5})\1+.{0,4}", plain, re.DOTALL):
        return True
    steps = sum(first + second in _adjacent_keys() for first, second in pairwise(plain))
    return steps >= len(plain) - 3


@cache
def _adjacent_keys() -> frozenset[str]:
    rows = [*KEYBOARD_ROWS, *(row[::-1] for row in KEYBOARD_ROWS)]
    return frozenset(first + second for row in rows for first, second in pairwise(row))


def _is_hardly_more_than(words: set[str], plain: str) -> bool:
    remainder = plain
    for word in sorted(words, key=len, reverse=True):
        remainder = remainder.replace(word, "")
    return remainder != plain and len(remainder) < MIN_REMAINDER


def _obvious_words(email: str, name: str) -> set[str]:
    """What an attacker would guess first: the person, in whole and in parts, and substitutes for "password"."""
    mailbox, _, host = email.casefold().partition("@")
    whole = [email, mailbox, host.rpartition(".")[0], name, name.replace(" ", ""), *COMMON_WORDS]
    parts = [*re.split(r"[\W_\d]+", mailbox), *re.split(r"\W+", host)[:-1], *name.split()]
    return {word.casefold() for word in (*whole, *parts) if len(word) >= MIN_NAME_PART}


async def set_password(
    work: UnitOfWork,
    source: AuditSource,
    user_id: int,
    password_hash: str,
    event: Event,
    *,
    keep_session_id: int | None = None,
) -> User:
    """A new password ends every other sign-in, and links and half-finished sign-ins that the old one started.

    After a reset API tokens end as well: somebody who knew the old password may have created one.
    """
    user = await User.find(work.session, user_id)
    user.password_hash = password_hash
    await OneTimeToken.withdraw(work, user_id, Purpose.RESET, Purpose.SECOND_STEP, Purpose.CHANGE_EMAIL)
    ended = await Session.revoke_all(work, user_id, except_id=keep_session_id)
    if event is Event.PASSWORD_RESET:
        await ApiToken.revoke_all(work, user_id)
    await AuditEvent.record(work, event, source, user, sessions_ended=ended)
    return user


async def change_password(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, known: User, password_hash: str, session_id: int | None
) -> None:
    """Change one's own password; the sign-in `session_id` goes on.

    `known` is the row as it was when the current password was verified. Raises `ChangedMeanwhile`.
    """
    await User.ensure_unchanged(work, known)
    event = Event.PASSWORD_CHANGED
    user = await set_password(work, source, known.id, password_hash, event, keep_session_id=session_id)
    await mailer.send(work, "password_changed", user.email, user_id=user.id)


async def request_password_reset(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, email: str, roles: Container[str] = tuple(Role)
) -> None:
    """Send a link to whoever has this address, if anybody has and the server takes passwords of their role."""
    user = await work.session.scalar(User.active_by_email(email))
    if user is not None and user.role not in roles:
        user = None
    await AuditEvent.record(work, Event.RESET_ASKED, source, user or email, sent=user is not None)
    if user is not None:
        await send_link(work, mailer, Purpose.RESET, user, "reset")


async def complete_password_reset(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, token: str, password_hash: str
) -> User:
    """Choose a new password with the token of a link; one that was mailed also confirms the address.

    Raises `TokenUnusable`.
    """
    link, user = await OneTimeToken.redeem_link(work, Purpose.RESET, token)
    source = source.acting_as(user)
    if user.verified_at is None and not link.is_by_hand:
        await _verify_and_remove_factors(work, source, user)
    await set_password(work, source, user.id, password_hash, Event.PASSWORD_RESET)
    await mailer.send(work, "password_changed", user.email, user_id=user.id)
    return user


async def _verify_and_remove_factors(work: UnitOfWork, source: AuditSource, user: User) -> None:
    """The address was unverified. Now somebody has proved that it is theirs, so what others added is removed."""
    user.verified_at, user.totp_secret, user.totp_added_at = utc_now(), None, None
    await RecoveryCode.remove(work, user.id)
    await Passkey.end_all(work, user.id)
    await end_identities(work, source, user)
    await AuditEvent.record(work, Event.VERIFIED, source, user)


async def send_reset_link(
    work: UnitOfWork, by: ActingUser, mailer: Mailer, user_id: int, roles: Container[str] = tuple(Role)
) -> str:
    """Send a link to choose a new password; until it is used nothing changes. Return the address it is sent to.

    `roles` are those whose passwords the server takes. Raises `UserError`.
    """
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_PASSWORD)
    if not person.is_active:
        raise UserError(
            f"{person.email} is deactivated, and could not sign in with a new password. Activate them first."
        )
    if person.role not in roles:
        raise UserError(f"{person.email} signs in without a password here: a new one would not be taken.")
    await send_link(work, mailer, Purpose.RESET, person, "reset")
    await AuditEvent.record(work, Event.RESET_ASKED, by.source, person)
    return person.email


async def reset_password(
    work: UnitOfWork, by: ActingUser, user_id: int, password_hash: str | None, *, remove_second_factors: bool = False
) -> tuple[str | None, bool]:
    """Set a password, or with None issue a link to choose one: either way the old one, sign-ins and API tokens end now.

    Return the token of the link, and whether no owner can sign in with a password until it is used. If it gets lost,
    the operator can issue another.
    """
    person = await get_manageable_user(work, by, user_id, refuse_self=OWN_PASSWORD)
    if remove_second_factors:
        await _remove_second_factors(work, by, person)
    if password_hash is not None:
        await set_password(work, by.source, person.id, password_hash, Event.PASSWORD_RESET)
        return None, False
    is_last = await is_last_owner(work.session, person)
    await set_password(work, by.source, person.id, "", Event.RESET_ASKED)
    await ApiToken.revoke_all(work, person.id)
    return await issue_reset_link(work, person), is_last


async def issue_reset_link(work: UnitOfWork, person: User) -> str:
    """Return the token of a link to be passed on by hand."""
    return await OneTimeToken.issue(work, Purpose.RESET, user_id=person.id, email=person.email, data=BY_HAND)


async def _remove_second_factors(work: UnitOfWork, by: ActingUser, person: User) -> None:
    """The authenticator app with its recovery codes, and all passkeys."""
    if person.totp_secret is not None:
        person.totp_secret = person.totp_added_at = None
        await RecoveryCode.remove(work, person.id)
        await AuditEvent.record(work, Event.FACTOR_REMOVED, by.source, person)
    for name in await Passkey.end_all(work, person.id):
        await AuditEvent.record(work, Event.PASSKEY_REMOVED, by.source, person, name=name)
