"""Several changes to people in one unit of work, and changes to a person who must not have changed meanwhile."""

import hashlib
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.people import (
    ActingUser,
    activate,
    change_name,
    change_role,
    deactivate,
    get_manageable_user,
)
from webapp.models.accounts.user import User
from webapp.models.errors import VersionMismatch
from webapp.models.policy import Role

P = ParamSpec("P")
T = TypeVar("T")
PersonVerb = Callable[[UnitOfWork, ActingUser, int], Awaitable[Any]]  # `activate`, `deactivate`, `end_sessions`


async def apply_to_each(
    work: UnitOfWork, by: ActingUser, verb: PersonVerb, user_ids: Sequence[int]
) -> tuple[int, list[tuple[str, str]]]:
    """Apply the verb to everybody who still exists. One that refuses has changed nothing, so the rest go on.

    Return how many it was applied to, and the address of everybody else with the reason.
    """
    changed, refused = 0, []
    needed = [*user_ids, by.actor.id] if by.actor else user_ids
    # Read at once, and held until the end: the session finds them without another query.
    people = {user.id: user for user in await work.session.scalars(select(User).where(User.id.in_(needed)))}
    for person in [people[user_id] for user_id in user_ids if user_id in people]:
        try:
            await verb(work, by, person.id)
            changed += 1
        except UserError as error:
            refused.append((person.email, str(error)))
    return changed, refused


async def change_person(
    work: UnitOfWork,
    by: ActingUser,
    user_id: int,
    name: str | None = None,
    role: Role | None = None,
    is_active: bool | None = None,
    two_factors: Container[Role] = (),
) -> User:
    """Change what is not None, all of it or nothing. `two_factors` is as for `change_role`."""
    person = await get_manageable_user(work, by, user_id)
    if name is not None:
        await change_name(work, by, user_id, name)
    if role is not None:
        await change_role(work, by, user_id, role, two_factors)
    if is_active is not None:
        await (activate if is_active else deactivate)(work, by, user_id)
    return person


async def if_version(
    work: UnitOfWork,
    by: ActingUser,
    user_id: int,
    versions: Container[str] | None,
    verb: Callable[Concatenate[UnitOfWork, ActingUser, int, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Apply the verb if the person is in one of these versions (see `version_of`), or anyhow with None.

    Under the write lock nobody can be faster. Raises `VersionMismatch`.
    """
    person = await get_manageable_user(work, by, user_id)
    if versions is not None and version_of(person) not in versions:
        raise VersionMismatch
    return await verb(work, by, user_id, *args, **kwargs)


def version_of(person: User) -> str:
    """Changes with everything that can be changed, but not with the last activity."""
    state = (person.id, person.email, person.name, str(person.role), person.is_active, person.verified_at)
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]
