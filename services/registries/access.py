"""How this installation reaches the registries that its projects name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.db.automation import RegistryRow
from services.outbound.client import outbound_client
from services.sealing.sealer import Sealer
from services.settings import Settings

from .mlflow.server import MlflowServer

QUICK = 20.0
"""Seconds of one exchange with a registry."""
LONGEST_DOWNLOAD = 1800.0
"""Seconds of a model's way here."""


@dataclass(frozen=True)
class Access:
    """Opens the registries' tokens and connections.

    ``private``: whether they may be on private networks; ``tls``: what certificates are believed, if not the system's.
    """

    sealer: Sealer
    private: bool
    tls: ssl.SSLContext | None = None

    @contextmanager
    def server(self, row: RegistryRow, seconds: float = QUICK) -> Iterator[MlflowServer]:
        """A registry, for a block; no exchange takes longer than ``seconds``.

        Raises:
            Corrupt: its token cannot be opened.
            SecretsUnconfigured: this installation has no key.
        """
        token = None if row.sealed_token is None else self.sealer.open(row.sealed_token)
        with outbound_client(self.private, seconds, self.tls) as http:
            yield MlflowServer(http, row.url, token)


def access_of(settings: Settings, tls: ssl.SSLContext | None = None) -> Access:
    """As the settings say."""
    return Access(Sealer(settings.secret_key), settings.private_networks, tls)
