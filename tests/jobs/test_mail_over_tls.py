"""A mail server that asks for TLS and a password, as those of providers do: a real one with its own certificate."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import make_settings
from tests.jobs.test_mail import found, write_down
from tests.postbox import Postbox, free_port
from webapp import create_app
from webapp.extensions import jobs
from webapp.jobs import mail
from webapp.jobs.mail import send_mail
from webapp.models import Mail

# aiosmtpd does not see that the connection is inside TLS from its start.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

ACCOUNT = (b"rows@example.org", b"p:/@ss")
USER_INFO = "rows%40example.org:p%3A%2F%40ss"


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """The files of a certificate for this host that signs itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == ACCOUNT
    return AuthResult(success=is_right, handled=False)


class MailServer(Controller):
    """Stops with its connections closed: those of clients that have hung up without a word stay open otherwise."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.connections: list[SMTP] = []

    def factory(self) -> SMTP:
        self.connections.append(super().factory())
        return self.connections[-1]

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(5)
        super().stop(no_assert)

    async def _close(self) -> None:
        for connection in self.connections:
            for transport in (connection.transport, connection._original_transport):
                if transport is not None:
                    transport.abort()
        await asyncio.sleep(0)  # the event loop closes them in its next round


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Postbox, int]]]:
    """Start a mail server whose certificate, trusted here, is for `host`: TLS from the start, or with STARTTLS."""
    running = []

    def start(*, host: str = "localhost", is_tls: bool) -> tuple[Postbox, int]:
        files = certificate(tmp_path, host)
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
        box, port = Postbox(free_port()), free_port()
        how = {"ssl_context": context} if is_tls else {"tls_context": context, "require_starttls": True}
        more = {"authenticator": check, "auth_required": True, "auth_require_tls": not is_tls}
        controller = MailServer(box, hostname="127.0.0.1", port=port, server_hostname=host, **how, **more)  # type: ignore[arg-type]
        controller.start()
        running.append(controller)
        return box, port

    yield start
    for controller in running:
        controller.stop()


async def send(data_dir: Path, url: str) -> Mail:
    """One attempt to send a mail; return its row."""
    app = create_app(make_settings(data_dir, smtp_url=url))
    async with app.test_app():
        mail_id = await write_down(app)
        await send_mail(jobs.of(app), mail_id)
        return await found(app, mail_id)


@pytest.fixture(autouse=True)
def _beyond_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """STARTTLS is required of other machines only; and one attempt is enough."""
    monkeypatch.setattr(mail, "is_loopback", lambda _host: False)
    monkeypatch.setattr(mail, "RETRY_AFTER", ())


@pytest.mark.parametrize(("scheme", "is_tls"), [("smtps", True), ("smtp", False)], ids=["TLS", "STARTTLS"])
class TestOverTLS:
    async def test_a_mail_arrives_with_the_password(
        self, data_dir: Path, serve: Callable[..., tuple[Postbox, int]], scheme: str, is_tls: bool
    ) -> None:
        box, port = serve(is_tls=is_tls)

        stored = await send(data_dir, f"{scheme}://{USER_INFO}@localhost:{port}")

        assert (stored.failure, stored.sealed, len(box.mails)) == (None, None, 1)

    async def test_a_wrong_password_is_named_as_the_reason(
        self, data_dir: Path, serve: Callable[..., tuple[Postbox, int]], scheme: str, is_tls: bool
    ) -> None:
        box, port = serve(is_tls=is_tls)

        stored = await send(data_dir, f"{scheme}://rows:wrong@localhost:{port}")  # pragma: allowlist secret

        assert (box.mails, stored.sealed is None) == ([], False)
        assert "535" in (stored.failure or "") or "uthentication" in (stored.failure or "")
        assert "wrong" not in (stored.failure or "")

    async def test_a_certificate_for_another_name_gets_neither_mail_nor_password(
        self, data_dir: Path, serve: Callable[..., tuple[Postbox, int]], scheme: str, is_tls: bool
    ) -> None:
        box, port = serve(host="mail.example.org", is_tls=is_tls)

        stored = await send(data_dir, f"{scheme}://{USER_INFO}@localhost:{port}")

        assert (box.mails, stored.sealed is None) == ([], False)
        assert "certificate" in (stored.failure or "").lower()
