"""API tokens of people on a real server, without the form that makes them."""

import secrets
from contextlib import closing

from tests.database import connect
from tests.servers import Server
from webapp.models.accounts.api_token import PREFIX, START_LENGTH
from webapp.models.base import hash_token


def issue_token(server: Server, user_id: int = 1, scope: str = "write") -> str:
    token = PREFIX + secrets.token_urlsafe(32)
    with closing(connect(server.data_dir / "rowcast.db")) as connection:
        connection.execute(
            "INSERT INTO api_tokens (user_id, name, scope, token_hash, start, created_at)"
            " VALUES (?, ?, ?, ?, ?, '2026-11-22 12:00:00')",
            (user_id, secrets.token_hex(4), scope, hash_token(token), token[:START_LENGTH]),
        )
    return token
