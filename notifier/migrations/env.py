"""Alembic's entry: runs the steps on the connection that `notifier.schema` hands over."""

from alembic import context

from notifier.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot change a column in place: Alembic copies the table instead.
    render_as_batch=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
