"""What ties an answer of the provider to the sign-in that asked for it, all derived from one random token.

`state` and `nonce` tell nothing of the token, and only who has it can prove the code theirs (PKCE, RFC 7636).
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass

SKEW = 60  # seconds by which the provider's clock may differ


@dataclass(frozen=True, slots=True)
class Proof:
    state: str  # the answer repeats it
    nonce: str  # and the ID token this
    verifier: str  # shown with the code
    redirect_uri: str

    @classmethod
    def of(cls, token: str, redirect_uri: str) -> "Proof":
        return cls(_derived(token, "state"), _derived(token, "nonce"), _derived(token, "verifier"), redirect_uri)

    @property
    def challenge(self) -> str:
        """What the provider checks the verifier with (S256)."""
        return _encoded(hashlib.sha256(self.verifier.encode()).digest())


def _derived(token: str, label: str) -> str:
    return _encoded(hmac.digest(token.encode(), label.encode(), hashlib.sha256))


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
