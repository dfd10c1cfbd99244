"""An index of when tokens expire: the schedule looks for those that are too old every hour."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_one_time_tokens_expires_at", "one_time_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_one_time_tokens_expires_at", "one_time_tokens")
