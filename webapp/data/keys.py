"""The key that signs cookies and seals secrets: from the settings, or made once and kept beside the database."""

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from itsdangerous import URLSafeTimedSerializer

from settings import MIN_KEY_LENGTH, Settings
from webapp.data.folders import private_folder


def secret_key(settings: Settings) -> str:
    """With several machines behind one address, set ROWCAST_SECRET_KEY: each would make a key of its own."""
    if own := settings.secret_key.get_secret_value():
        return own
    path = private_folder(settings.data_dir) / "secret_key"
    if not path.exists():
        _make(path)
    key = path.read_text(encoding="ascii").strip()
    if len(key) < MIN_KEY_LENGTH:
        raise ValueError(f"{path} holds no usable key. Delete it to have a new one made; everybody signs in again.")
    return key


def sealer(settings: Settings) -> MultiFernet:
    """Encrypts what must be read again: the newest key seals, retired ones still open (rotation loses nothing).

    Sealed values are useless in a copy of the database without the key.
    """
    keys = [secret_key(settings), *(key.get_secret_value() for key in settings.secret_key_fallbacks)]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def signer(settings: Settings, salt: str) -> URLSafeTimedSerializer:
    """Signs what a browser carries for us; `salt` keeps what was signed for one purpose from serving another."""
    retired = [key.get_secret_value() for key in settings.secret_key_fallbacks]
    return URLSafeTimedSerializer([*retired, secret_key(settings)], salt=salt)


def _derived(key: str) -> bytes:
    return hmac.digest(key.encode(), b"rowcast sealed values", hashlib.sha256)


def _make(path: Path) -> None:
    """Written under another name and linked into place: two processes that start together end with one key."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
