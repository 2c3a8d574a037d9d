"""PostgreSQL: engine, tables, events and migrations."""
