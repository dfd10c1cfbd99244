"""Cursors of lists as opaque text: the sort key and the id of the last row."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from webapp.db.errors import UserError
from webapp.models.base import MAX_ID


class UnknownPlace(UserError):
    def __init__(self) -> None:
        super().__init__("This place in the list is no longer known. Start again from its beginning.")


def encode(key: str | int, row_id: int) -> str:
    data = json.dumps([key, row_id], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode(text: str, kind: type[str] | type[int]) -> tuple[str | int, int]:
    """Raises `UnknownPlace` for anything that `encode` did not create for this kind of key."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        key, row_id = json.loads(urlsafe_b64decode(padded).decode())
        if isinstance(key, str):
            key.encode()  # lone surrogates raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise UnknownPlace from None
    numbers = [row_id, key] if kind is int else [row_id]
    if type(key) is not kind or not all(type(one) is int and 0 <= one <= MAX_ID for one in numbers):
        raise UnknownPlace
    return key, row_id
