"""Signatures of webhooks, as the Standard Webhooks specification has them, symmetric, version 1:

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

A secret is 32 random bytes, written as `whsec_` and their base64. What is signed is the id, the time of the attempt in
Unix seconds and the body, with full stops between them; the signature is `v1,` and the base64 of its HMAC-SHA256. While
a secret is replaced a message has a signature of each, with a space between them.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`keys` are secrets, the newest first."""
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_sign(key, content) for key in keys),
    }


def _sign(key: str, content: bytes) -> str:
    digest = hmac.digest(base64.b64decode(key.removeprefix(PREFIX)), content, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
