"""What repeated requests are told about people and invitations, and when that is forgotten: once these are gone."""

import hashlib

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import User
from webapp.models.idempotency import forget_outcome

PERSON = "person "


def person_subject(user: User) -> str:
    return f"{PERSON}{user.id}"


def person_id(subject: str) -> int:
    """The id in a `person_subject`."""
    return int(subject.removeprefix(PERSON))


def invitation_subject(email: str) -> str:
    """Without the address in clear."""
    return f"invitation {hashlib.sha256(email.encode()).hexdigest()}"


async def forget_invitation(work: UnitOfWork, email: str) -> None:
    await forget_outcome(work, invitation_subject(email))


async def forget_person(work: UnitOfWork, user: User) -> None:
    """Somebody may be added, invited or sign up with the same request again."""
    await forget_outcome(work, person_subject(user))
    await forget_invitation(work, user.email)
