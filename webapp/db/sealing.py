"""Secrets that must be readable again: the newest key encrypts, retired ones still decrypt.

Encrypted values are useless in a copy of the database without the key.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class BrokenSeal(ValueError):
    """A value that none of the keys has encrypted, or that was encrypted too long ago."""


class Sealer:
    """Loads the cipher with its first use: 6 MB that pages do not need."""

    def __init__(self, keys: Sequence[str]) -> None:
        """The newest key comes first."""
        self._keys = keys

    @cached_property
    def _fernet(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key))) for key in self._keys])

    def encrypt(self, data: bytes) -> bytes:
        return self._fernet.encrypt(data)

    def decrypt(self, sealed: str | bytes, ttl: int | None = None) -> bytes:
        """`ttl` is in seconds. Raises BrokenSeal."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed, ttl)
        except (InvalidToken, ValueError) as error:  # a ValueError for what is not ASCII
            raise BrokenSeal from error


def _derive(key: str) -> bytes:
    return hmac.digest(key.encode(), b"rowcast sealed values", hashlib.sha256)
