"""Large changes: their plans, how far they are, and the parts of their change sets."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_HOLDS_TABLE = "state IN ('applying', 'reverting') OR (state = 'planning' AND is_decided)"
_LAST_LARGE = (
    "(SELECT max(seq) FROM change_sets large WHERE large.table_id = {table_id} AND (parts > 0 OR state <> ''))"
)
_FORGET_CHANGES = f"DELETE FROM changes WHERE seq <= {_LAST_LARGE.format(table_id='changes.table_id')}"
_BEHIND = f"coalesce({_LAST_LARGE.format(table_id='tables.id')} + 1, 1)"
_BEGIN_BEHIND = f"UPDATE tables SET log_from = {_BEHIND} WHERE log_from < {_BEHIND}"
_FORGET_SETS = f"DELETE FROM change_sets WHERE seq <= {_LAST_LARGE.format(table_id='change_sets.table_id')}"


def upgrade() -> None:
    op.add_column("change_sets", sa.Column("parts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("change_sets", sa.Column("state", sa.String(), nullable=False, server_default=""))
    op.add_column("tables", sa.Column("growing", sa.Integer(), nullable=True))
    op.create_table(
        "change_set_parts",
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("columns", sa.String(), nullable=False),
        sa.Column("first_row", sa.Integer(), nullable=False),
        sa.Column("last_row", sa.Integer(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], op.f("fk_change_set_parts_table_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("table_id", "seq", "number", name=op.f("pk_change_set_parts")),
    )
    op.create_index("ix_change_set_parts_rows", "change_set_parts", ["table_id", "seq", "first_row", "last_row"])
    _create_changes()
    for name in ("large_change_parts", "large_change_left"):
        counted = [sa.Column("entries", sa.Integer(), nullable=False)] if name == "large_change_left" else []
        op.create_table(
            name,
            sa.Column("change_id", sa.Integer(), nullable=False),
            sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
            *counted,
            sa.Column("blob", sa.LargeBinary(), nullable=False),
            sa.ForeignKeyConstraint(
                ["change_id"], ["large_changes.id"], op.f(f"fk_{name}_change_id"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("change_id", "number", name=op.f(f"pk_{name}")),
        )


def _create_changes() -> None:
    texts, numbers = ("kind", "via", "note", "planner", "state", "columns"), ("parts", "entries", "rows", "cells")
    op.create_table(
        "large_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in texts),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in (*numbers, "new_rows", "parts_done", "left")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_decided", "index_again")),
        *(
            sa.Column(name, sa.Integer(), nullable=True)
            for name in ("undo_of", "seq", "first_new_row", "first_row", "last_row")
        ),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], op.f("fk_large_changes_table_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], op.f("fk_large_changes_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_large_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_large_changes_table_id", "large_changes", ["table_id"])
    op.create_index("ix_large_changes_user_id", "large_changes", ["user_id"])
    op.create_index(
        "ix_large_changes_running",
        "large_changes",
        ["table_id"],
        unique=True,
        sqlite_where=sa.text(_HOLDS_TABLE),
        postgresql_where=sa.text(_HOLDS_TABLE),
    )


def downgrade() -> None:
    """A table keeps what large changes have made of it; the log begins behind them, for it has no entries of theirs."""
    for statement in (_FORGET_CHANGES, _BEGIN_BEHIND, _FORGET_SETS):
        op.execute(statement)
    for name in ("large_change_left", "large_change_parts", "large_changes", "change_set_parts"):
        op.drop_table(name)
    with op.batch_alter_table("tables") as tables:
        tables.drop_column("growing")
    with op.batch_alter_table("change_sets") as sets:
        sets.drop_column("state")
        sets.drop_column("parts")
