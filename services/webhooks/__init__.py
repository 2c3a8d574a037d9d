"""Webhooks out: Standard Webhooks, signed, retried, kept off private networks."""
