"""Neither the log of a real server at its most verbose nor its audit log contains a secret."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.conftest import make_settings
from tests.database import FILE, rows
from tests.helpers import ADA, GRACE, PASSWORD
from tests.servers import Server, wait_for
from webapp.db.keys import sealer

SECRET = "a sentence that is secret"


def newest_link(data_dir: Path, count: int) -> str:
    """The path in the last of so many mails."""
    seal = sealer(make_settings(data_dir, secret_key="k" * 40))
    found: list[tuple[str]] = []

    def are_written() -> bool:
        found[:] = rows(data_dir / FILE, "SELECT sealed FROM mails ORDER BY created_at")
        return len(found) == count

    wait_for(are_written)
    return urlsplit(json.loads(seal.decrypt(found[-1][0]))["link"]).path


def test_signing_up_and_in_writes_no_secret_to_the_log_or_the_disk(
    server: Callable[..., Server], data_dir: Path
) -> None:
    running = server(registration="open", log_level="debug", smtp_url="smtp://127.0.0.1:1")
    address, headers = f"http://127.0.0.1:{running.port}", {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as ada:
        ada.post("/register", data={"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD})
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        form = {"email": GRACE.email, "password": SECRET, "confirmation": SECRET}
        assert client.post("/register", data=form).status_code == 303
        verification = newest_link(data_dir, 1)
        assert (client.get(verification).status_code, client.post(verification).status_code) == (200, 303)
        client.post("/logout")
        assert client.post("/login", data=form | {"password": "a secret guess"}).status_code == 422
        assert client.post("/reset", data={"email": GRACE.email}).status_code == 303
        reset = newest_link(data_dir, 2)
        changed = {"password": SECRET + " too", "confirmation": SECRET + " too"}
        assert (client.get(reset).status_code, client.post(reset, data=changed).status_code) == (200, 303)
        assert client.post("/login", data=form | changed).status_code == 303
        assert client.post("/login/confirm", data={"password": "secret no"}).status_code == 422
        assert client.post("/login/confirm", data=changed).status_code == 303
        cookies = [value for value in client.cookies.values() if value]
        client.post("/logout/everywhere")

    running.stop()
    written = running.log.read_text()
    audited = str(rows(data_dir / FILE, "SELECT * FROM audit_events"))
    assert len(cookies) >= 2
    for secret in (*(path.rpartition("/")[2] for path in (verification, reset)), *cookies, "secret"):
        assert secret not in written, secret
        assert secret not in audited, secret
    assert "/reset/[redacted]" in written
    assert "password.reset" in audited
