"""A PostgreSQL server for measurements: the one of the tests, with its writes on the disk and settings as people use."""

import os
import shutil
from pathlib import Path
from types import TracebackType

from tests import postgresql

# As docs/operations.md advises, for a machine of which PostgreSQL has a few gigabytes.
SETTINGS = {
    "shared_buffers": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "4GB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "listen_addresses": "",
    "lc_messages": "C",
}


class Postgresql:
    """Runs until the end of the block; its databases are lost with `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> "Postgresql":
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        account = postgresql.account()
        binaries = postgresql.binaries(self.folder, account)
        os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._server = postgresql.PostgresServer(str(self.folder))
        self._process = postgresql.serve(self.folder, binaries, account, SETTINGS)
        postgresql.prepare(self._server, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._process.terminate()
        self._process.wait(60)

    def make(self, name: str) -> str:
        """The address, as Rowcast is given it, of a new empty database."""
        self._server.drop_database(name)
        self._server.execute(f'CREATE DATABASE "{name}" TEMPLATE {postgresql.EMPTY}')
        return postgresql.sqlalchemy_url(self._server.url(name))
