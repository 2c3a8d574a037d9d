"""The engine keeps what is written to itself."""

from __future__ import annotations

from services.db.engine import make_engine


def test_a_statement_that_fails_does_not_tell_its_values() -> None:
    """Its message goes to the log; the values are names of users, digests of keys, sealed secrets."""
    assert make_engine("postgresql://nobody@127.0.0.1:9/none").hide_parameters
