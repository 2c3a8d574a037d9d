"""One frozen settings object, built from a mapping. Nothing is read at import."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

PREFIX = "SCOTOMA_"
SEED_BYTES = 32
"""Of an ed25519 key."""


class SettingsError(ValueError):
    """The environment does not describe a service; the message names each variable."""


class Settings(BaseModel):
    """Everything that differs between two installations. ``SCOTOMA_DATABASE_URL`` sets ``database_url``, and so on.

    Times are in seconds, sizes in bytes. ``ray_address`` empty means: start Ray on this machine;
    ``metrics_port`` 0: the dispatcher serves no metrics;
    it makes ``ready_file`` when it begins to claim.
    ``s3_endpoint`` empty means: the provider's own (AWS); ``s3_public_endpoint`` is what clients reach in
    presigned URLs, when that differs; ``s3_prefix`` (ending in ``/``) goes before every key.

    ``secret_key`` seals secrets of webhooks and registries in the database; ``signing_key`` (32 bytes, base64) signs
    manifests and reports: without one they are not signed. ``public_url`` is where people reach the service, for links
    in messages. Tokens of ``oidc_issuer`` are taken when it is set; ``oidc_jwks_url`` empty: found by discovery;
    both by https, unless ``private_networks``.
    ``private_networks``: whether webhooks and registries may be on private addresses. ``openlineage_url`` is where
    events are posted to (``http://marquez:5000/api/v1/lineage``), with ``openlineage_api_key`` as bearer token if there
    is one; it and ``otlp_endpoint`` empty: nothing is sent. Every ``collector_seconds`` objects that nothing names and
    that are older than ``orphan_seconds`` are removed, and stage outputs that no audit used for ``stage_memory_days``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: SecretStr
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    s3_bucket: str = "scotoma"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"
    s3_prefix: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_.\-]*/)*$")

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65535)

    lease_seconds: float = Field(default=60.0, gt=0)
    heartbeat_seconds: float = Field(default=10.0, gt=0)
    poll_seconds: float = Field(default=0.5, gt=0)
    max_attempts: int = Field(default=3, ge=1)
    audit_slots: int = Field(default=2, ge=1)
    intake_slots: int = Field(default=2, ge=1)
    ray_address: str = ""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    ready_file: str = ""

    secret_key: SecretStr = SecretStr("")
    signing_key: SecretStr = SecretStr("")
    public_url: str = ""

    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    oidc_project_claim: str = "scotoma_project"
    oidc_scope_claim: str = "scotoma_scope"

    scheduler_seconds: float = Field(default=1.0, gt=0)
    delivery_seconds: float = Field(default=1.0, gt=0)
    private_networks: bool = False
    openlineage_url: str = ""
    openlineage_api_key: SecretStr = SecretStr("")
    otlp_endpoint: str = ""

    collector_seconds: float = Field(default=3600.0, gt=0)
    orphan_seconds: int = Field(default=24 * 3600, gt=0)
    stage_memory_days: int = Field(default=30, ge=1)

    max_upload_bytes: int = Field(default=8 * 2**30, gt=0)
    max_direct_upload_bytes: int = Field(default=256 * 2**20, gt=0)
    part_bytes: int = Field(default=16 * 2**20, ge=5 * 2**20, le=5 * 2**30)
    upload_expiry_seconds: int = Field(default=24 * 3600, gt=0)
    idempotency_expiry_seconds: int = Field(default=24 * 3600, gt=0)

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def told_sinks(self) -> tuple[str, ...]:
        """Sinks of events that the operator set up for the whole installation."""
        return ("openlineage",) if self.openlineage_url else ()

    @field_validator("signing_key")
    @classmethod
    def _seed(cls, value: SecretStr) -> SecretStr:
        """Checked at start: a service that cannot sign what it was told to sign must not run."""
        seed = value.get_secret_value()
        try:
            known = not seed or len(base64.b64decode(seed, validate=True)) == SEED_BYTES
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"must be {SEED_BYTES} bytes in base64, as `openssl rand -base64 {SEED_BYTES}` makes them")
        return value


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from ``SCOTOMA_*`` entries of ``environ``; an empty value means unset.

    Raises:
        SettingsError: a variable is missing, unknown to its type, or out of range.
    """
    values = {name: environ[key] for name in Settings.model_fields if environ.get(key := PREFIX + name.upper())}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    if settings.oidc_issuer and not settings.oidc_audience:
        # Without one, a token for any other service of the same provider would be taken.
        raise SettingsError("SCOTOMA_OIDC_AUDIENCE is needed beside SCOTOMA_OIDC_ISSUER")
    for name in ("oidc_issuer", "oidc_jwks_url"):
        url = getattr(settings, name)
        if url and not is_secure(url, settings.private_networks):
            # Whoever sits between could give out keys of his own.
            raise SettingsError(f"{PREFIX}{name.upper()} must begin with https://")
    if settings.lease_seconds < 3 * settings.heartbeat_seconds:
        raise SettingsError("SCOTOMA_LEASE_SECONDS must be at least three times SCOTOMA_HEARTBEAT_SECONDS")
    return settings


def is_secure(url: str, private: bool) -> bool:
    """Whether nobody on the way can change what ``url`` serves: https, or this machine; any http where ``private``
    networks are trusted.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and (private or _is_this_machine(parts.hostname or ""))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def settings_environ(settings: Settings) -> dict[str, str]:
    """The entries that :func:`load_settings` reads back as ``settings``; for child processes."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {PREFIX + name.upper(): _plain(value) for name, value in values.items()}


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _explain(error: ValidationError) -> str:
    lines = [f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors(include_input=False)]
    return "the settings are not usable: " + "; ".join(lines)
