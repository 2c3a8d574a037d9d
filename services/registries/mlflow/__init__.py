"""MLflow as a registry: its REST API, its webhooks, where its models lie, and what is written back to it."""
