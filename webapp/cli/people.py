"""Managing people from the command line: uses the same SQLite file as a running server, and its audit log."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import select

from settings import Settings
from webapp.admin.listing import STATE
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.hashing import Hasher
from webapp.models import (
    ApiToken,
    AuditEvent,
    Event,
    OneTimeToken,
    Passkey,
    Purpose,
    RecoveryCode,
    Role,
    User,
    normalise_email,
)
from webapp.models.accounts import people
from webapp.models.accounts.audit import COMMAND_LINE
from webapp.models.accounts.one_time_token import BY_HAND
from webapp.models.accounts.password import problem_with, set_password
from webapp.models.accounts.people import THE_COMMAND_LINE
from webapp.web.hosts import public_origin

P = ParamSpec("P")
T = TypeVar("T")
RESET = "/reset/"  # where a link to choose a new password points


def add(settings: Settings, email: str, name: str, role: Role | None, password: str | None) -> str | None:
    """Create an account; without a password, return a link to choose one. Raises `UserError`."""
    email = _address(email)
    password_hash = _hash(settings, password, email) if password is not None else ""
    return _write(settings, _add, settings, email, name, role, password_hash)


def promote(settings: Settings, email: str, role: Role) -> None:
    """Change a role, up or down. The last owner stays one."""
    _write(settings, _promote, _address(email), role)


def reset_password(settings: Settings, email: str, password: str | None, *, remove_second_factor: bool) -> str | None:
    """Set a password, or return a link to choose one. Either way the old one, sign-ins and API tokens end now."""
    email = _address(email)
    password_hash = _hash(settings, password, email) if password is not None else None
    link, warning = _write(settings, _reset, settings, email, password_hash, remove_second_factor)
    if warning:
        print(warning, file=sys.stderr, flush=True)  # keep it out of what programs read
    return link


def everybody(settings: Settings) -> list[dict[str, Any]]:
    return asyncio.run(_everybody(settings))


async def _add(
    work: UnitOfWork, settings: Settings, email: str, name: str, role: Role | None, password_hash: str
) -> str | None:
    is_first = not await work.session.scalar(User.anybody())
    if is_first and role not in (None, Role.OWNER):
        raise UserError("Nobody has an account yet, and the first one is the owner's. Add it with --role owner.")
    person = await people.add_person(
        work,
        THE_COMMAND_LINE,
        email=email,
        name=name,
        role=role or (Role.OWNER if is_first else Role.MEMBER),
        password_hash=password_hash,
        is_verified=True,  # the operator's word is enough
    )
    return None if password_hash else await _link(work, settings, person)


async def _promote(work: UnitOfWork, email: str, role: Role) -> None:
    await people.change_role(work, THE_COMMAND_LINE, (await _find(work, email)).id, role)


async def _reset(
    work: UnitOfWork, settings: Settings, email: str, password_hash: str | None, remove_second_factor: bool
) -> tuple[str | None, str | None]:
    person = await _find(work, email)
    if remove_second_factor:
        await _remove_factors(work, person)
    if password_hash is not None:
        await set_password(work, COMMAND_LINE, person.id, password_hash, Event.PASSWORD_RESET)
        return None, None
    warning = await _warn_of_last_owner(work, person)
    await set_password(work, COMMAND_LINE, person.id, "", Event.RESET_ASKED)
    await ApiToken.revoke_all(work, person.id)
    return await _link(work, settings, person), warning


async def _remove_factors(work: UnitOfWork, person: User) -> None:
    if person.totp_secret is not None:
        person.totp_secret = None
        await RecoveryCode.remove(work, person.id)
        await AuditEvent.record(work, Event.FACTOR_REMOVED, COMMAND_LINE, person)
    for passkey in await work.session.scalars(select(Passkey).where(Passkey.user_id == person.id)):
        await work.session.delete(passkey)
        await AuditEvent.record(work, Event.PASSKEY_REMOVED, COMMAND_LINE, person, name=passkey.name)


async def _warn_of_last_owner(work: UnitOfWork, person: User) -> str | None:
    """Warn, but do not refuse: if the link gets lost, the operator can create another."""
    try:
        await people.ensure_other_owner(work, person)
    except people.LastOwner:
        return "This is the last owner with a password: until the link is used, no owner can sign in with one."
    return None


async def _link(work: UnitOfWork, settings: Settings, person: User) -> str:
    token = await OneTimeToken.issue(work, Purpose.RESET, user_id=person.id, email=person.email, data=BY_HAND)
    origin = public_origin(settings) or f"http://{settings.host}:{settings.port}"
    return f"{origin}{RESET}{token}"


async def _find(work: UnitOfWork, email: str) -> User:
    person = await work.session.scalar(select(User).where(User.email == email))
    if person is None:
        raise UserError(f"Nobody has an account with the address {email}.")
    return person


def _address(email: str) -> str:
    try:
        return normalise_email(email)
    except ValueError as error:
        raise UserError(str(error)) from error


def _hash(settings: Settings, password: str, email: str) -> str:
    if problem := problem_with(password, email):
        raise UserError(problem)
    with _hasher(settings) as hasher:
        return asyncio.run(hasher.hash(password))


@contextmanager
def _hasher(settings: Settings) -> Iterator[Hasher]:
    hasher = Hasher(settings)
    try:
        yield hasher
    finally:
        hasher.close()


def _write(
    settings: Settings,
    verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    async def run() -> T:
        database = Database(settings)
        await database.open()
        try:
            return await database.write(verb, *args, **kwargs)
        finally:
            await database.close()

    return asyncio.run(run())


async def _everybody(settings: Settings) -> list[dict[str, Any]]:
    database = Database(settings)
    await database.open()
    try:
        async with database.reading() as session:
            rows = await session.execute(
                select(User.email, User.name, User.role, STATE.label("state"), User.seen_at).order_by(User.email)
            )
            return [
                {
                    "email": email,
                    "name": name,
                    "role": role,
                    "state": state,
                    "seen_at": seen_at.isoformat(timespec="seconds") if seen_at else None,
                }
                for email, name, role, state, seen_at in rows
            ]
    finally:
        await database.close()
