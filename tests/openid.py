"""A real OpenID provider in a process of its own, with its own pages, keys and checks: NanoIDP."""

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
    - {{client_id: rowcast, client_secret: a-secret-of-two, redirect_uris: ["{redirect_uri}"]}}
"""
USERS = """\
config_version: 1
users:
  eve: {password: a password there, email: eve@example.org, groups: [staff]}
  bob: {password: a password there, email: bob@example.org, groups: [leads]}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def openid_provider(folder: Path, redirect_uri: str) -> Iterator[str]:
    """Yield its issuer. It knows Eve and Bob, and one client: CLIENT, which must come from this address."""
    port = free_port()
    folder.mkdir()
    (folder / "settings.yaml").write_text(SETTINGS.format(port=port, redirect_uri=redirect_uri))
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
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError(f"The provider did not start:\n{log.read_text()}")
