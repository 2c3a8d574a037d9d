"""One laboratory for the whole run, and the table of verdicts beside truths at its end."""

import json
import os
from pathlib import Path

import pytest

from tests.builders.planted_audits import Laboratory, Plantation
from tests.builders.planted_truths import as_json, as_table, score

SCORES = "PLANTED_SCORES"
"""Environment variable: where the scores go as JSON."""
GROWN = pytest.StashKey[Plantation]()


@pytest.fixture(scope="session")
def plants(pytestconfig: pytest.Config) -> Plantation:
    """Audits by plant, each run when it is first asked for."""
    pytestconfig.stash[GROWN] = Plantation(Laboratory())
    return pytestconfig.stash[GROWN]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table; write it where ``PLANTED_SCORES`` says."""
    grown = config.stash.get(GROWN, None)
    if grown is None or not grown.rows:
        return
    scores, seconds = score(grown.rows), grown.laboratory.seconds
    terminalreporter.section("planted truths")
    for line in as_table(grown.rows):
        terminalreporter.line(line)
    for name, value in scores.items():
        terminalreporter.line(f"{name:30} {value:.3f}")
    terminalreporter.line("seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))
    if SCORES in os.environ:
        report = {"scores": scores, "seconds": seconds, "pairs": as_json(grown.rows)}
        Path(os.environ[SCORES]).write_text(json.dumps(report, indent=1))
