"""A real OpenID provider in a process of its own, with its own pages, keys and checks: NanoIDP."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.servers import PATIENCE

CLIENT = {"oidc_client_id": "rowcast", "oidc_client_secret": "a-secret-of-two"}
PASSWORD = "a password there"
SETTINGS = """\
config_version: 1
server: {{host: 127.0.0.1, port: {port}}}
oauth:
  issuer: http://127.0.0.1:{port}
  audience: another-application
  require_pkce: true
  clients:
    - {{client_id: rowcast, client_secret: a-secret-of-two, redirect_uris: {redirect_uris}}}
"""
GROUPS = {
    "eve": "staff",
    "bob": "leads",
    "ann": "staff",
    "ben": "staff",
    "cyd": "staff",
    "dan": "staff",
    "ivy": "staff",
}
USERS = "config_version: 1\nusers:\n" + "".join(
    f"  {name}: {{password: {PASSWORD}, email: {name}@example.org, groups: [{group}]}}\n"
    for name, group in GROUPS.items()
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def openid_provider(folder: Path, *redirect_uris: str) -> Iterator[str]:
    """Yield its issuer. It knows the people of GROUPS, and one client: CLIENT, which must come from these addresses."""
    port = free_port()
    folder.mkdir()
    (folder / "settings.yaml").write_text(SETTINGS.format(port=port, redirect_uris=json.dumps(redirect_uris)))
    (folder / "users.yaml").write_text(USERS)
    command = [sys.executable, "-m", "nanoidp", "--config", str(folder), "--port", str(port), "--strict-config"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/.well-known/openid-configuration", folder / "log", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def sign_in_there(browser: httpx.Client, url: str, username: str) -> str:
    """Fill in the provider's form as a person does: the address that it sends the browser back to."""
    page = browser.get(url)
    page.raise_for_status()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    answer = browser.post(url, data=hidden | {"username": username, "password": PASSWORD})
    assert answer.is_redirect, answer.text
    return answer.headers["Location"]


def _wait(url: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client() as client:  # one for all tries: each reads the certificates anew
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.get(url).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
    raise AssertionError(f"The provider did not start:\n{log.read_text()}")
