"""Calls about model registries. Their secrets are in the answers that make them, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

from ..registries import (
    Registry,
    RegistryChange,
    RegistryCreate,
    RegistryCreated,
    RegistryPage,
    RegistryVersion,
    RegistryVersionPage,
    VersionTold,
)
from .exchange import Exchange
from .transport import understood


class RegistryCalls(Exchange):
    """Registries; the key needs the scope ``admin``."""

    def create_registry(self, registry: RegistryCreate) -> RegistryCreated:
        """Connect a registry: what it tells of is audited.

        Raises:
            ServiceError: the service may not reach it, or something that ``registry`` names does not exist.
        """
        # Without an Idempotency-Key, which would have the service keep the secret: not repeated by the transport.
        answer = self._transport.send("POST", "/v1/registries", json=registry.model_dump(mode="json"))
        return understood(RegistryCreated, answer.content)

    def registry(self, registry: str) -> Registry:
        """One registry."""
        return self._get(f"/v1/registries/{registry}", Registry)

    def registries(self) -> Iterator[Registry]:
        """Every registry, newest first."""
        return self._pages("/v1/registries", RegistryPage)

    def change_registry(self, registry: str, change: RegistryChange) -> Registry:
        """Change what ``change`` names."""
        body = change.model_dump(mode="json", exclude_none=True)
        return understood(Registry, self._transport.send("PATCH", f"/v1/registries/{registry}", json=body).content)

    def rotate_registry(self, registry: str) -> RegistryCreated:
        """A new secret; for 24 hours the one before is taken, too."""
        return understood(RegistryCreated, self._transport.send("POST", f"/v1/registries/{registry}:rotate").content)

    def delete_registry(self, registry: str) -> None:
        """Forget it and what it told; classifiers and audits that came of it stay."""
        self._transport.send("DELETE", f"/v1/registries/{registry}")

    def registry_versions(self, registry: str) -> Iterator[RegistryVersion]:
        """What it told of, newest first, and what became of each."""
        return self._pages(f"/v1/registries/{registry}/versions", RegistryVersionPage)

    def import_version(self, registry: str, model: str, version: str) -> RegistryVersion:
        """Audit a version that it did not tell of, or one again whose import failed."""
        body = VersionTold(model=model, version=version).model_dump(mode="json")
        return understood(
            RegistryVersion, self._transport.send("POST", f"/v1/registries/{registry}/versions", json=body).content
        )
