"""The calibration certificate: how often this very code was right on classifiers whose truth is known.

``make planted`` writes it, a release carries it, every report links it (``GET /v1/certificate``).
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from .audits import SymmetryGroup
from .results import CertificateMark, Estimate, Verdict
from .scalars import Contract, Probability
from .stages import STAGE_CODE_VERSION

RELEASED = Path(__file__).with_name("certificate.json")
"""The certificate of this release. Its digest is that of the file's bytes."""


class Score(Contract):
    """One figure of the planted grid beside its target. ``name`` is a key, ``label`` is for people.

    ``value`` is ``None`` where nothing could be counted; ``low`` and ``high`` bound a share over ``n`` pairs at 95 %
    (Wilson). ``at_least`` and ``at_most`` are the target, where there is one; ``met`` says whether it was reached.
    """

    name: str
    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    at_least: float | None = None
    at_most: float | None = None
    met: bool | None = None
    detail: str = ""


class Plant(Contract):
    """A classifier and its references: ``code`` is the row of the plan of plants (P1 to P11), ``construction`` why its
    truth is known.
    """

    name: str
    code: str
    construction: str


class PlantedPair(Contract):
    """One feature of one plant: what is true, what the audit told at ``tap``, and the verdict.

    ``truth`` is a kind (``used``, ``invisible``: the answer and the logits cannot depend on it, ``carried``: in the
    logits, yet no answer depends on it, ``between``: too weak to call either way, ``blind spot``: lost in the
    autoencoder, ``tied``: moves with another feature in the references, ``trigger``: planted to find the smallest one
    that is seen, ``pose``: a hidden tap holds it as a turn or a place of its values alone and no answer depends on it,
    which takes ``encoded_unused`` with ``pose_only`` to be right). ``flips`` is the Monte-Carlo flip rate, made by
    rendering every picture again with that factor alone changed, ``told`` that of the audit. ``kept`` is the true
    retention at the logits (nearest neighbours among many rendered pictures), ``predictive`` and ``generative`` what
    the audit told of it at ``tap``. ``right`` is ``None`` where truth allows several verdicts.
    """

    plant: str
    feature: str
    truth: str
    flips: Probability
    told: Estimate | None
    kept: Probability | None = None
    predictive: Estimate | None = None
    generative: Estimate | None = None
    verdict: Verdict
    right: bool | None
    tap: str = "logits"
    pose_only: bool = False


class ScreenPair(Contract):
    """One group at one tap of one plant: what its construction makes of the group, and what the screen told.

    ``truth``: ``exact`` (``action`` holds to the last bits), ``approximate`` (learned, nothing enforces it), ``broken``
    (the graph uses what the group moves). ``told`` and ``told_action`` are the screen's state and action, ``error`` its
    equivariance error under that action. ``right`` is ``None`` where truth allows several states, as training does; an
    exact pair is right where state and action are, a broken one where the state is.
    """

    plant: str
    tap: str
    group: SymmetryGroup
    truth: Literal["exact", "approximate", "broken"]
    action: Literal["identity", "spatial", "regular", "regular_interleaved", "nodes"] | None = None
    told: Literal["exact", "approximate", "broken", "unclear"]
    told_action: Literal["identity", "spatial", "regular", "regular_interleaved", "nodes"]
    error: Estimate
    right: bool | None


class DosePoint(Contract):
    """One planted strength: the retention that follows from it in closed form, and what was measured."""

    dose: float
    truth: Probability
    told: Estimate


class DoseResponse(Contract):
    """Measured against planted retention over growing doses: a straight line of slope 1 through 0 is perfect."""

    name: str
    construction: str
    points: list[DosePoint]
    slope: float
    intercept: float
    spearman: float


class Coverage(Contract):
    """How often an interval of nominal ``level`` held the truth over ``repetitions`` newly drawn reference sets.

    ``low`` and ``high`` bound ``covered`` at 95 % (Wilson).
    """

    quantity: str
    level: Probability
    repetitions: int
    images: int
    covered: Probability
    low: Probability
    high: Probability
    detail: str = ""


class Headline(Contract):
    """A paper's own headline quantity, on this service's ColorMNIST, beside the published value in its own words.

    ``subject`` is what was measured (a classifier of the demo, the autoencoder's codes), ``provenance`` where the
    published value comes from. The data, the classifiers and the sizes are not the papers': only the order compares.
    """

    name: str
    label: str
    subject: str
    told: Estimate | None
    published: str
    provenance: str


class Machine(Contract):
    """Where the certificate was made, and how."""

    processor: str
    cores: int
    python: str
    libraries: dict[str, str]
    command: str
    seconds: float


class Certificate(Contract):
    """Every planted truth, every verdict on it, and the scores.

    ``uncovered`` names in words what this certificate says nothing about.
    """

    schema_version: Literal["1"] = "1"
    stage_code_version: str
    scotoma: str
    made_at: datetime
    machine: Machine
    profile: str
    scores: list[Score]
    plants: list[Plant]
    pairs: list[PlantedPair]
    screens: list[ScreenPair] = []
    doses: list[DoseResponse] = []
    coverage: list[Coverage] = []
    headlines: list[Headline] = []
    uncovered: list[str] = []

    def score(self, name: str) -> Score:
        """The score of that name.

        Raises:
            KeyError: there is no such score.
        """
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(f"no score {name!r} in the certificate")

    def to_bytes(self) -> bytes:
        """The file, the same bytes for the same certificate."""
        return (json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


def released(path: Path = RELEASED) -> Certificate | None:
    """The certificate of this release; ``None`` where none was made for the running ``STAGE_CODE_VERSION``."""
    data = released_bytes(path)
    return None if data is None else Certificate.model_validate_json(data)


@cache
def released_bytes(path: Path = RELEASED) -> bytes | None:
    """The file of ``released``, byte for byte as its digest was taken."""
    if not path.exists():
        return None
    data = path.read_bytes()
    return data if json.loads(data).get("stage_code_version") == STAGE_CODE_VERSION else None


def mark(path: Path = RELEASED) -> CertificateMark | None:
    """What every ``result.json`` says of the certificate; ``None`` where there is none for this code."""
    certificate, data = released(path), released_bytes(path)
    if certificate is None or data is None:
        return None
    scores = {score.name: score.value for score in certificate.scores if score.value is not None}
    return CertificateMark(
        digest=hashlib.sha256(data).hexdigest(), made_at=certificate.made_at, pairs=len(certificate.pairs),
        false_ignored=int(scores["false_ignored"]), scores=scores,
    )  # fmt: skip
