"""The calibration certificate as one HTML page, under the same rules as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from schemas.certificate import Certificate, DosePoint, DoseResponse, Plant, PlantedPair, ScreenPair
from schemas.results import Chart, Estimate, Line, Verdict

from .charts import line_chart
from .formatting import number
from .page import environment, page_parts
from .vocabulary import TRUTHS


@dataclass(frozen=True)
class CertificateView:
    """The certificate with its verdicts counted by truth, and its pairs under their plants."""

    certificate: Certificate
    counts: Counter[tuple[str, Verdict]]
    truths: list[str]
    doses: list[tuple[DoseResponse, Markup | None]]

    @property
    def false_ignored(self) -> int:
        """Verdicts ``ignored`` on features that are used, as the certificate itself counts them."""
        told = [score.value for score in self.certificate.scores if score.name == "false_ignored"]
        return int(told[0]) if told and told[0] is not None else self.counts["used", Verdict.IGNORED]

    @property
    def screened(self) -> list[tuple[str, int, int, int]]:
        """Rows of the symmetry screen by truth: how many, how many of them right, how many wrong."""
        found = dict.fromkeys(pair.truth for pair in self.certificate.screens)
        return [
            (truth, *_counted([pair for pair in self.certificate.screens if pair.truth == truth])) for truth in found
        ]

    @property
    def missed(self) -> int:
        """Targets that were not reached."""
        return sum(score.met is False for score in self.certificate.scores)

    def pairs(self, plant: Plant) -> list[PlantedPair]:
        """The features of one plant."""
        return [pair for pair in self.certificate.pairs if pair.plant == plant.name]


def render_certificate(certificate: Certificate, digest: str) -> str:
    """One self-contained page.

    Args:
        certificate: what was measured on classifiers of known truth.
        digest: SHA-256 of the file, in hex.
    """
    template = environment().get_template("certificate.html.j2")
    return template.render(view=certificate_view(certificate), digest=digest, **page_parts())


def certificate_view(certificate: Certificate) -> CertificateView:
    """Everything the template needs."""
    counts = Counter((pair.truth, pair.verdict) for pair in certificate.pairs)
    found = dict.fromkeys(pair.truth for pair in certificate.pairs)
    known = [truth for truth in TRUTHS if truth in found]
    return CertificateView(
        certificate=certificate,
        counts=counts,
        truths=known + [truth for truth in found if truth not in known],
        doses=[(response, line_chart(_dose_chart(response))) for response in certificate.doses],
    )


def _counted(pairs: Sequence[ScreenPair]) -> tuple[int, int, int]:
    return len(pairs), sum(pair.right is True for pair in pairs), sum(pair.right is False for pair in pairs)


def _dose_chart(response: DoseResponse) -> Chart:
    return Chart(
        title=f"Retention of {response.name} over the planted dose",
        y="retention",
        x=[f"dose {number(point.dose)}" for point in response.points],
        lines=[
            Line(name="planted", values=_planted(response.points)),
            Line(name="measured", values=[point.told for point in response.points]),
        ],
    )


def _planted(points: Sequence[DosePoint]) -> list[Estimate | None]:
    return [Estimate(value=p.truth, low=p.truth, high=p.truth, n=0, method="closed form") for p in points]
