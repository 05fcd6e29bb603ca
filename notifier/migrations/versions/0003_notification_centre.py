"""The notification centre"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Written as the query has it, or neither database would use the index.
_OTHERS = sa.text(
    "name NOT IN ('message', 'quiet_message', 'message_sent', 'message_deleted', "
    "'conversation_read', 'unread_message_count', 'unseen_notification_count')"
)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("notification", sa.Column("read_at", sa.Double(), nullable=True))
    # Messages have an index of their own kind; this one stays nearly empty beside them.
    op.create_index(
        "ix_notification_others",
        "notification",
        ["recipient_id", "sequence"],
        sqlite_where=_OTHERS,
        postgresql_where=_OTHERS,
    )
    op.create_table(
        "centre",
        sa.Column("person_id", number, autoincrement=False, nullable=False),
        sa.Column("seen_up_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ways", sa.Text(), server_default="{}", nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), server_default="UTC", nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["user.id"], name="fk_centre_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name="pk_centre"),
    )
    op.create_table(
        "push_subscription",
        sa.Column("id", number, nullable=False),
        sa.Column("person_id", number, nullable=False),
        sa.Column("sign_in_id", number, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("endpoint_hash", sa.String(length=64), nullable=False),
        sa.Column("p256dh", sa.String(length=128), nullable=False),
        sa.Column("auth", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_success_at", sa.Double(), nullable=True),
        sa.Column("pushed_up_to", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["user.id"], name="fk_push_subscription_person_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"],
            ["sign_in.id"],
            name="fk_push_subscription_sign_in_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_push_subscription"),
        sa.UniqueConstraint("endpoint_hash", name="uq_push_subscription_endpoint_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_push_subscription_person_id", "push_subscription", ["person_id"])
    op.create_index("ix_push_subscription_sign_in_id", "push_subscription", ["sign_in_id"])
