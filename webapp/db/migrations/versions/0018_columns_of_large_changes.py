"""The columns that a large change adds belong to its own change set."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("large_changes", sa.Column("new_columns", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("large_changes", "new_columns")
