"""What this machine gives the server, against what it needs; `rowcast doctor` prints one line for each.

Nothing is changed, and a running server is not disturbed: the data folder and its files are only looked at.
"""

import os
import platform
import re
import resource
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from settings import MIB, Settings
from webapp.db.system import Fitness
from webapp.db.systems import system_of

MIN_DESCRIPTORS = 4_096  # connections, files of imports and databases
MIN_PROCESSES = 256  # threads count too: those of the server, and a child for every import
MIN_MEMORY = 512 * MIB
MIN_FREE_DISK = 1024 * MIB
MIN_PYTHON = (3, 11)
CLOCK_TOLERANCE = 60  # seconds
UNLIMITED = 1 << 60  # bytes; a memory limit beyond is none (cgroup v1 has no word for it)
# File systems on which the locks and the shared memory of SQLite's write-ahead log do not work.
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "ceph", "glusterfs"}
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Check(Fitness):
    """Of whatever the server needs, as it is printed."""

    def __str__(self) -> str:
        line = f"{'ok' if self.is_good else 'PROBLEM':<9}{self.name:<14}{self.found}"
        return line if self.is_good else f"{line}\n{'':23}{self.advice}"


def checks(settings: Settings) -> Iterator[Check]:
    """In the order in which they are printed."""
    yield python()
    yield packages()
    yield descriptors(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield processes(_smallest_limit("pids", "pids.max"), resource.getrlimit(resource.RLIMIT_NPROC)[0])
    yield memory(_smallest_limit("memory", "memory.max", "memory.limit_in_bytes"), _installed_memory())
    system = system_of(settings)
    fitness = system.fitness()
    yield Check(fitness.name, fitness.found, fitness.advice)
    data = settings.data_dir.resolve()
    database = (system.file or data / "none").resolve()
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    # Any of these may be a link to another disk, and a setting puts the database elsewhere.
    for folder in dict.fromkeys(map(_existing, (data, database.parent, settings.imports_dir.resolve()))):
        yield disk(folder, shutil.disk_usage(folder).free)
        yield file_system(folder, mounts)
    yield rights(data, database)
    yield clock(data, time.time(), database)
    yield proxies(settings)


def python() -> Check:
    is_old = sys.version_info < MIN_PYTHON
    return Check("Python", platform.python_version(), "Install Python 3.11 or newer." if is_old else "")


def packages() -> Check:
    """Those that this version of Rowcast names as its own, whichever their versions."""
    named = [re.split(r"[^\w.-]", line)[0] for line in metadata.requires("rowcast") or () if "extra ==" not in line]
    missing, found = [], []
    for name in named:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", f"missing: {', '.join(missing)}", "Run bin/serve --help, which installs them.")
    shown = [line for line in found if line.split()[0].lower() in {"quart", "hypercorn", "sqlalchemy", "dbos"}]
    return Check("packages", f"{len(found)} installed: {', '.join(shown)}")


def descriptors(soft: int, hard: int) -> Check:
    """The hard limit counts: a process may raise its soft limit up to it."""
    highest = UNLIMITED if hard == resource.RLIM_INFINITY else hard
    advice = f"Allow {MIN_DESCRIPTORS:,}: LimitNOFILE= in the unit, `ulimits` in compose.yaml, or ulimit -Hn."
    return Check(
        "descriptors", f"{_number(soft)}, at most {_number(hard)}", "" if highest >= MIN_DESCRIPTORS else advice
    )


def processes(cgroup: int | None, account: int) -> Check:
    limits = [limit for limit in (cgroup, account) if limit is not None and limit != resource.RLIM_INFINITY]
    smallest = min(limits, default=None)
    advice = f"Allow {MIN_PROCESSES}: TasksMax= in the unit, `pids_limit` in compose.yaml, or ulimit -u."
    is_low = smallest is not None and smallest < MIN_PROCESSES
    return Check("processes", "no limit" if smallest is None else f"at most {smallest:,}", advice if is_low else "")


def memory(limit: int | None, installed: int) -> Check:
    usable = installed if limit is None else min(limit, installed)
    found = f"{usable // MIB:,} MiB" + ("" if limit is None else ", limited by the cgroup")
    advice = f"Give it {MIN_MEMORY // MIB} MiB or more: MemoryMax= in the unit, `mem_limit` in compose.yaml."
    return Check("memory", found, advice if usable < MIN_MEMORY else "")


def disk(folder: Path, free: int) -> Check:
    advice = f"Free {MIN_FREE_DISK // MIB:,} MiB or more: an import needs twice the size of its file."
    return Check("free disk", f"{free // MIB:,} MiB in {folder}", advice if free < MIN_FREE_DISK else "")


def file_system(folder: Path, mounts: str) -> Check:
    """`mounts` is the text of /proc/self/mounts."""
    kind = "unknown"
    deepest = -1
    for line in mounts.splitlines():
        _, point, candidate, *_ = line.split(" ")
        mounted = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point))
        if len(mounted.parts) >= deepest and folder.is_relative_to(mounted):
            deepest, kind = len(mounted.parts), candidate
    advice = "Keep the data folder on a disk of this machine: SQLite loses writes on a network file system."
    return Check("file system", kind, advice if kind in NETWORK_FILE_SYSTEMS else "")


def rights(folder: Path, database: Path | None = None) -> Check:
    if not folder.exists():
        parent = _existing(folder)
        advice = "" if os.access(parent, os.W_OK | os.X_OK) else f"Let this account write to {parent}."
        return Check("data folder", f"{folder} does not exist yet", advice)
    mode = stat.S_IMODE(folder.stat().st_mode)
    found = f"{folder}, mode {mode:04o}"
    unwritable = [path for path in (folder, *_files(folder, database)) if not os.access(path, os.R_OK | os.W_OK)]
    if unwritable:
        return Check("data folder", found, f"Run this as the server's account, or let it write to {unwritable[0]}.")
    return Check("data folder", found, f"Run chmod 700 {folder}: others can look into it." if mode & 0o077 else "")


def clock(folder: Path, now: float, database: Path | None = None) -> Check:
    """The files cannot be younger than now."""
    newest = max((path.stat().st_mtime for path in _files(folder, database)), default=0.0)
    found = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))} UTC"
    advice = f"Set it: the data is {newest - now:,.0f} s younger. Use a time service such as systemd-timesyncd."
    return Check("clock", found, advice if newest > now + CLOCK_TOLERANCE else "")


def proxies(settings: Settings) -> Check:
    found = f"ROWCAST_TRUSTED_PROXIES={settings.trusted_proxies}"
    if settings.trusted_proxies and settings.public_origin is None:
        return Check("proxy", found, "Set ROWCAST_PUBLIC_ORIGIN to the address people type.")
    if settings.is_tls and not settings.trusted_proxies:
        advice = "Set ROWCAST_TRUSTED_PROXIES to the number of proxies: else all strangers share one address."
        return Check("proxy", found, advice)
    return Check("proxy", found)


def _smallest_limit(controller: str, *names: str) -> int | None:
    """The smallest limit in the control group of this process and those above it, v2 or v1; None without one."""
    found = []
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = CGROUPS if (CGROUPS / "cgroup.controllers").exists() else CGROUPS / "unified"
        elif controller in controllers.split(","):
            root = CGROUPS / controllers
        else:
            continue
        inside = root / path.lstrip("/")
        folders = [inside, *inside.parents]
        found += [limit for folder in folders for name in names if (limit := _limit(folder / name)) is not None]
    return min(found, default=None)


def _limit(file: Path) -> int | None:
    with suppress(OSError, ValueError):
        limit = int(file.read_text(encoding="ascii"))  # "max" is no number
        return limit if limit < UNLIMITED else None
    return None


def _installed_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _files(folder: Path, database: Path | None) -> list[Path]:
    """Those that exist; the database with its folder if that is another one."""
    names = ("jobs.db", "secret_key", "imports")
    database = database or folder / "rowcast.db"
    beside = () if database.parent == folder else (database.parent,)
    files = (database, database.with_name(f"{database.name}-wal"), *beside, *(folder / name for name in names))
    return [path for path in files if path.exists()]


def _number(limit: int) -> str:
    return "no limit" if limit == resource.RLIM_INFINITY else f"{limit:,}"
