"""Bearer tokens of an identity provider (OpenID Connect): verified against its published keys, read as a principal.

Sources: OpenID Connect Core 1.0 section 3.1.3.7 and Discovery 1.0 section 4.3; RFC 8725 (best practices of JWT):
the algorithms are ours, never the token's; issuer, audience and times are always checked.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from jwt import PyJWKClient
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schemas.api_keys import Scope
from services.db.trust import ProjectRow
from services.errors import Forbidden, Unauthenticated, Unavailable
from services.outbound.bodies import PLAIN, limited, parsed
from services.settings import Settings, is_secure

from .service import Principal

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Signatures only: a shared secret (HS256) could be the public key itself."""
REQUIRED = ("exp", "iss", "aud", "sub")
LEEWAY_SECONDS = 60.0
"""How far the clocks of provider and service may differ."""
COOLDOWN_SECONDS = 30.0
"""Between two fetches for a key id that is unknown: tokens with made-up ids do not become requests."""
QUIET_SECONDS = 10.0
"""After a failed fetch no other is tried for so long: a provider that hangs does not take the service's threads."""
FETCH_SECONDS = 5.0
MOST_JSON = 2**20
"""Bytes of a description or a set of keys."""
DISCOVERY = "/.well-known/openid-configuration"

log = structlog.get_logger(__name__)


class Bearers:
    """Reads tokens of one issuer. Safe to share between threads; its keys are fetched at first use and kept 5 minutes.

    Args:
        settings: with ``oidc_issuer`` and ``oidc_audience`` set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = _IssuerKeys(settings.oidc_issuer, settings.oidc_jwks_url, settings.private_networks)

    def claims(self, token: str) -> dict[str, Any]:
        """What ``token`` says, once its signature, issuer, audience and times are found right. Opens no transaction.

        Raises:
            Unauthenticated: it is not a valid token for this service.
            Unavailable: the provider's keys are needed and cannot be had.
        """
        try:
            key = self._keys.get_signing_key(_key_id(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._settings.oidc_audience,
                issuer=self._settings.oidc_issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
            return _with_subject(claims)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.", "Ask the identity provider for a fresh one.") from error
        except jwt.PyJWTError as error:
            log.info("oidc.refused", reason=type(error).__name__)
            raise _refused() from error

    def principal(self, session: Session, claims: dict[str, Any]) -> Principal:
        """Who the verified ``claims`` stand for; the same person has the same id in every token and project.

        Raises:
            Forbidden: they name no project or scope that exists here.
        """
        project = self._project(session, claims.get(self._settings.oidc_project_claim))
        scope = self._scope(claims.get(self._settings.oidc_scope_claim))
        return Principal(_identity(claims["iss"], claims["sub"]), scope, project)

    def _project(self, session: Session, named: object) -> str:
        if isinstance(named, str):
            wanted = or_(ProjectRow.id == named, ProjectRow.name == named)
            found = session.scalar(select(ProjectRow.id).where(wanted))
            if found is not None:
                return found
        claim = self._settings.oidc_project_claim
        advice = f"Its claim {claim!r} must be the name or id of a project: ask who manages the identity provider."
        raise Forbidden("The token names no project of this service.", advice)

    def _scope(self, named: object) -> Scope:
        """A word, or a list of words of which one is a scope: providers write roles as lists."""
        words = named if isinstance(named, list) else [named]
        scopes = [Scope(word) for word in words if isinstance(word, str) and word in set(Scope)]
        if len(scopes) == 1:
            return scopes[0]
        claim = self._settings.oidc_scope_claim
        advice = f"Its claim {claim!r} must be one of {', '.join(Scope)}: ask who manages the identity provider."
        raise Forbidden("The token names no scope, or several.", advice)


class _IssuerKeys(PyJWKClient):
    """The issuer's keys; where they are is asked of the issuer itself when no address is given."""

    def __init__(self, issuer: str, url: str, private: bool) -> None:
        super().__init__(url or issuer, timeout=FETCH_SECONDS, cooldown_duration=COOLDOWN_SECONDS)
        self._issuer, self._private = issuer, private
        self._discovers = not url
        self._quiet_until = 0.0

    def fetch_data(self) -> Any:
        """The published key set. Called under the client's lock.

        Raises:
            Unavailable: it cannot be had, now or within the last seconds.
        """
        if time.monotonic() < self._quiet_until:
            raise _unavailable()
        try:
            if self._discovers:
                self.uri = _discovered(self._issuer, self._private)
            return self._kept(_fetched(self.uri))
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, KeyError, TypeError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("oidc.keys_unavailable", issuer=self._issuer, error=type(error).__name__)
            raise _unavailable() from error

    def _kept(self, keys: Any) -> Any:
        """As the base class keeps what it fetched: it would read an answer of any length."""
        keys = self._as_jwk_set_payload(keys)
        if self.jwk_set_cache is not None:
            self.jwk_set_cache.put(keys)
        self._last_successful_fetch = time.monotonic()
        return keys


def _fetched(url: str) -> Any:
    """JSON of the identity provider. No redirect is followed."""
    with httpx.stream("GET", url, headers=PLAIN, timeout=FETCH_SECONDS, follow_redirects=False) as answer:
        return parsed(limited(answer.raise_for_status(), MOST_JSON))


def _discovered(issuer: str, private: bool) -> str:
    """The address of the keys, by the issuer's own description, which must be its own."""
    described = _fetched(issuer.rstrip("/") + DISCOVERY)
    if described["issuer"] != issuer:
        raise ValueError("the description is another issuer's")
    url = str(described["jwks_uri"])
    if not is_secure(url, private) or urlsplit(url).scheme not in {"https", urlsplit(issuer).scheme}:
        raise ValueError("the keys are not served as safely as their description")
    return url


def _key_id(token: str) -> str:
    """Which key signed it. All that is believed of a token before its signature is checked.

    Raises:
        Unauthenticated: it names none, or an algorithm that is not taken: no key is fetched for it.
        DecodeError: it is no token.
    """
    header = jwt.get_unverified_header(token)
    key_id = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str):
        raise _refused()
    return key_id


def _with_subject(claims: dict[str, Any]) -> dict[str, Any]:
    """``claims`` that name somebody. All whose provider leaves it empty would be one person.

    Raises:
        InvalidTokenError: they do not.
    """
    if not claims["sub"].strip():
        raise jwt.InvalidTokenError("the subject is empty")
    return claims


def _identity(issuer: str, subject: str) -> str:
    """A stable id of (issuer, subject): names of people stay out of rows and logs."""
    return "usr_" + hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:24]


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This is neither an API key nor a valid token of this service's identity provider.",
        "Send an API key, or a token whose audience is this service.",
    )


def _unavailable() -> Unavailable:
    return Unavailable("The identity provider's keys cannot be had.", "Try again later, or use an API key.")
