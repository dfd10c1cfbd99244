"""Managing people from the command line: uses the same SQLite file as a running server, and its audit log."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from settings import Settings
from webapp.auth import RESET_PATH
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.hashing import Hasher
from webapp.models import Role, User, normalise_email
from webapp.models.accounts import people
from webapp.models.accounts.password import issue_reset_link, problem_with, reset_password
from webapp.models.accounts.people import OPERATOR, ActingUser
from webapp.models.accounts.people_query import people_with_state
from webapp.models.policy import ROLES_WITH_TWO_FACTORS
from webapp.web.hosts import public_origin

P = ParamSpec("P")
T = TypeVar("T")


async def add(settings: Settings, email: str, name: str, role: str | None, password: str | None) -> str | None:
    """Create an account; without a password, return a link to choose one. Raises `UserError`."""
    email = _normalise(email)
    password_hash = await _hash(settings, password, email) if password is not None else ""

    async def run(work: UnitOfWork) -> str | None:
        chosen = Role(role) if role else None
        person = await people.add_as_operator(work, email=email, name=name, role=chosen, password_hash=password_hash)
        return None if password_hash else await issue_reset_link(work, person)

    async with _open(settings) as database:
        return _link(settings, await database.write(run))


async def promote(settings: Settings, email: str, role: str) -> None:
    """Change a role, up or down. The last owner stays one."""
    async with _open(settings) as database:
        two_factors = ROLES_WITH_TWO_FACTORS[settings.second_factor]
        await database.write(_for_person, _normalise(email), people.change_role, Role(role), two_factors)


async def reset(settings: Settings, email: str, password: str | None, *, remove_second_factors: bool) -> str | None:
    """Set a password, or return a link to choose one. Either way the old one, sign-ins and API tokens end now."""
    email = _normalise(email)
    password_hash = await _hash(settings, password, email) if password is not None else None
    async with _open(settings) as database:
        token, is_last_owner = await database.write(
            _for_person, email, reset_password, password_hash, remove_second_factors=remove_second_factors
        )
    if is_last_owner:
        warning = "This is the last owner with a password: until the link is used, no owner can sign in with one."
        print(warning, file=sys.stderr, flush=True)  # keep it out of what programs read
    return _link(settings, token)


async def list_people(settings: Settings) -> list[dict[str, str | None]]:
    async with _open(settings) as database, database.reading() as session:
        return [
            {
                "email": person.email,
                "name": person.name,
                "role": person.role,
                "state": state,
                "seen_at": person.seen_at.isoformat(timespec="seconds") if person.seen_at else None,
            }
            for person, state in await people_with_state(session)
        ]


async def _for_person(
    work: UnitOfWork,
    email: str,
    verb: Callable[Concatenate[UnitOfWork, ActingUser, int, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    user_id = await work.session.scalar(User.id_by_email(email))
    if user_id is None:
        raise UserError(f"Nobody has an account with the address {email}.")
    return await verb(work, OPERATOR, user_id, *args, **kwargs)


def _link(settings: Settings, token: str | None) -> str | None:
    origin = public_origin(settings) or f"http://{settings.host}:{settings.port}"
    return None if token is None else f"{origin}{RESET_PATH.replace('<token>', token)}"


def _normalise(email: str) -> str:
    try:
        return normalise_email(email)
    except ValueError as error:
        raise UserError(str(error)) from error


async def _hash(settings: Settings, password: str, email: str) -> str:
    if problem := problem_with(password, email):
        raise UserError(problem)
    hasher = Hasher(settings)
    try:
        return await hasher.hash(password)
    finally:
        hasher.close()


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
