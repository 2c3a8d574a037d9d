"""Audits: submitted, watched, cancelled, read."""
