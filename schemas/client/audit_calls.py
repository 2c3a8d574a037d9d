"""Calls about audits: submit, watch, cancel, and read what came out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from ..audits import (
    Artifact,
    ArtifactList,
    Audit,
    AuditConfig,
    AuditCreate,
    AuditEvent,
    AuditPage,
    AuditState,
    SymmetryGroup,
    View,
)
from ..certificate import Certificate
from ..policies import Outcome
from ..results import AuditResult
from .errors import AuditUnfinished
from .events import Subscription
from .exchange import Exchange, new_key
from .transport import understood


class AuditCalls(Exchange):
    """Audits, and the certificate of the service that makes them."""

    def submit_audit(
        self,
        classifier: str,
        dataset: str,
        *,
        name: str | None = None,
        config: AuditConfig | None = None,
        views: Iterable[View] | None = None,
        outside: str | None = None,
        against: Iterable[str] = (),
        autoencoder: str | None = None,
        symmetries: Iterable[SymmetryGroup] | None = None,
        policy: str | None = None,
        baseline: str | None = None,
        idempotency_key: str | None = None,
    ) -> Audit:
        """Queue an audit. Sent again with the same ``idempotency_key``, it is the same audit.

        Args:
            classifier: id of what is audited.
            dataset: id of the references.
            name: for people.
            config: everything that changes the numbers; what follows is a short way to set parts of it.
            views: parts of the audit to make; left out, the profile's.
            outside: id of a dataset of images from elsewhere, shown beside the references.
            against: ids of other classifiers on the same references: a second model, or checkpoints in order.
            autoencoder: id of your own (:meth:`push_autoencoder`) in place of a fitted one.
            symmetries: groups that the classifier is declared to respect; left out, every group that fits is screened,
                and an empty one tests none.
            policy: id of a policy that the service checks with the result (:meth:`push_policy`).
            baseline: id of the succeeded audit that ``no_regression_against`` of its rules means.
            idempotency_key: sent twice, it is one audit.

        Raises:
            ServiceError: the service refused the request.
            ValidationError: the parts make no configuration.
        """
        given = {
            "views": None if views is None else list(views),
            "outside": outside,
            "against": list(against) or None,
            "autoencoder": autoencoder,
            "symmetries": None if symmetries is None else list(symmetries),
        }
        whole = (config or AuditConfig()).model_dump() | {
            key: value for key, value in given.items() if value is not None
        }
        body = AuditCreate(
            classifier=classifier,
            dataset=dataset,
            name=name,
            config=AuditConfig.model_validate(whole),
            policy=policy,
            baseline=baseline,
        )
        return self._create("/v1/audits", body, Audit, idempotency_key)

    def audit(self, audit: str) -> Audit:
        """One audit."""
        return self._get(f"/v1/audits/{audit}", Audit)

    def audits(
        self,
        *,
        state: AuditState | None = None,
        classifier: str | None = None,
        dataset: str | None = None,
        gate: Outcome | None = None,
    ) -> Iterator[Audit]:
        """Audits, newest first."""
        return self._pages("/v1/audits", AuditPage, state=state, classifier=classifier, dataset=dataset, gate=gate)

    def cancel(self, audit: str) -> Audit:
        """Ask the service to stop an audit; a queued one is cancelled at once.

        Raises:
            ServiceError: ``already-finished``.
        """
        # A cancel that is repeated does nothing more, so the key only tells the transport that it may retry.
        answer = self._transport.send("POST", f"/v1/audits/{audit}:cancel", headers={"Idempotency-Key": new_key()})
        return understood(Audit, answer.content)

    def watch(self, audit: str, *, after: int = 0, timeout: float | None = None) -> Iterator[AuditEvent]:
        """Every event of an audit after number ``after``, in order, each once, until the audit has ended.

        Raises:
            TimedOut: ``timeout`` seconds have passed; the audit goes on.
            ServiceError: the audit does not exist, or the key may not see it.
            Unreachable: the service stays away.
        """
        return iter(Subscription(self._transport, audit, after=after, timeout=timeout, sleep=self._sleep))

    def wait(self, audit: str, *, timeout: float | None = None) -> Audit:
        """Wait for the end of an audit.

        Raises:
            AuditUnfinished: it failed or was cancelled.
            TimedOut: ``timeout`` seconds have passed; the audit goes on.
        """
        for _ in self.watch(audit, timeout=timeout):
            pass
        ended = self.audit(audit)
        if ended.state is not AuditState.SUCCEEDED:
            raise AuditUnfinished(ended)
        return ended

    def result(self, audit: str) -> AuditResult:
        """The findings of a succeeded audit.

        Raises:
            ServiceError: ``report-not-ready`` before the end.
        """
        return understood(AuditResult, self.result_json(audit))

    def result_json(self, audit: str) -> bytes:
        """``result.json`` as it is stored, byte for byte."""
        return self._transport.send("GET", f"/v1/audits/{audit}/result").content

    def report(self, audit: str) -> str:
        """The report: one self-contained HTML page.

        Raises:
            ServiceError: ``report-not-ready`` before the end.
        """
        return self._transport.send("GET", f"/v1/audits/{audit}/report").text

    def artifacts(self, audit: str) -> list[Artifact]:
        """Every stored output of an audit."""
        return self._get(f"/v1/audits/{audit}/artifacts", ArtifactList).items

    def artifact(self, audit: str, role: str) -> bytes:
        """One stored output, such as ``sheets``."""
        return self._transport.send("GET", f"/v1/audits/{audit}/artifacts/{quote(role, safe='')}").content

    def certificate(self) -> Certificate:
        """The calibration certificate of the service: how often it was right where the truth is known.

        Raises:
            ServiceError: ``not-found``: this release has none.
        """
        return self._get("/v1/certificate?format=json", Certificate)

    def certificate_page(self) -> str:
        """The same as one self-contained HTML page."""
        return self._transport.send("GET", "/v1/certificate", params={"format": "html"}).text
