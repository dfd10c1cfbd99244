"""Links by which people without an account edit rows, the change sets that they make, passwords and embedding."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("links", sa.Column("may_edit", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("links", sa.Column("password_hash", sa.String(), nullable=True))
    op.add_column("links", sa.Column("origins", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("change_sets", sa.Column("link_id", sa.Integer(), nullable=True))
    op.add_column("change_sets", sa.Column("link_name", sa.String(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    op.drop_column("change_sets", "link_name")
    op.drop_column("change_sets", "link_id")
    for name in ("origins", "password_hash", "may_edit"):
        op.drop_column("links", name)
