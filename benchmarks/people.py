"""Many people with a sign-in each, who may edit a table: accounts that nobody has to sign up for."""

import secrets
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from settings import Settings
from webapp import create_app
from webapp.db.sqlite_driver import connect
from webapp.models.base import hash_token

FIRST_ID = 1_000


def add(folder: Path, table_id: int, count: int) -> list[str]:
    """Their cookies. No server may be running on the folder."""
    app = create_app(Settings(data_dir=folder))
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    with closing(connect(folder / "rowcast.db")) as connection:
        for user_id, token in enumerate(tokens, FIRST_ID):
            connection.execute(
                "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at, seen_at)"
                " VALUES (?, ?, ?, '', 'member', 1, ?, ?)",
                (user_id, f"person{user_id}@example.org", f"Person {user_id}", now, now),
            )
            connection.execute(
                "INSERT INTO sessions (user_id, token_hash, agent, address, remembered, created_at, seen_at,"
                " authenticated_at) VALUES (?, ?, '', '', 1, ?, ?, ?)",
                (user_id, hash_token(token), now, now, now),
            )
            connection.execute(
                "INSERT INTO table_members (table_id, user_id, role, added_at) VALUES (?, ?, 'editor', ?)",
                (table_id, user_id, now),
            )
    auth = app.extensions["rowcast.auth"]
    return [f"rowcast-sign-in={auth.dump_token(token, app=app)}" for token in tokens]
