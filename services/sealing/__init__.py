"""Secrets at rest: sealed by the installation's key, opened only where they are used."""
