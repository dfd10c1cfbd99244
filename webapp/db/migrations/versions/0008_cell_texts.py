"""Columns whose cells are stored as they were written beside their value."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("columns", sa.Column("keeps_texts", sa.Boolean(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("columns") as columns:
        columns.drop_column("keeps_texts")
