"""Tokens that are for some tables only, and by what way a column is given another type."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("table_ids", sa.JSON(), nullable=True))
    op.add_column("type_changes", sa.Column("via", sa.String(), server_default=sa.text("'page'"), nullable=False))


def downgrade() -> None:
    op.drop_column("type_changes", "via")
    op.drop_column("api_tokens", "table_ids")
