"""OpenLineage: each audit as a run, each verdict as a test."""
