"""Tables that somebody gets a part in once they have accepted an invitation to the server."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "table_invitations",
        sa.Column("invitation_id", sa.Integer(), nullable=False),
        sa.Column("table_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", "table_id", name="pk_table_invitations"),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["one_time_tokens.id"], name="fk_table_invitations_invitation_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name="fk_table_invitations_table_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name="fk_table_invitations_added_by", ondelete="SET NULL"),
    )
    op.create_index("ix_table_invitations_table_id", "table_invitations", ["table_id"])


def downgrade() -> None:
    op.drop_table("table_invitations")
