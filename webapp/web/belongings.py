"""What belongs to a person besides the account: each feature says what it keeps, hands it over, and takes it away.

So the pages of an account and of the administration know no feature, and a feature that is taken out leaves no gap.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from quart import Quart

from settings import Settings
from webapp.data.uow import UnitOfWork
from webapp.extensions import Extension


class Belongings(Protocol):
    """One feature's part. `user_id` is whose it is; what is told is for that person or who manages them."""

    name: str  # such as "tables": its key in an export

    async def words(self, user_id: int) -> list[str]:
        """What would be lost, as in "3 tables with 4,120 rows"; nothing when there is nothing."""
        ...

    def export(self, user_id: int) -> AsyncIterator[dict[str, Any]]:
        """What is kept, one thing after the other. Called in a request, read when that is over."""
        ...

    async def remove(self, work: UnitOfWork, user_id: int) -> None:
        """Take it away in this unit of work; what is no part of the database after its commit."""
        ...


belongings: Extension[list[Belongings]] = Extension("belongings", lambda settings: [])


def init_app(app: Quart, settings: Settings) -> None:
    belongings.init_app(app, settings)


async def words_of(user_id: int) -> list[str]:
    """All that a person would lose with the account."""
    return [words for part in belongings() for words in await part.words(user_id)]


async def farewell(work: UnitOfWork, user_id: int) -> None:
    """Take away all of it. The account itself is whose verb this is called from."""
    for part in belongings():
        await part.remove(work, user_id)
