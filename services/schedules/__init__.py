"""Schedules: when an audit is due, and what becomes of occurrences that are late or overlap."""
