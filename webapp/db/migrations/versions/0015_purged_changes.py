"""What was deleted in a table can be removed from its change log for good, by hand and after a time."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("change_sets", sa.Column("purged", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("change_sets", sa.Column("is_purging", sa.Boolean(), nullable=False, server_default="0"))
    op.create_index(
        "ix_change_sets_purging",
        "change_sets",
        ["table_id"],
        sqlite_where=sa.text("is_purging"),
        postgresql_where=sa.text("is_purging"),
    )
    op.add_column("columns", sa.Column("is_purged", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("tables", sa.Column("trash_from", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    with op.batch_alter_table("tables") as tables:
        tables.drop_column("trash_from")
    with op.batch_alter_table("columns") as columns:
        columns.drop_column("is_purged")
    op.drop_index("ix_change_sets_purging", "change_sets")
    with op.batch_alter_table("change_sets") as sets:
        sets.drop_column("is_purging")
        sets.drop_column("purged")
