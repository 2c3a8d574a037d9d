"""How this installation reaches the registries that its projects name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.db.automation import RegistryRow
from services.outbound.client import outbound_client
from services.outbound.pace import LeastRate
from services.sealing.sealer import Sealer
from services.settings import Settings

from .mlflow.server import MlflowServer

QUICK = 20.0
"""Seconds of one exchange with a registry."""
LONGEST_DOWNLOAD = 1800.0
"""Seconds of a model's way here."""
LEAST_RATE = LeastRate(first=120.0, per_second=64 * 1024, window=30.0)
"""Of a model's way here. MLflow may fetch a file from its own store before it sends the first byte."""


@dataclass(frozen=True)
class Access:
    """Opens the registries' tokens and connections.

    ``private``: whether they may be on private networks; ``tls``: what certificates are believed, if not the system's.
    """

    sealer: Sealer
    private: bool
    tls: ssl.SSLContext | None = None

    @contextmanager
    def server(self, row: RegistryRow, seconds: float = QUICK, rate: LeastRate | None = None) -> Iterator[MlflowServer]:
        """A registry, for a block; no exchange takes longer than ``seconds``, or is slower than ``rate``.

        Raises:
            Corrupt: its token cannot be opened.
            SecretsUnconfigured: this installation has no key.
        """
        token = None if row.sealed_token is None else self.sealer.open(row.sealed_token)
        with outbound_client(self.private, seconds, self.tls, rate=rate) as http:
            yield MlflowServer(http, row.url, token)


def access_of(settings: Settings, tls: ssl.SSLContext | None = None) -> Access:
    """As the settings say."""
    return Access(Sealer(settings.secret_key), settings.private_networks, tls)
