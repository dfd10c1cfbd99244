"""When and where people were seen last: noted by their requests, and written together.

After a restart thousands of pages connect within seconds, each with a sign-in that was not seen for a while. One write
for each would keep everybody's changes waiting for all of them.
"""

import asyncio

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork, in_one_run
from webapp.extensions import Extension, db
from webapp.models import Session
from webapp.models.accounts.audit import AuditSource


class LastSeen:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[int, tuple[int, AuditSource]] = {}  # by sign-in: the person, and where they were seen
        self._writing: asyncio.Task[None] | None = None  # that has not begun

    def note(self, session_id: int, user_id: int, source: AuditSource) -> None:
        """Written soon, together with what else is noted until the write has its turn."""
        self._noted[session_id] = user_id, source
        if self._writing is None or self._writing.done():  # it failed, say because the database was busy
            self._writing = self._database.write_soon(self._write)

    @in_one_run
    async def _write(self, work: UnitOfWork) -> None:
        self._writing, noted, self._noted = None, self._noted, {}
        await work.run(lambda connection: Session.touch(connection, noted))


last_seen = Extension("last_seen", lambda app: LastSeen(db.of(app)))
