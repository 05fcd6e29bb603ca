"""Conversations"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNREAD = sa.text("read_at IS NULL")

# Who wrote and who got a message are words of it, so that one look into the index finds one
# person's messages among everybody's.
SQLITE_WORDS = (
    """
    CREATE VIRTUAL TABLE message_words USING fts5(
        people, body, content = '', tokenize = 'unicode61 remove_diacritics 2'
    )
    """,
    """
    INSERT INTO message_words (rowid, people, body)
    SELECT id, 'p' || sender_id || ' p' || recipient_id, body FROM message
    """,
    """
    CREATE TRIGGER message_words_added AFTER INSERT ON message BEGIN
        INSERT INTO message_words (rowid, people, body)
        VALUES (new.id, 'p' || new.sender_id || ' p' || new.recipient_id, new.body);
    END
    """,
    # An index without content is told what it had been given.
    """
    CREATE TRIGGER message_words_deleted AFTER DELETE ON message BEGIN
        INSERT INTO message_words (message_words, rowid, people, body) VALUES (
            'delete', old.id, 'p' || old.sender_id || ' p' || old.recipient_id, old.body
        );
    END
    """,
)
POSTGRESQL_WORDS = (
    # The same expression stands in search.py: the index serves no other.
    """
    CREATE INDEX ix_message_words ON message USING gin ((
        setweight(to_tsvector('simple', body), 'B') ||
        setweight(to_tsvector('simple',
            'p' || CAST(sender_id AS text) || ' p' || CAST(recipient_id AS text)), 'A')
    ))
    """,
    # Names are looked up by their beginning, whatever the collation of the database.
    'CREATE INDEX ix_user_username_key_start ON "user" (username_key text_pattern_ops)',
)


def upgrade() -> None:
    op.create_table(
        "conversation",
        sa.Column("person_id", NUMBER, nullable=False),
        sa.Column("other_id", NUMBER, nullable=False),
        sa.Column("last_message_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["user.id"], name="fk_conversation_person_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["user.id"], name="fk_conversation_other_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "other_id", name="pk_conversation"),
    )
    op.create_index("ix_conversation_last", "conversation", ["person_id", "last_message_id"])
    op.create_table(
        "deleted_message",
        sa.Column("sender_id", NUMBER, nullable=False),
        sa.Column("idempotency_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["sender_id"], ["user.id"], name="fk_deleted_message_sender_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sender_id", "idempotency_hash", name="pk_deleted_message"),
    )
    op.add_column("message", sa.Column("sender_sequence", sa.BigInteger(), nullable=True))
    op.create_index("ix_message_pair", "message", ["sender_id", "recipient_id", "id"])
    op.drop_index("ix_message_unread", table_name="message")
    # With the sender in it, the counts by person are read from the index alone.
    op.create_index(
        "ix_message_unread",
        "message",
        ["recipient_id", "sender_id"],
        sqlite_where=UNREAD,
        postgresql_where=UNREAD,
    )
    op.execute(
        """
        INSERT INTO conversation (person_id, other_id, last_message_id)
        SELECT person_id, other_id, max(id) FROM (
            SELECT sender_id AS person_id, recipient_id AS other_id, id FROM message
            UNION ALL
            SELECT recipient_id, sender_id, id FROM message
        ) AS sides GROUP BY person_id, other_id
        """
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_WORDS if sqlite else POSTGRESQL_WORDS:
        op.execute(statement)
