"""Safety between people"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNREAD = sa.text("read_at IS NULL AND NOT withheld")


def upgrade() -> None:
    op.add_column(
        "user",
        sa.Column("who_may_write", sa.String(length=16), server_default="everyone", nullable=False),
    )
    op.add_column(
        "user",
        sa.Column("is_moderator", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("user", sa.Column("suspended_at", sa.Double(), nullable=True))
    for name in ("withheld", "quiet"):
        op.add_column(
            "message",
            sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False),
        )
    # A person who is blocked and writes on must not make the other's count slow.
    op.drop_index("ix_message_unread", table_name="message")
    op.create_index(
        "ix_message_unread",
        "message",
        ["recipient_id", "sender_id"],
        sqlite_where=UNREAD,
        postgresql_where=UNREAD,
    )
    _ties()
    _reports()
    _exports()


def _ties() -> None:
    op.create_table(
        "tie",
        sa.Column("person_id", NUMBER, nullable=False),
        sa.Column("other_id", NUMBER, nullable=False),
        sa.Column("wrote_at", sa.Double(), nullable=True),
        sa.Column("to_stranger", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("blocked_at", sa.Double(), nullable=True),
        sa.Column("muted_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["user.id"], name="fk_tie_person_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["user.id"], name="fk_tie_other_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "other_id", name="pk_tie"),
    )
    op.create_index("ix_tie_other_id", "tie", ["other_id"])
    for name, columns, rows in (
        ("ix_tie_blocked", ["person_id", "other_id"], "blocked_at IS NOT NULL"),
        ("ix_tie_strangers", ["person_id", "wrote_at"], "to_stranger"),
    ):
        where = sa.text(rows)
        op.create_index(name, "tie", columns, sqlite_where=where, postgresql_where=where)
    op.execute(
        """
        INSERT INTO tie (person_id, other_id, wrote_at)
        SELECT sender_id, recipient_id, min(sent_at) FROM message
        GROUP BY sender_id, recipient_id
        """
    )


def _reports() -> None:
    op.create_table(
        "report",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("reporter_id", NUMBER, nullable=True),
        sa.Column("accused_id", NUMBER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.Double(), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("moderator_id", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["user.id"], name="fk_report_reporter_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["accused_id"], ["user.id"], name="fk_report_accused_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["user.id"], name="fk_report_moderator_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
        sqlite_autoincrement=True,
    )
    for name in ("reporter_id", "accused_id", "moderator_id"):
        op.create_index(f"ix_report_{name}", "report", [name])
    still_open = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_report_open", "report", ["id"], sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "reported_text",
        sa.Column("report_id", NUMBER, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name="fk_reported_text_report_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_id", "place", name="pk_reported_text"),
    )


def _exports() -> None:
    op.create_table(
        "export",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("person_id", NUMBER, nullable=False),
        sa.Column("requested_at", sa.Double(), nullable=False),
        sa.Column("claimed_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("claim", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ready_at", sa.Double(), nullable=True),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["user.id"], name="fk_export_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_export"),
        sa.UniqueConstraint("person_id", name="uq_export_person_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_export_ready_at", "export", ["ready_at"])
    op.create_table(
        "export_part",
        sa.Column("export_id", NUMBER, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["export.id"], name="fk_export_part_export_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("export_id", "place", name="pk_export_part"),
    )
