"""The columns of each change set, how far back the log goes, and columns whose cells are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS_OF_SETS = """
UPDATE change_sets SET columns = COALESCE((
    SELECT group_concat("column", ',') FROM (
        SELECT DISTINCT "column" FROM changes
        WHERE changes.table_id = change_sets.table_id AND changes.seq = change_sets.seq AND "column" IS NOT NULL
        ORDER BY "column"
    )
), '')
"""


def upgrade() -> None:
    op.add_column("change_sets", sa.Column("columns", sa.String(), nullable=False, server_default=""))
    op.add_column("tables", sa.Column("log_from", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("tables", sa.Column("log_pruned_to", sa.DateTime(), nullable=True))
    op.add_column("columns", sa.Column("is_dropped", sa.Boolean(), nullable=False, server_default="0"))
    op.execute(_COLUMNS_OF_SETS)


def downgrade() -> None:
    with op.batch_alter_table("columns") as columns:
        columns.drop_column("is_dropped")
    with op.batch_alter_table("tables") as tables:
        tables.drop_column("log_pruned_to")
        tables.drop_column("log_from")
    with op.batch_alter_table("change_sets") as sets:
        sets.drop_column("columns")
