"""The unit of work: what one write changes, and whom to tell once it is committed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

log = logging.getLogger(__name__)


@dataclass(slots=True)
class UnitOfWork:
    """One transaction. A verb changes things through `session` and says with `after_commit` what follows."""

    session: AsyncSession
    _after: list[Callable[[], None]] = field(default_factory=list)

    def after_commit(self, call: Callable[[], None]) -> None:
        """`call` runs once the commit has succeeded, and never otherwise; it must not block."""
        self._after.append(call)

    def publish_all(self) -> None:
        """One notice that fails keeps no other from being given: what is committed is committed."""
        for call in self._after:
            try:
                call()
            except Exception:
                log.exception("A notice after a commit failed")
