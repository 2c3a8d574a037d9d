"""Every audit of the run, two at a time, and the table of verdicts beside truths at its end."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core import to_jsonable_python

from schemas.certificate import Coverage, Score
from tests.builders import planted_headlines, planted_screens
from tests.builders.planted_audits import Plantation
from tests.builders.planted_certificate import certify, doses_of, pairs_of, scores_of, screens_of
from tests.builders.planted_coverage import coverage
from tests.builders.planted_headlines import Digits, audit_digits, headlines
from tests.builders.planted_plots import PLOTS
from tests.builders.planted_scores import as_table

SCORES = "PLANTED_SCORES"
"""Environment variable: where the scores of whatever ran go as JSON."""
CERTIFICATE = "PLANTED_CERTIFICATE"
"""Environment variable: where the certificate of a whole run goes."""
FOLDER = "PLANTED_FOLDER"
"""Environment variable: a folder that keeps finished stages for the next run."""
GROWN = pytest.StashKey[Plantation]()
WANTED = pytest.StashKey[set[str]]()
STARTED = time.perf_counter()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "plots(*names): audits of the grid that a test looks at, started beforehand")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the chosen tests will ask for."""
    marks = [mark for item in session.items for mark in item.iter_markers("plots")]
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    session.config.stash[WANTED] = {name for mark in marks for name in mark.args} | (asked & {"digits", "covered"})


@pytest.fixture(scope="session")
def plants(pytestconfig: pytest.Config) -> Iterator[Plantation]:
    """Audits by plant; those that the chosen tests are marked with run two at a time from now on."""
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        grown = pytestconfig.stash[GROWN] = Plantation(Path(os.environ.get(FOLDER, scratch)))
        wanted = pytestconfig.stash[WANTED]
        if "digits" in wanted:  # the longest first, the shortest last: two workers end together
            grown.start("digits", audit_digits, grown.folder)
        grown.announce(wanted & set(PLOTS))
        if "covered" in wanted:
            grown.start("covered", coverage)
        yield grown
        grown.close()


@pytest.fixture(scope="session")
def digits(plants: Plantation) -> Digits:
    """The demo's audits."""
    return plants.wait("digits")


@pytest.fixture(scope="session")
def covered(plants: Plantation) -> list[Coverage]:
    """How often intervals held the truth."""
    return plants.wait("covered")


@pytest.fixture(scope="session")
def scores(plants: Plantation, covered: list[Coverage]) -> dict[str, Score]:
    """Every score of the whole grid, by name."""
    harvests = {name: plants.harvest(name) for name in PLOTS}
    return {score.name: score for score in scores_of(harvests, doses_of(harvests), covered)}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables; write what the environment asks for."""
    grown = config.stash.get(GROWN, None)
    if grown is None or not (harvests := grown.harvested()):
        return
    pairs, screens, covered = pairs_of(harvests), screens_of(harvests), grown.finished("covered") or []
    told = scores_of(harvests, doses_of(harvests), covered)
    digits = grown.finished("digits")
    published = [] if digits is None else headlines(digits)
    _print(terminalreporter, "planted truths", as_table(pairs))
    _print(terminalreporter, "symmetry screens", planted_screens.as_table(screens) if screens else [])
    _print(terminalreporter, "scores", [_line(score) for score in told])
    _print(
        terminalreporter, "coverage", [f"{one.quantity:70} {one.covered:.3f} of {one.repetitions}" for one in covered]
    )
    _print(terminalreporter, "the papers' headlines", planted_headlines.as_table(published))
    _print(terminalreporter, "seconds", [", ".join(f"{name} {one.seconds:.0f}" for name, one in harvests.items())])
    if SCORES in os.environ:
        report = {"scores": told, "pairs": pairs, "screens": screens}
        Path(os.environ[SCORES]).write_text(json.dumps(to_jsonable_python(report), indent=1))
    if CERTIFICATE in os.environ:
        try:
            found = certify(harvests, covered, published, time.perf_counter() - STARTED)
        except ValueError as incomplete:
            terminalreporter.line(str(incomplete))
        else:
            Path(os.environ[CERTIFICATE]).write_bytes(found.to_bytes())


def _print(reporter: pytest.TerminalReporter, title: str, lines: list[str]) -> None:
    if lines:
        reporter.section(title)
        for line in lines:
            reporter.line(line)


def _line(score: Score) -> str:
    told = "-" if score.value is None else f"{score.value:.3f}"
    bounds = "" if score.low is None or score.high is None else f" ({score.low:.3f} to {score.high:.3f}, n = {score.n})"
    missed = "  <-- MISSED" if score.met is False else ""
    return f"{score.name:22} {score.label:52} {told}{bounds}{missed}"
