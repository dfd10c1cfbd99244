"""The next application starts by removing the tables: one folder, one line."""

import shutil
import subprocess
import sys
from pathlib import Path

from quart.testing import QuartClient

from tests.helpers import sign_up

ROOT = Path(__file__).parents[2]
PARTS = ("settings.py", "asgi.py", "pyproject.toml", ".env.example", "static", "webapp", "tests")
# What must still hold there without tables.
REST = (
    "tests/http/auth/test_registrations.py",
    "tests/db/test_keys.py",
    "tests/policy/test_next_application.py::test_a_new_person_starts_at_the_dashboard",
)


def test_the_application_works_without_the_tables_feature(tmp_path: Path) -> None:
    for name in PARTS:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tmp_path / name)
    shutil.rmtree(tmp_path / "webapp" / "tables")
    factory = tmp_path / "webapp" / "__init__.py"
    lines = factory.read_text().splitlines(keepends=True)
    rest = [line for line in lines if not line.startswith('    "tables",')]
    assert len(rest) == len(lines) - 1
    factory.write_text("".join(rest))

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *REST]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)

    assert ended.returncode == 0, ended.stdout.decode() + ended.stderr.decode()


async def test_a_new_person_starts_at_the_dashboard(client: QuartClient) -> None:
    answer = await sign_up(client)
    assert answer.headers["Location"] == "/dashboard"

    page = await client.get("/dashboard")
    assert page.status_code == 200
    assert "<h1" in await page.get_data(as_text=True)
