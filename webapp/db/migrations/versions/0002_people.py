"""People: second factors, passkeys, tokens, the outbox, the audit log; several owners."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.drop_index("uq_users_owner", "users")
    op.add_column("users", sa.Column("verified_at", INSTANT))
    op.add_column("users", sa.Column("seen_at", INSTANT))
    op.add_column("users", sa.Column("time_zone", sa.String, nullable=False, server_default="UTC"))
    op.add_column("users", sa.Column("number_style", sa.String, nullable=False, server_default="comma"))
    op.add_column("users", sa.Column("totp_secret", sa.String))
    op.add_column("users", sa.Column("totp_step", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_users_seen_at", "users", ["seen_at"])
    op.add_column("sessions", sa.Column("is_strong", sa.Boolean, nullable=False, server_default=sa.false()))
    # The owner counts as verified: nobody else could have created that account.
    op.execute("UPDATE users SET verified_at = created_at WHERE role = 'owner'")
    _one_time_tokens()
    _credentials()
    _api_tokens()
    _audit_events()
    _mails()


def _one_time_tokens() -> None:
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("email", sa.String),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_one_time_tokens_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_one_time_tokens_token_hash"),
    )
    op.create_index("ix_one_time_tokens_user_id", "one_time_tokens", ["user_id"])
    op.create_index("ix_one_time_tokens_email", "one_time_tokens", ["email"])


def _credentials() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("code_hash", sa.String, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_recovery_codes_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.UniqueConstraint("user_id", "code_hash", name="uq_recovery_codes_user_id"),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("credential_id", sa.LargeBinary, nullable=False),
        sa.Column("credential", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_passkeys_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])


def _api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])


def _audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("actor_id", sa.Integer),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("subject_id", sa.Integer),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        sqlite_autoincrement=True,
    )
    for column in ("at", "event", "actor_id", "subject_id"):
        op.create_index(f"ix_audit_events_{column}", "audit_events", [column])


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("user_id", sa.Integer),
        sa.Column("recipient", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("sealed", sa.String),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.Column("failure", sa.String),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_mails_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    op.create_index("ix_mails_user_id", "mails", ["user_id"])
    op.create_index("ix_mails_created_at", "mails", ["created_at"])


def downgrade() -> None:
    for table in ("mails", "audit_events", "api_tokens", "passkeys", "recovery_codes", "one_time_tokens"):
        op.drop_table(table)
    op.drop_column("sessions", "is_strong")
    op.drop_index("ix_users_seen_at", "users")
    for column in ("totp_step", "totp_secret", "number_style", "time_zone", "seen_at", "verified_at"):
        op.drop_column("users", column)
    owner = sa.text("role = 'owner'")
    op.create_index("uq_users_owner", "users", ["role"], unique=True, sqlite_where=owner, postgresql_where=owner)
