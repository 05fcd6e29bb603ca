"""Presence"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in ("shows_seen", "shows_presence"):
        op.add_column(
            "user", sa.Column(name, sa.Boolean(), server_default=sa.true(), nullable=False)
        )
    op.create_table(
        "presence",
        sa.Column("sign_in_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("person_id", NUMBER, nullable=False),
        sa.Column("here_at", sa.Double(), nullable=False),
        sa.Column("here_until", sa.Double(), nullable=False),
        sa.Column("open_until", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_in.id"], name="fk_presence_sign_in_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["user.id"], name="fk_presence_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sign_in_id", name="pk_presence"),
    )
    op.create_index("ix_presence_person_id", "presence", ["person_id"])


def downgrade() -> None:
    op.drop_table("presence")
    with op.batch_alter_table("user") as batch_op:
        batch_op.drop_column("shows_presence")
        batch_op.drop_column("shows_seen")
