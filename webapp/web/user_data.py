"""What belongs to a person besides the account: each feature describes, exports and removes its own data.

So the account and administration pages need to know no feature, and removing a feature leaves no gap.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import Extension


class UserData(Protocol):
    """One feature's part. `user_id` is the owner; the text is shown to them or to whoever manages them."""

    name: str  # such as "tables": its key in an export

    async def summary(self, user_id: int) -> list[str]:
        """What would be lost, such as "3 tables with 4,120 rows"; empty if there is nothing."""
        ...

    def export(self, user_id: int) -> AsyncIterator[dict[str, Any]]:
        """Yield the stored objects one by one. Called within a request, but read after it has ended."""
        ...

    async def remove(self, work: UnitOfWork, user_id: int) -> None:
        """Delete the data in this unit of work; anything outside the database goes after its commit."""
        ...


user_data: Extension[list[UserData]] = Extension("user_data", lambda app: [])


async def summarize_user_data(user_id: int) -> list[str]:
    """Everything a person would lose with the account."""
    return [line for part in user_data() for line in await part.summary(user_id)]


async def delete_user_data(work: UnitOfWork, user_id: int) -> None:
    """Delete all of it. The caller deletes the account itself."""
    for part in user_data():
        await part.remove(work, user_id)
