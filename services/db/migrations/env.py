"""Run by alembic: migrate the connection that :func:`services.db.migrate.migrate` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from services.db.every_table import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
