"""The Python client."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import httpx

from .audit_calls import AuditCalls
from .comparison_calls import ComparisonCalls
from .errors import ScotomaError
from .file_calls import FileCalls
from .registry_calls import RegistryCalls
from .schedule_calls import ScheduleCalls
from .team_calls import TeamCalls
from .transport import Transport
from .trust_calls import TrustCalls
from .webhook_calls import WebhookCalls


class Client(FileCalls, AuditCalls, ComparisonCalls, TeamCalls, WebhookCalls, TrustCalls, ScheduleCalls, RegistryCalls):
    """Talks to one Scotoma service.

    Example::

        with Client("http://127.0.0.1:8000", api_key) as client:
            classifier = client.wait_for_intake(client.push_classifier(Path("model.onnx")))
            dataset = client.wait_for_intake(client.push_dataset(Path("images.npz")))
            audit = client.submit_audit(classifier.id, dataset.id, views=[View.CONCEPTS, View.MIXING])
            for event in client.watch(audit.id):
                print(event.type, event.data)
            print(client.result(audit.id).finding("hue").verdict)

    Beside the classifier and its references an audit may name other classifiers (``against``), images from elsewhere
    (``outside``) and an autoencoder of your own (:meth:`push_autoencoder`): see :meth:`submit_audit`.

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
        super().__init__(
            Transport(url, api_key, timeout=timeout, retries=retries, transport=transport, sleep=sleep), sleep
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
