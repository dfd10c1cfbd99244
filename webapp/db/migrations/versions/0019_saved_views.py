"""Saved views of tables, and the one that a table opens with."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("layout", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name="fk_saved_views_table_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_saved_views_owner_id", ondelete="CASCADE"),
    )
    op.create_index("ix_saved_views_table_id_owner_id", "saved_views", ["table_id", "owner_id"])
    op.create_index("ix_saved_views_owner_id", "saved_views", ["owner_id"])
    op.add_column("tables", sa.Column("default_view_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("tables", "default_view_id")
    op.drop_table("saved_views")
