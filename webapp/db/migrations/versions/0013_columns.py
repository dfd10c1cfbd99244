"""Columns are added and deleted, and no number is used twice; rules for edits; changes of type are in the log."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("columns", sa.Column("rules", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("tables", sa.Column("next_column", sa.Integer(), nullable=False, server_default="1"))
    op.execute(
        "UPDATE tables SET next_column = 1 + (SELECT coalesce(max(number), 0) FROM columns WHERE table_id = tables.id)"
    )
    op.add_column("type_changes", sa.Column("seq", sa.Integer(), nullable=False, server_default="0"))
    # A change that runs while the server is upgraded has seen everything that is in the log now.
    op.execute("UPDATE type_changes SET seq = coalesce((SELECT seq FROM tables WHERE id = table_id), 0)")
    op.add_column("spare_columns", sa.Column("seq", sa.Integer(), nullable=True))


def downgrade() -> None:
    for table, column in (
        ("spare_columns", "seq"),
        ("type_changes", "seq"),
        ("tables", "next_column"),
        ("columns", "rules"),
    ):
        with op.batch_alter_table(table) as changed:
            changed.drop_column(column)
