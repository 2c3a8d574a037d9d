"""Run by alembic: migrate the connection that :func:`services.db.migrate.migrate` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from services.db.tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
