"""The saved view that a link was made of."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("links", sa.Column("view_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("links", "view_id")
