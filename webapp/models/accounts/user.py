"""A person who can sign in."""

import hashlib
import unicodedata
from datetime import datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Select, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.names import one_line
from webapp.models.policy import Actor, Role

MAX_NAME = 200  # characters
MAX_EMAIL = 320  # characters: 64, the @ and 255 (RFC 5321, 4.5.3.1)
# Alphabets whose letters look alike, by Unicode name. No real word mixes two of them.
LOOKALIKE_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}


class EmailTaken(UserError):
    def __init__(self) -> None:
        super().__init__("There is already an account with this address. Sign in instead.")


class ChangedMeanwhile(UserError):
    def __init__(self) -> None:
        super().__init__("Something about this account has changed just now. Please sign in again.")


class RegistrationClosed(UserError):
    def __init__(self) -> None:
        super().__init__("Registration is closed. Ask the owner for one.")


class User(Base):
    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)  # ids are never reused

    id: Mapped[int] = mapped_column(primary_key=True)
    # Normalised by `normalise_email`.
    email: Mapped[str] = mapped_column(unique=True, index=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default=Role.MEMBER)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When the address was confirmed.
    verified_at: Mapped[datetime | None]
    # Last activity, accurate to `session.touch_interval`.
    seen_at: Mapped[datetime | None] = mapped_column(index=True)
    time_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    number_style: Mapped[str] = mapped_column(default="comma", server_default="comma")
    # The secret shared with an authenticator app, encrypted; None: no second factor.
    totp_secret: Mapped[str | None]
    # When it was turned on; None also where that was before this was recorded.
    totp_added_at: Mapped[datetime | None]
    # The time step of the last used code: each code is valid once (RFC 6238, 5.2).
    totp_step: Mapped[int] = mapped_column(default=0, server_default="0")

    @property
    def credentials_version(self) -> str:
        """Changes with the password and with the second factor; reveals nothing about either."""
        return hashlib.sha256(f"{self.password_hash} {self.totp_secret}".encode()).hexdigest()[:16]

    @classmethod
    async def find(cls, session: AsyncSession, user_id: int) -> "User":
        """Raises `NotFound`: an account may have been deleted since the request began."""
        user = await session.get(cls, user_id)
        if user is None:
            raise NotFound("account")
        return user

    @classmethod
    def active_by_email(cls, email: str) -> Select["User"]:
        return select(cls).where(cls.email == email, cls.is_active)

    @classmethod
    def id_by_email(cls, email: str) -> Select[int]:
        return select(cls.id).where(cls.email == email)

    @classmethod
    def any_exist(cls) -> Select[bool]:
        """Whether there is any account yet."""
        return select(exists(select(cls.id)))

    @classmethod
    async def register(cls, work: UnitOfWork, *, email: str, password_hash: str, is_open: bool) -> "User":
        """The first person becomes the owner; later ones are members, if registration `is_open`.

        Raises `RegistrationClosed` and `EmailTaken`. The write lock guarantees that only one person is first.
        """
        is_first = not await work.session.scalar(cls.any_exist())
        if not (is_first or is_open):
            raise RegistrationClosed
        role = Role.OWNER if is_first else Role.MEMBER
        # The first person runs the server, so their address needs no confirmation.
        return await cls.create(work, email=email, password_hash=password_hash, role=role, is_verified=is_first)

    @classmethod
    async def create(
        cls, work: UnitOfWork, *, email: str, password_hash: str, role: Role, is_verified: bool, name: str = ""
    ) -> "User":
        """Without a name they are called what their address begins with. Raises `EmailTaken`."""
        user = cls(
            email=email,
            name=one_line(name)[:MAX_NAME] or email.partition("@")[0],
            password_hash=password_hash,
            role=role,
            verified_at=utc_now() if is_verified else None,
        )
        work.session.add(user)
        await user.flush_email(work)
        return user

    async def flush_email(self, work: UnitOfWork) -> None:
        """Raises `EmailTaken`: the UNIQUE constraint decides who was first."""
        try:
            await work.session.flush()
        except IntegrityError as error:
            raise EmailTaken from error

    @classmethod
    async def rehash(cls, work: UnitOfWork, user_id: int, old_hash: str, password_hash: str) -> bool:
        """Store a hash of the same password at today's cost; False if `old_hash` has been replaced."""
        rehashed = (
            update(cls).where(cls.id == user_id, cls.password_hash == old_hash).values(password_hash=password_hash)
        )
        return await work.session.scalar(rehashed.returning(cls.id)) is not None

    @classmethod
    async def ensure_unchanged(cls, work: UnitOfWork, known: "User") -> "User":
        """Under the write lock: the row that was `known` when they proved who they are, if the proof still counts.

        Verifying takes a while; a new password or a deactivation in between also ends a sign-in in progress. Raises
        `ChangedMeanwhile`.
        """
        user = await work.session.get(cls, known.id)
        if user is None or not user.is_active or user.password_hash != known.password_hash:
            raise ChangedMeanwhile
        return user


# The columns of an `Actor`, for the statements that every request runs.
ACTOR_COLUMNS = (User.id, User.email, User.name, User.role, User.verified_at, User.time_zone, User.number_style)


def actor_from(row: Any, **extra: Any) -> Actor:
    """`row` has `ACTOR_COLUMNS`; `extra` is what the sign-in or the token adds."""
    return Actor(
        id=row.id,
        email=row.email,
        name=row.name,
        role=row.role,
        is_verified=row.verified_at is not None,
        time_zone=row.time_zone,
        number_style=row.number_style,
        **extra,
    )


def normalise_email(address: str) -> str:
    """The spelling in which addresses are stored and looked up. Raises ValueError with a readable message.

    The part before the @ is lower-cased too: providers that distinguish `Ada@` from `ada@` hardly exist, but people
    type both. The length is checked before normalising, because composing very many combining marks takes seconds.
    """
    if len(address) > MAX_EMAIL:
        raise ValueError("This e-mail address is too long.")
    try:
        result = validate_email(
            address.strip(), check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    if any(_is_disguised(part) for part in (result.local_part, *result.domain.split("."))):
        raise ValueError("This address mixes letters that look alike. Type it by hand, in one alphabet.")
    return result.normalized.lower()


def _is_disguised(part: str) -> bool:
    """Whether it could pass for another address: mixed look-alike alphabets, or full-width letters."""
    alphabets = {unicodedata.name(letter, "").partition(" ")[0] for letter in part if letter.isalpha()}
    return len(alphabets & LOOKALIKE_ALPHABETS) > 1 or unicodedata.normalize("NFKC", part) != part
