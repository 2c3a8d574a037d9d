"""The Python client."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from ..audits import Artifact, ArtifactList, Audit, AuditConfig, AuditCreate, AuditEvent, AuditPage, AuditState
from ..classifiers import Classifier, ClassifierCreate, ClassifierPage, InputSpec, IntakeState
from ..datasets import AttributeSpec, Dataset, DatasetCreate, DatasetPage
from ..results import AuditResult
from ..scalars import Contract, Sha256
from .errors import AuditUnfinished, IntakeRefused, ScotomaError, TimedOut
from .events import Subscription
from .files import DIRECT_LIMIT, OnProgress, sha256_of, upload_file
from .transport import Transport, understood

Model = TypeVar("Model", bound=Contract)
Item = TypeVar("Item", Classifier, Dataset)

POLL_EVERY = 0.5


class Client:
    """Talks to one Scotoma service.

    Example::

        with Client("http://127.0.0.1:8000", api_key) as client:
            classifier = client.wait_for_intake(client.push_classifier(Path("model.onnx")))
            dataset = client.wait_for_intake(client.push_dataset(Path("images.npz")))
            audit = client.submit_audit(classifier.id, dataset.id)
            for event in client.watch(audit.id):
                print(event.type, event.data)
            print(client.result(audit.id).finding("hue").verdict)

    Args:
        url: root of the service; ``SCOTOMA_URL`` when left out.
        api_key: ``scot_…``; ``SCOTOMA_API_KEY`` when left out.
        timeout: seconds for each read or write of the network.
        retries: further tries, with backoff, of requests that may be repeated.
        transport: an httpx transport in place of the network.
        sleep: how to wait between tries and polls.

    Raises:
        ScotomaError: neither argument nor variable says where the service is or with which key.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        url = url or os.environ.get("SCOTOMA_URL")
        api_key = api_key or os.environ.get("SCOTOMA_API_KEY")
        if not url or not api_key:
            raise ScotomaError("Set SCOTOMA_URL and SCOTOMA_API_KEY, or pass url and api_key.")
        self._sleep = sleep
        self._transport = Transport(url, api_key, timeout=timeout, retries=retries, transport=transport, sleep=sleep)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # --- files ---

    def push_classifier(
        self,
        path: Path | str,
        *,
        name: str | None = None,
        input: InputSpec | None = None,
        classes: list[str] | None = None,
        reuse: bool = True,
        on_progress: OnProgress | None = None,
    ) -> Classifier:
        """Upload an ONNX file. With ``reuse``, the same bytes with the same specification are not sent again.

        Returns:
            The classifier, usually still ``pending``: see :meth:`wait_for_intake`.

        Raises:
            OSError: the file cannot be read.
            ServiceError: the service refused the request.
        """
        path, spec = Path(path), input or InputSpec()
        digest = sha256_of(path)
        if reuse and (known := self._known_classifier(digest, spec, classes)) is not None:
            return known
        upload = upload_file(self._transport, path, digest=digest, on_progress=on_progress, direct_limit=DIRECT_LIMIT)
        body = ClassifierCreate(name=name or path.name, upload=upload.id, input=spec, classes=classes)
        return self._create("/v1/classifiers", body, Classifier)

    def push_dataset(
        self,
        path: Path | str,
        *,
        name: str | None = None,
        attributes: Mapping[str, AttributeSpec] | None = None,
        reuse: bool = True,
        on_progress: OnProgress | None = None,
    ) -> Dataset:
        """Upload reference images (``.npz``, ``.zip`` or ``.tar``), as :meth:`push_classifier` does for models.

        Raises:
            OSError: the file cannot be read.
            ServiceError: the service refused the request.
        """
        path, declared = Path(path), dict(attributes or {})
        digest = sha256_of(path)
        if reuse and (known := self._known_dataset(digest, declared)) is not None:
            return known
        upload = upload_file(self._transport, path, digest=digest, on_progress=on_progress, direct_limit=DIRECT_LIMIT)
        body = DatasetCreate(name=name or path.name, upload=upload.id, attributes=declared)
        return self._create("/v1/datasets", body, Dataset)

    def wait_for_intake(self, item: Item, *, timeout: float | None = None) -> Item:
        """Wait until the service has read the file.

        Raises:
            IntakeRefused: the file cannot be audited.
            TimedOut: ``timeout`` seconds have passed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while item.state is IntakeState.PENDING:
            if deadline is not None and time.monotonic() > deadline:
                raise TimedOut(f"{item.name} is still being read by the service.")
            self._sleep(POLL_EVERY)
            item = self.classifier(item.id) if isinstance(item, Classifier) else self.dataset(item.id)
        if item.state is IntakeState.REJECTED:
            raise IntakeRefused(item.name, item.problem)
        return item

    def classifier(self, classifier: str) -> Classifier:
        """One classifier."""
        return self._get(f"/v1/classifiers/{classifier}", Classifier)

    def dataset(self, dataset: str) -> Dataset:
        """One dataset."""
        return self._get(f"/v1/datasets/{dataset}", Dataset)

    def classifiers(self, *, digest: Sha256 | None = None) -> Iterator[Classifier]:
        """Every classifier, newest first; with ``digest``, those with these bytes."""
        return self._pages("/v1/classifiers", ClassifierPage, digest=digest)

    def datasets(self, *, digest: Sha256 | None = None) -> Iterator[Dataset]:
        """Every dataset, newest first; with ``digest``, those with these bytes."""
        return self._pages("/v1/datasets", DatasetPage, digest=digest)

    def _known_classifier(self, digest: Sha256, spec: InputSpec, classes: list[str] | None) -> Classifier | None:
        for item in self.classifiers(digest=digest):
            if item.state is not IntakeState.REJECTED and item.input == spec and item.classes == classes:
                return item
        return None

    def _known_dataset(self, digest: Sha256, attributes: dict[str, AttributeSpec]) -> Dataset | None:
        for item in self.datasets(digest=digest):
            if item.state is not IntakeState.REJECTED and item.attributes == attributes:
                return item
        return None

    # --- audits ---

    def submit_audit(
        self,
        classifier: str,
        dataset: str,
        *,
        name: str | None = None,
        config: AuditConfig | None = None,
        idempotency_key: str | None = None,
    ) -> Audit:
        """Queue an audit. Sent again with the same ``idempotency_key``, it is the same audit.

        Raises:
            ServiceError: the service refused the request.
        """
        body = AuditCreate(classifier=classifier, dataset=dataset, name=name, config=config or AuditConfig())
        return self._create("/v1/audits", body, Audit, idempotency_key)

    def audit(self, audit: str) -> Audit:
        """One audit."""
        return self._get(f"/v1/audits/{audit}", Audit)

    def audits(
        self, *, state: AuditState | None = None, classifier: str | None = None, dataset: str | None = None
    ) -> Iterator[Audit]:
        """Audits, newest first."""
        return self._pages("/v1/audits", AuditPage, state=state, classifier=classifier, dataset=dataset)

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

    # --- exchange ---

    def _get(self, path: str, model: type[Model]) -> Model:
        return understood(model, self._transport.send("GET", path).content)

    def _create(self, path: str, body: Contract, model: type[Model], key: str | None = None) -> Model:
        headers = {"Idempotency-Key": key or new_key()}
        answer = self._transport.send("POST", path, json=body.model_dump(mode="json"), headers=headers)
        return understood(model, answer.content)

    def _pages(self, path: str, model: type[Any], **filters: str | None) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            answer = self._transport.send("GET", path, params={**filters, "cursor": cursor})
            page = understood(model, answer.content)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return


def new_key() -> str:
    """A fresh ``Idempotency-Key``."""
    return str(uuid.uuid4())
