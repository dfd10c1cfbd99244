"""An index of the imports that run or wait: they are counted at each upload, and few of many."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    running = sa.text("state IN ('inspecting', 'loading')")
    op.create_index("ix_imports_running", "imports", ["user_id"], sqlite_where=running, postgresql_where=running)


def downgrade() -> None:
    op.drop_index("ix_imports_running", "imports")
