"""Cursors of lists as opaque text: the sort key and the id of the last row."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from webapp.db.errors import UserError
from webapp.models.base import MAX_ID


class InvalidCursor(UserError):
    def __init__(self) -> None:
        super().__init__("This place in the list is no longer known. Start again from its beginning.")


def encode_cursor(key: str | int, row_id: int) -> str:
    data = json.dumps([key, row_id], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode_cursor(text: str, key_type: type[str] | type[int]) -> tuple[str | int, int]:
    """Raises `InvalidCursor` for anything that `encode_cursor` did not create for this type of key."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        key, row_id = json.loads(urlsafe_b64decode(padded).decode())
        if isinstance(key, str):
            key.encode()  # lone surrogates raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise InvalidCursor from None
    numbers = [row_id, key] if key_type is int else [row_id]
    if type(key) is not key_type or not all(type(number) is int and 0 <= number <= MAX_ID for number in numbers):
        raise InvalidCursor
    return key, row_id
