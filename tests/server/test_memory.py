"""What a server that only shows pages must not load. Each of these takes megabytes, some half a second."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import SECRET_KEY
from tests.database import environment as folder_environment

LOADED_WHEN_NEEDED = {
    "aiosmtplib",  # loaded when a mail is sent
    "alembic",  # loaded when the database needs migrating
    "chardet",  # loaded when a file is not UTF-8
    "cryptography",  # loaded with the first secret that is encrypted
    "dbos",  # loaded when an import starts, or one is unfinished
    "fido2",  # loaded when a passkey is used
    "python_calamine",  # loaded when a workbook is read
    "re2",  # loaded with the first regular expression that somebody types
    "redis",  # loaded when processes share their counters
}
SHOW_PAGES = """
import asyncio, sys
import webapp.server
from settings import Settings

async def show():
    app = webapp.server.create_app(Settings(_env_file=None))
    async with app.test_app():
        for page in ("/", "/register"):
            assert (await app.test_client().get(page)).status_code == 200, page

asyncio.run(show())
print("Loaded:", *(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_heavy_modules_are_loaded_on_first_use(data_dir: Path) -> None:
    environment = {
        "PATH": os.defpath,
        **folder_environment(data_dir),
        "ROWCAST_ENVIRONMENT": "testing",
        "ROWCAST_SECRET_KEY": SECRET_KEY,
    }

    command = [sys.executable, "-c", SHOW_PAGES, *sorted(LOADED_WHEN_NEEDED)]
    loaded = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)

    assert loaded.returncode == 0, loaded.stderr.decode()
    assert loaded.stdout.decode().splitlines()[-1].split() == ["Loaded:"]
