"""The columns of each change set, how far back the log goes, and columns whose cells are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_sets = sa.table("change_sets", *map(sa.column, ("table_id", "seq", "columns")))
_changes = sa.table("changes", *map(sa.column, ("table_id", "seq", "column")))
_numbers = (
    sa.select(sa.cast(_changes.c.column, sa.String).label("number"))
    .where(_changes.c.table_id == _sets.c.table_id, _changes.c.seq == _sets.c.seq, _changes.c.column.is_not(None))
    .group_by(_changes.c.column)
    .order_by(_changes.c.column)
    .correlate(_sets)
    .subquery("numbers")
)
_listed = sa.select(sa.func.aggregate_strings(_numbers.c.number, ",")).scalar_subquery()
_COLUMNS_OF_SETS = sa.update(_sets).values(columns=sa.func.coalesce(_listed, ""))


def upgrade() -> None:
    op.add_column("change_sets", sa.Column("columns", sa.String(), nullable=False, server_default=""))
    op.add_column("tables", sa.Column("log_from", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("tables", sa.Column("log_pruned_to", sa.DateTime(timezone=True), nullable=True))
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
