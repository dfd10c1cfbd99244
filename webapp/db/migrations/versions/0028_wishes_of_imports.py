"""What is to be done with an uploaded file without asking, once it is read."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imports", sa.Column("wishes", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("imports", "wishes")
