"""Requests that create something, remembered for a day, so that sending one again finds the first one's result.

A form carries a random key made when its page was rendered, a program sends `Idempotency-Key`
(draft-ietf-httpapi-idempotency-key-header). The key is stored in the unit of work of what it created: neither exists
without the other, and of several requests at once the writer's turn decides which one is first.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, ForeignKey, Index, SQLColumnExpression, delete, exists, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.errors import UserError
from webapp.db.turns import runs_verb
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import Base, utc_now

MAX_AGE = timedelta(days=1)
MAX_KEYS = 1_000  # of each person, and of all strangers together; the oldest go first

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Tells a request from others. `fingerprint` is of what was sent, without secrets. A form's key has it as a part:
    other content is another request. A program that sends other content with its key is told so (`KeyReused`).
    """

    owner_id: int | None
    operation: str
    key: str
    fingerprint: str

    @property
    def hash(self) -> str:
        """Nobody else's key is found, whatever it is."""
        return hashlib.sha256(f"{self.owner_id}\n{self.operation}\n{self.key}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a repeat leads: the page that shows what was created, what is said there, and its id. Several things that
    were created have their ids on a line each.
    """

    url: str = ""
    message: str = ""
    subject: str = ""


class AlreadyDone(UserError):
    """This very request has been carried out before."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.message or "This was done already.")


class KeyReused(UserError):
    """By a program: a form's key is never that of other content."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent with other content before. Nothing was changed; use a new key.")


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_owner_id", "owner_id", "created_at"),)

    hash: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str]
    message: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


@runs_verb(2)
async def once(
    work: UnitOfWork,
    key: RequestKey | None,
    outcome: Callable[[T], Outcome],
    verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run the verb, unless a request with this key has; without a key, run it. `outcome` is of the verb's result.

    Raises `AlreadyDone` with the first one's outcome, and `KeyReused`.
    """
    if key is None:
        return await verb(work, *args, **kwargs)
    await ensure_first(work.session, key)
    result = await verb(work, *args, **kwargs)
    await work.session.flush()
    await _make_room(work, key)
    found = outcome(result)
    work.session.add(
        IdempotencyKey(
            hash=key.hash,
            fingerprint=key.fingerprint,
            owner_id=key.owner_id,
            url=found.url,
            message=found.message,
            subject=found.subject,
        )
    )
    return result


async def ensure_first(session: AsyncSession, key: RequestKey | None) -> None:
    """Raises `AlreadyDone` and `KeyReused`."""
    if key is None:
        return
    is_recent = IdempotencyKey.created_at > utc_now() - MAX_AGE
    known = await session.scalar(select(IdempotencyKey).where(IdempotencyKey.hash == key.hash, is_recent))
    if known is None:
        return
    if known.fingerprint != key.fingerprint:
        raise KeyReused
    raise AlreadyDone(Outcome(known.url, known.message, known.subject))


def is_remembered(subject: SQLColumnExpression[str]) -> ColumnElement[bool]:
    """Whether a repeat of the request that created the subject is led to it."""
    is_recent = IdempotencyKey.created_at > utc_now() - MAX_AGE
    return exists().where(IdempotencyKey.subject == subject, is_recent)


async def forget_outcome(work: UnitOfWork, subject: str) -> None:
    """What was created is gone, if only one of several things: sending the request again creates it anew."""
    lines = literal("\n") + IdempotencyKey.subject + "\n"
    is_among = lines.contains(f"\n{subject}\n", autoescape=True)
    await work.session.execute(delete(IdempotencyKey).where(is_among))


async def _make_room(work: UnitOfWork, key: RequestKey) -> None:
    """For this one: where the same key is too old to count, and beyond the newest `MAX_KEYS` of its owner."""
    await work.session.execute(delete(IdempotencyKey).where(IdempotencyKey.hash == key.hash))
    theirs = IdempotencyKey.owner_id.is_not_distinct_from(key.owner_id)
    newest = select(IdempotencyKey.hash).where(theirs).order_by(IdempotencyKey.created_at.desc()).limit(MAX_KEYS - 1)
    await work.session.execute(delete(IdempotencyKey).where(theirs, IdempotencyKey.hash.not_in(newest)))
