"""A column's type can change: what it is stored as has a number of its own, and a change is a record.

The rows are left as they are. When going back, the stored columns get the names that older versions look for.
"""

import itertools
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("columns", sa.Column("storage", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE columns SET storage = number")
    op.create_table(
        "type_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("format", sa.JSON(), nullable=False, quote=True),
        sa.Column("keeps_texts", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("storage", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("last_row", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name=op.f("fk_type_changes_table_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_type_changes_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_type_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_type_changes_table_id"), "type_changes", ["table_id"])
    op.create_index(op.f("ix_type_changes_user_id"), "type_changes", ["user_id"])
    op.create_index(
        "ix_type_changes_running",
        "type_changes",
        ["table_id", "number"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "spare_columns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("storage", sa.Integer(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_row", sa.Integer(), nullable=False),
        sa.Column("is_empty", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["table_id"], ["tables.id"], name=op.f("fk_spare_columns_table_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_columns")),
        sa.UniqueConstraint("table_id", "storage", name=op.f("uq_spare_columns_table_id")),
    )


def downgrade() -> None:
    """What was replaced stays in the tables, under other names; nothing reads it.

    A stored column may have the number of another column, which has left it. Hence all get a name of their own first.
    """
    moved = _rows("SELECT table_id, number, storage FROM columns WHERE storage <> number")
    for table_id, number, storage in moved:
        _run(f"DROP INDEX IF EXISTS i{table_id}_{storage}")
        _rename(table_id, f"c{storage}", f"moved{number}_")
    for table_id, number, _ in moved:
        _run(f"DROP INDEX IF EXISTS i{table_id}_{number}")
        _rename(table_id, f"c{number}", _free_name(table_id))
        _rename(table_id, f"moved{number}_", f"c{number}")
    op.drop_table("spare_columns")
    op.drop_table("type_changes")
    with op.batch_alter_table("columns") as columns:
        columns.drop_column("storage")


def _rename(table_id: int, old: str, new: str) -> None:
    """With the companion, whose name ends in t."""
    names = _names(table_id)
    for end in ("", "t"):
        if old + end in names:
            _run(f"ALTER TABLE t{table_id} RENAME COLUMN {old}{end} TO {new}{end}")


def _free_name(table_id: int) -> str:
    """Going back more than once replaces more than one."""
    names = _names(table_id)
    count = next(count for count in itertools.count(1) if not names & {f"replaced{count}_", f"replaced{count}_t"})
    return f"replaced{count}_"


def _names(table_id: int) -> set[str]:
    return {name for (name,) in _rows(f"SELECT name FROM pragma_table_info('t{table_id}')")}


def _rows(statement: str) -> list[Any]:
    return list(op.get_bind().exec_driver_sql(statement))


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)
