"""Further files for a table that exists, and what was decided for files of the same source."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_RUNNING = "state IN ('inspecting', 'loading', 'comparing', 'updating')"
_RAN_BEFORE = "state IN ('inspecting', 'loading')"


def upgrade() -> None:
    op.add_column("imports", sa.Column("is_update", sa.Boolean(), nullable=False, server_default="0"))
    _index_running(_RUNNING)
    op.create_table(
        "import_updates",
        sa.Column("import_id", sa.String(), sa.ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("table_id", sa.Integer(), sa.ForeignKey("tables.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("matches", sa.JSON(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("comparison", sa.JSON(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
    )
    op.create_index("ix_import_updates_table_id", "import_updates", ["table_id"])
    op.create_table(
        "import_sources",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("table_id", sa.Integer(), sa.ForeignKey("tables.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("titles", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("table_id", "name"),
    )


def downgrade() -> None:
    op.drop_table("import_sources")
    op.drop_table("import_updates")
    op.execute("DELETE FROM imports WHERE is_update")
    with op.batch_alter_table("imports") as imports:
        imports.drop_column("is_update")
    _index_running(_RAN_BEFORE)


def _index_running(where: str) -> None:
    op.drop_index("ix_imports_running", "imports")
    op.create_index(
        "ix_imports_running", "imports", ["user_id"], sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
