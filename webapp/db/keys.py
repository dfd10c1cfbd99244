"""The key that signs cookies and encrypts secrets: from the settings, or generated once and stored in the data
folder.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from itsdangerous import URLSafeTimedSerializer

from settings import MIN_KEY_LENGTH, Settings
from webapp.db.folders import private_folder
from webapp.db.sealing import Sealer
from webapp.db.signing import ClockTolerantSigner


def secret_key(settings: Settings) -> str:
    """Set ROWCAST_SECRET_KEY if several machines share one address: each would generate its own key."""
    if key := settings.secret_key.get_secret_value():
        return key
    path = private_folder(settings.data_dir) / "secret_key"
    if not path.exists():
        _create(path)
    key = path.read_text(encoding="ascii").strip()
    if len(key) < MIN_KEY_LENGTH:
        raise ValueError(f"{path} holds no usable key. Delete it to have a new one made; everybody signs in again.")
    return key


def sealer(settings: Settings) -> Sealer:
    return Sealer([secret_key(settings), *(key.get_secret_value() for key in settings.secret_key_fallbacks)])


def signer(settings: Settings, salt: str) -> URLSafeTimedSerializer:
    """Signs data that browsers carry for us; a `salt` per purpose keeps one signature from serving another."""
    retired = [key.get_secret_value() for key in settings.secret_key_fallbacks]
    return URLSafeTimedSerializer([*retired, secret_key(settings)], salt=salt, signer=ClockTolerantSigner)


def _create(path: Path) -> None:
    """Write it under another name and link it into place: two processes that start together get the same key."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
