"""Runs the migrations on the open transaction that `Database.migrate` hands over."""

from alembic import context

from ml_connector.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
