"""Members of tables, the change log, and columns that are deleted but can come back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("columns", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tables", sa.Column("seq", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("tables") as tables:
        tables.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE tables SET changed_at = created_at")
    _create_members()
    _create_log()


def _create_members() -> None:
    op.create_table(
        "table_members",
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("table_id", "user_id", name="pk_table_members"),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name="fk_table_members_table_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_table_members_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name="fk_table_members_added_by", ondelete="SET NULL"),
    )
    op.create_index("ix_table_members_user_id", "table_members", ["user_id"])


def _create_log() -> None:
    op.create_table(
        "change_sets",
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("first_row", sa.Integer(), nullable=True),
        sa.Column("last_row", sa.Integer(), nullable=True),
        sa.Column("undo_of", sa.Integer(), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("table_id", "seq", name="pk_change_sets"),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name="fk_change_sets_table_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="fk_change_sets_actor_id", ondelete="SET NULL"),
    )
    op.create_index("ix_change_sets_at", "change_sets", ["at"])
    op.create_index("ix_change_sets_actor_id", "change_sets", ["actor_id"])
    op.create_table(
        "changes",
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=True),
        sa.Column("column", sa.Integer(), nullable=True),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("table_id", "seq", "number", name="pk_changes"),
        sa.ForeignKeyConstraint(
            ["table_id", "seq"], ["change_sets.table_id", "change_sets.seq"], name="fk_changes_set", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_changes_row", "changes", ["table_id", "row_id", "seq"])


def downgrade() -> None:
    op.drop_table("changes")
    op.drop_table("change_sets")
    op.drop_table("table_members")
    with op.batch_alter_table("tables") as tables:
        tables.drop_column("changed_at")
        tables.drop_column("seq")
    with op.batch_alter_table("columns") as columns:
        columns.drop_column("deleted_at")
