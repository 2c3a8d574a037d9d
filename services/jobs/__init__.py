"""The queue: a job row per unit of work, claimed under a lease, fenced by a token."""
