"""The names of authors of changes who have no account here: of tables that come from another installation."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("change_sets", sa.Column("author", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("change_sets") as sets:
        sets.drop_column("author")
