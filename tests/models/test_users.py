"""People: one spelling per address, and one first owner."""

import asyncio

import pytest
from sqlalchemy import select, text

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models import EmailTaken, RegistrationClosed, Role, User, normalise_email


async def register(database: Database, email: str, *, is_open: bool = False) -> User:
    return await database.write(User.register, email=email, password_hash="x", is_open=is_open)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada@EXAMPLE.Org ", "ada@example.org"),
        ("ada@sheets.test", "ada@sheets.test"),
        ("ada@intranet", "ada@intranet"),
        ("ada+rows@example.org", "ada+rows@example.org"),
        ("ada@bücher.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("o\u0308@example.org", "ö@example.org"),  # composed and decomposed spellings are one address
    ],
)
def test_an_address_is_normalised_to_one_spelling(typed: str, kept: str) -> None:
    assert normalise_email(typed) == kept
    assert normalise_email(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a b@example.org",
        "ada@exa mple.org",
        "ada@a@b.org",
        "ada@ex\0.org",
        "ada@example.org\nbcc: x@y.org",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        "a" * 300 + "@example.org",
        "a" + "\u0315\u0300" * 64_000 + "@example.org",  # normalising it would take ten seconds
        "\u0430da@example.org",  # Cyrillic a
        "ada@ex\u0430mple.org",
        "\uff41da@example.org",  # full width
        "ad\u200ba@example.org",  # zero width space
    ],
)
def test_an_invalid_address_is_refused_with_a_message(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        normalise_email(typed)


async def test_the_first_person_becomes_the_owner_and_is_named_after_the_address(database: Database) -> None:
    user = await register(database, "ada@example.org")

    assert (user.role, user.name, user.is_active) == (Role.OWNER, "ada", True)
    assert user.created_at.utcoffset() is not None


async def test_later_people_are_members_if_registration_is_open(database: Database) -> None:
    await register(database, "ada@example.org")

    assert (await register(database, "grace@example.org", is_open=True)).role == Role.MEMBER
    with pytest.raises(RegistrationClosed):
        await register(database, "alan@example.org")


async def test_an_address_has_one_account(database: Database) -> None:
    await register(database, "ada@example.org")

    with pytest.raises(EmailTaken, match="Sign in instead"):
        await register(database, "ada@example.org", is_open=True)


async def test_of_many_concurrent_first_registrations_one_becomes_the_owner(database: Database) -> None:
    users = await asyncio.gather(*(register(database, f"p{n}@example.org", is_open=True) for n in range(10)))

    assert sorted(user.role for user in users) == [Role.MEMBER] * 9 + [Role.OWNER]


async def test_the_id_of_a_deleted_person_is_not_reused(database: Database) -> None:
    first = await register(database, "ada@example.org")

    async def delete(work: UnitOfWork) -> None:
        await work.session.execute(text("DELETE FROM users"))

    await database.write(delete)

    assert (await register(database, "grace@example.org")).id > first.id


async def test_a_deactivated_person_cannot_sign_in(database: Database) -> None:
    user = await register(database, "ada@example.org")

    async def deactivate(work: UnitOfWork) -> None:
        (await work.session.get_one(User, user.id)).is_active = False

    await database.write(deactivate)

    async with database.reading() as session:
        assert (await session.execute(User.active_by_email(user.email))).scalar_one_or_none() is None
        assert (await session.execute(select(User))).scalar_one().email == user.email
