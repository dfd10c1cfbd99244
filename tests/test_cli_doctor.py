"""`rowcast doctor`: what a machine gives, and what to do where it is too little."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from settings import MIB, Settings
from tests.conftest import SECRET_KEY, make_settings
from tests.database import environment as folder_environment
from webapp.cli import doctor
from webapp.cli.doctor import Check
from webapp.db.sqlite_build import SqliteBuild, fitness

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /srv/our\\040data nfs4 rw 0 0
tmpfs /srv/our\\040data/fast tmpfs rw 0 0
"""


def run(data_dir: Path, limit: Any = None, **more: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; `limit` runs in it first."""
    program = str(Path(sys.executable).parent / "rowcast")
    settings = {"ROWCAST_ENVIRONMENT": "testing", "ROWCAST_SECRET_KEY": SECRET_KEY, **folder_environment(data_dir)}
    environment = {"PATH": os.environ["PATH"], **settings, **more}
    return subprocess.run(
        [program, "doctor"], env=environment, cwd=data_dir, preexec_fn=limit, capture_output=True, text=True, timeout=60
    )


def problems(ended: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("PROBLEM")]


def test_each_line_names_what_was_found(data_dir: Path) -> None:
    data_dir.chmod(0o700)

    ended = run(data_dir)

    names = [line[9:23].strip() for line in ended.stdout.splitlines() if not line.startswith(" ")]
    assert names == [
        "Python", "packages", "descriptors", "processes", "memory", "SQLite", "free disk", "file system", "data folder",
        "clock", "proxy",
    ]  # fmt: skip
    assert (ended.returncode, ended.stderr) == (int(bool(problems(ended))), "")
    assert "data" not in problems(ended)


def test_too_few_descriptors_end_with_1_and_say_what_to_do(data_dir: Path) -> None:
    ended = run(data_dir, limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))

    assert ended.returncode == 1
    assert "descriptors" in problems(ended)
    assert "LimitNOFILE=" in ended.stdout


def test_a_data_folder_that_others_can_read_is_a_problem(data_dir: Path) -> None:
    data_dir.chmod(0o755)

    assert f"Run chmod 700 {data_dir}" in run(data_dir).stdout


def test_a_clock_behind_the_data_is_a_problem(data_dir: Path) -> None:
    tomorrow = time.time() + 86_400
    os.utime(data_dir / "rowcast.db", (tomorrow, tomorrow))

    assert "clock" in problems(run(data_dir))


def test_a_database_elsewhere_is_looked_at_there(data_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "rows.db").touch()
    tomorrow = time.time() + 86_400
    os.utime(elsewhere / "rows.db", (tomorrow, tomorrow))

    ended = run(data_dir, ROWCAST_DATABASE_URL=f"sqlite+aiosqlite:///{elsewhere}/rows.db")

    assert f"MiB in {elsewhere}\n" in ended.stdout
    assert "clock" in problems(ended)


def test_a_data_folder_that_is_a_link_is_looked_at_where_it_leads(data_dir: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(data_dir)
    data_dir.chmod(0o755)

    said = run(data_dir, ROWCAST_DATA_DIR=str(link)).stdout

    assert f"MiB in {data_dir}\n" in said
    assert f"Run chmod 700 {data_dir}:" in said


def test_tls_without_a_trusted_proxy_is_a_problem(data_dir: Path) -> None:
    origin = {"ROWCAST_PUBLIC_ORIGIN": "https://rows.example.org"}

    assert "proxy" in problems(run(data_dir, **origin))
    assert "proxy" not in problems(run(data_dir, **origin, ROWCAST_TRUSTED_PROXIES="1"))


def test_a_data_folder_that_is_still_to_be_created_is_no_problem(tmp_path: Path) -> None:
    assert doctor.rights(tmp_path / "not" / "yet").is_good
    assert doctor.clock(tmp_path / "not" / "yet", 0.0).is_good


@pytest.mark.parametrize(
    ("folder", "kind", "is_good"),
    [
        ("/srv/data", "ext4", True),
        ("/srv/our data/rowcast", "nfs4", False),
        ("/srv/our data/fast/rowcast", "tmpfs", True),
    ],
)
def test_a_network_file_system_is_a_problem(folder: str, kind: str, is_good: bool) -> None:
    check = doctor.file_system(Path(folder), MOUNTS)

    assert (check.found, check.is_good) == (kind, is_good)


@pytest.mark.parametrize(
    ("check", "is_good"),
    [
        (doctor.memory(None, 2048 * MIB), True),
        (doctor.memory(256 * MIB, 2048 * MIB), False),
        (doctor.memory(4096 * MIB, 256 * MIB), False),
        (doctor.processes(None, resource.RLIM_INFINITY), True),
        (doctor.processes(100, resource.RLIM_INFINITY), False),
        (doctor.processes(None, 100), False),
        (doctor.disk(Path("/srv"), 10 * MIB), False),
        (doctor.disk(Path("/srv"), 4096 * MIB), True),
        (doctor.descriptors(1024, resource.RLIM_INFINITY), True),
        (fitness(SqliteBuild((3, 40, 1), frozenset({"ENABLE_FTS5", "THREADSAFE=1"}), 2000)), True),
        (fitness(SqliteBuild((3, 31, 0), frozenset({"ENABLE_FTS5"}), 2000)), False),
        (fitness(SqliteBuild((3, 40, 1), frozenset(), 2000)), False),
        (fitness(SqliteBuild((3, 40, 1), frozenset({"ENABLE_FTS5", "THREADSAFE=0"}), 2000)), False),
        (fitness(SqliteBuild((3, 40, 1), frozenset({"ENABLE_FTS5"}), 1000)), False),
    ],
)
def test_too_little_is_a_problem(check: Check, is_good: bool) -> None:
    assert check.is_good is is_good


def test_the_smallest_limit_of_a_control_group_and_those_above_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    monkeypatch.setattr(doctor, "CGROUPS", tmp_path)
    (tmp_path / "cgroup.controllers").touch()
    for path in own:
        (tmp_path / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (tmp_path / path.lstrip("/") / "memory.max").write_text("max\n")
    assert doctor._smallest_limit("memory", "memory.max") is None

    (tmp_path / "memory.max").write_text(f"{300 * MIB}\n")

    assert doctor._smallest_limit("memory", "memory.max") == 300 * MIB


def test_a_proxy_needs_a_public_origin(settings: Settings) -> None:
    assert not doctor.proxies(make_settings(settings.data_dir, trusted_proxies=1)).is_good
