"""The unit of work: what one write changes, and whom to notify once it is committed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

log = logging.getLogger(__name__)


@dataclass(slots=True)
class UnitOfWork:
    """One transaction. A verb (a function that makes a change) uses `session` and registers follow-ups with
    `after_commit`.
    """

    session: AsyncSession
    _after: list[Callable[[], None]] = field(default_factory=list)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once the commit has succeeded, and never otherwise; it must not block."""
        self._after.append(call)

    def publish_all(self) -> None:
        """Run every follow-up, even if another one fails: the commit has already happened."""
        for call in self._after:
            try:
                call()
            except Exception:
                log.exception("A notice after a commit failed")
