"""Managing people: nobody manages a higher role, a server always has an owner, and every change is audited."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import (
    Actor,
    ApiToken,
    AuditEvent,
    AuditSource,
    EmailTaken,
    Event,
    OneTimeToken,
    Passkey,
    Purpose,
    Role,
    Scope,
    Session,
    User,
)
from webapp.models.accounts import people
from webapp.models.accounts.combined_changes import change_person
from webapp.models.accounts.last_owner import LastOwner
from webapp.models.accounts.people import OPERATOR, ActingUser, HasFactor
from webapp.models.errors import NotAllowed, NotFound

Verb = Callable[..., Awaitable[Any]]


class Outbox:
    """A mailer that sends nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []  # (template, recipient)

    async def send(self, work: UnitOfWork, /, template: str, recipient: str, **context: Any) -> None:
        self.sent.append((template, recipient))


async def add(database: Database, name: str, role: Role = Role.MEMBER, *, has_password: bool = True) -> User:
    email, password_hash = f"{name}@example.org", "x" if has_password else ""
    return await database.write(people.add_person, OPERATOR, email=email, role=role, password_hash=password_hash)


def manager(user: User) -> ActingUser:
    return ActingUser(
        Actor(user.id, user.email, user.name, user.role), AuditSource(user.id, user.email, "203.0.113.5", "Firefox")
    )


async def find(database: Database, user: User) -> User | None:
    async with database.reading() as session:
        return await session.get(User, user.id)


async def events(database: Database, event: Event) -> list[AuditEvent]:
    async with database.reading() as session:
        return list(await session.scalars(select(AuditEvent).where(AuditEvent.event == event)))


async def delete_nothing(work: UnitOfWork, user_id: int) -> None:
    """They have no other belongings."""


async def test_adding_a_person_is_audited(database: Database) -> None:
    ada = await add(database, "ada", Role.OWNER)
    eve = await database.write(people.add_person, manager(ada), email="eve@example.org", name=" Eve ")

    assert (eve.name, eve.role, eve.password_hash, eve.verified_at) == ("Eve", Role.MEMBER, "", None)
    by_line, by_ada = await events(database, Event.ADDED)
    assert (by_line.actor, by_line.actor_id, by_line.subject) == ("command line", None, "ada@example.org")
    assert (by_ada.actor, by_ada.actor_id, by_ada.subject_id, by_ada.address, by_ada.details) == (
        "ada@example.org",
        ada.id,
        eve.id,
        "203.0.113.5",
        {"role": "member"},
    )
    with pytest.raises(EmailTaken):
        await add(database, "eve")


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        (people.change_name, {"name": "x"}),
        (change_person, {"name": "x"}),
        (people.change_email, {"mailer": Outbox(), "email": "x@example.org"}),
        (people.change_role, {"role": Role.GUEST}),
        (people.activate, {}),
        (people.deactivate, {}),
        (people.end_sessions, {}),
        (people.remove_person, {"delete_user_data": delete_nothing}),
    ],
)
async def test_people_with_the_same_or_a_higher_role_cannot_be_managed(
    database: Database, verb: Verb, more: dict[str, Any]
) -> None:
    ada, bob, eve = [await add(database, name, role) for name, role in zip(("ada", "bob", "eve"), Role, strict=False)]
    for by, whom in ((bob, ada), (bob, await add(database, "bea", Role.ADMINISTRATOR)), (eve, bob), (eve, ada)):
        with pytest.raises(NotAllowed):
            await database.write(verb, by=manager(by), user_id=whom.id, **more)
    with pytest.raises(NotFound):
        await database.write(verb, by=manager(ada), user_id=999, **more)

    await database.write(verb, by=manager(bob), user_id=eve.id, **more)


async def test_a_role_is_granted_only_by_those_above_it(database: Database) -> None:
    ada, bob, eve = [await add(database, name, role) for name, role in zip(("ada", "bob", "eve"), Role, strict=False)]

    for role in (Role.OWNER, Role.ADMINISTRATOR):
        with pytest.raises(NotAllowed, match="below yours"):
            await database.write(people.change_role, manager(bob), eve.id, role)
        with pytest.raises(NotAllowed):
            await database.write(people.add_person, manager(bob), email="x@example.org", role=role)
    await database.write(people.change_role, manager(ada), eve.id, Role.ADMINISTRATOR)
    await database.write(people.change_role, manager(ada), eve.id, Role.ADMINISTRATOR)

    (event,) = await events(database, Event.ROLE_CHANGED)
    assert event.details == {"before": "member", "role": "administrator"}


async def test_people_cannot_manage_themselves(database: Database) -> None:
    ada = await add(database, "ada", Role.OWNER)
    await add(database, "bob", Role.OWNER)

    for verb, more in (
        (people.change_role, {"role": Role.MEMBER}),
        (people.deactivate, {}),
        (people.remove_person, {"delete_user_data": delete_nothing}),
        (people.end_sessions, {}),
        (people.change_email, {"mailer": Outbox(), "email": "x@example.org"}),
    ):
        with pytest.raises(NotAllowed):
            await database.write(verb, by=manager(ada), user_id=ada.id, **more)  # type: ignore[operator]
    await database.write(people.change_name, manager(ada), ada.id, "Ada")
    assert (await find(database, ada)).name == "Ada"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        (people.change_role, {"role": Role.ADMINISTRATOR}),
        (people.deactivate, {}),
        (people.remove_person, {"delete_user_data": delete_nothing}),
    ],
)
async def test_the_last_owner_cannot_be_demoted_deactivated_or_removed(
    database: Database, verb: Verb, more: dict[str, Any]
) -> None:
    ada = await add(database, "ada", Role.OWNER)
    bob = await add(database, "bob", Role.OWNER)
    invited = await add(database, "ian", Role.OWNER, has_password=False)
    gone = await add(database, "eve", Role.OWNER)
    await database.write(people.deactivate, OPERATOR, gone.id)

    await database.write(verb, manager(ada), bob.id, **more)
    with pytest.raises(LastOwner):
        await database.write(verb, OPERATOR, ada.id, **more)
    with pytest.raises(NotAllowed):
        await database.write(verb, manager(bob), ada.id, **more)  # no longer an owner

    await database.write(verb, OPERATOR, invited.id, **more)  # who could never sign in
    left = await find(database, ada)
    assert left is not None
    assert (left.role, left.is_active) == (Role.OWNER, True)


@pytest.mark.parametrize("verb", [people.deactivate, lambda *a: people.change_role(*a, Role.GUEST)])
async def test_two_owners_acting_on_each_other_at_once_leave_one_owner(database: Database, verb: Verb) -> None:
    ada, bob = await add(database, "ada", Role.OWNER), await add(database, "bob", Role.OWNER)

    said = await asyncio.gather(
        database.write(verb, manager(ada), bob.id),
        database.write(verb, manager(bob), ada.id),
        database.write(verb, OPERATOR, ada.id),
        return_exceptions=True,
    )

    assert sum(isinstance(one, UserError) for one in said) in (1, 2)  # in either order, if they do not take turns
    people_left = [await find(database, user) for user in (ada, bob)]
    assert sum(user is not None and user.is_active and user.role == Role.OWNER for user in people_left) == 1


async def test_deactivating_ends_sessions_tokens_and_links(database: Database) -> None:
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")

    async def prepare(work: UnitOfWork) -> str:
        for _ in range(2):
            await Session.start(work, eve.id, AuditSource(None, "", "203.0.113.9", "Firefox"), remembered=False)
        await ApiToken.issue(work, eve.id, name="t", scope=Scope.READ, expires_at=None)
        return await OneTimeToken.issue(work, Purpose.RESET, user_id=eve.id)

    reset = await database.write(prepare)
    for _ in range(2):
        await database.write(people.deactivate, manager(ada), eve.id)

    async with database.reading() as session:
        assert not list(await session.scalars(select(Session).where(Session.revoked_at.is_(None))))
        assert not list(await session.scalars(select(ApiToken).where(ApiToken.revoked_at.is_(None))))
        assert await session.scalar(OneTimeToken.usable(Purpose.RESET, reset)) is None
    (event,) = await events(database, Event.DEACTIVATED)
    assert event.details == {"sessions": 2}

    await database.write(people.activate, manager(ada), eve.id)
    assert (await find(database, eve)).is_active  # type: ignore[union-attr]
    assert len(await events(database, Event.ACTIVATED)) == 1


async def test_a_promotion_ends_sessions_tokens_and_links(database: Database) -> None:
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")

    async def prepare(work: UnitOfWork) -> str:
        await Session.start(work, eve.id, AuditSource(None, "", "203.0.113.9", "Firefox"), remembered=False)
        await ApiToken.issue(work, eve.id, name="t", scope=Scope.ADMIN, expires_at=None)
        return await OneTimeToken.issue(work, Purpose.RESET, user_id=eve.id)

    async def left(reset: str) -> list[bool]:
        async with database.reading() as session:
            return [
                await session.scalar(statement) is not None
                for statement in (
                    select(Session.id).where(Session.revoked_at.is_(None)),
                    select(ApiToken.id).where(ApiToken.revoked_at.is_(None)),
                    OneTimeToken.usable(Purpose.RESET, reset),
                )
            ]

    reset = await database.write(prepare)
    await database.write(people.change_role, manager(ada), eve.id, Role.GUEST)
    assert await left(reset) == [True] * 3
    await database.write(people.change_role, manager(ada), eve.id, Role.ADMINISTRATOR)
    assert await left(reset) == [False] * 3


async def test_ending_sessions_returns_their_number(database: Database) -> None:
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")
    for _ in range(3):
        await database.write(Session.start, eve.id, AuditSource(None, "", "", "Firefox"), remembered=True)

    assert await database.write(people.end_sessions, manager(ada), eve.id) == 3
    assert await database.write(people.end_sessions, manager(ada), eve.id) == 0
    assert len(await events(database, Event.ALL_SIGNED_OUT)) == 1


async def test_a_new_address_is_unverified_and_links_to_the_old_one_stop_working(database: Database) -> None:
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")
    reset, outbox = await database.write(OneTimeToken.issue, Purpose.RESET, user_id=eve.id), Outbox()

    with pytest.raises(EmailTaken):
        await database.write(people.change_email, manager(ada), outbox, eve.id, ada.email)
    changed = await database.write(people.change_email, manager(ada), outbox, eve.id, "eva@example.org")

    assert (changed.email, changed.verified_at) == ("eva@example.org", None)
    assert outbox.sent == [("email_changed", "eve@example.org")]
    async with database.reading() as session:
        assert await session.scalar(OneTimeToken.usable(Purpose.RESET, reset)) is None
    (event,) = await events(database, Event.EMAIL_CHANGED)
    assert (event.subject, event.details) == ("eva@example.org", {"before": "eve@example.org"})


@pytest.mark.parametrize("factor", ["app", "passkey"])
async def test_the_address_of_a_person_with_a_second_factor_or_passkey_cannot_be_changed(
    database: Database, factor: str
) -> None:
    """A reset at an unverified address would remove it."""
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")

    async def protect(work: UnitOfWork) -> None:
        if factor == "app":
            (await work.session.get_one(User, eve.id)).totp_secret = "sealed"
        else:
            work.session.add(Passkey(user_id=eve.id, name="k", credential_id=b"x", credential=b"y"))

    await database.write(protect)
    with pytest.raises(HasFactor):
        await database.write(people.change_email, manager(ada), Outbox(), eve.id, "eva@example.org")
    await database.write(people.change_name, manager(ada), eve.id, "Eva")
    changed = await database.write(people.change_email, manager(ada), Outbox(), eve.id, "eve@example.org")

    assert (changed.email, changed.name) == ("eve@example.org", "Eva")


async def test_removing_a_person_deletes_their_data_and_keeps_the_audit_log(database: Database) -> None:
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")
    said: list[int] = []

    async def delete(work: UnitOfWork, user_id: int) -> None:
        said.append(user_id)

    await database.write(Session.start, eve.id, AuditSource(None, "", "", "Firefox"), remembered=True)
    await database.write(people.remove_person, manager(ada), eve.id, delete)

    assert (said, await find(database, eve)) == ([eve.id], None)
    (event,) = await events(database, Event.REMOVED)
    assert (event.subject, event.subject_id) == ("eve@example.org", eve.id)


async def test_a_removal_that_fails_changes_nothing(database: Database) -> None:
    ada, eve = await add(database, "ada", Role.OWNER), await add(database, "eve")

    async def delete(work: UnitOfWork, user_id: int) -> None:
        raise UserError("A table is still coming in.")

    with pytest.raises(UserError):
        await database.write(people.remove_person, manager(ada), eve.id, delete)

    assert await find(database, eve) is not None
    assert await events(database, Event.REMOVED) == []
