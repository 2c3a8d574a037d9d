"""A real identity provider on this machine: discovery, published keys, and tokens signed with them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "scotoma"
MAKERS: dict[str, tuple[Any, Any]] = {
    "RS256": (lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048), RSAAlgorithm),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}


@dataclass
class SigningKey:
    """A key pair and the algorithm that it signs with."""

    kid: str
    algorithm: str
    private: Any = field(init=False)

    def __post_init__(self) -> None:
        self.private = MAKERS[self.algorithm][0]()

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half, as published."""
        public = MAKERS[self.algorithm][1].to_jwk(self.private.public_key(), as_dict=True)
        return public | {"kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def pem(self) -> bytes:
        """The public half as PEM."""
        return bytes(self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@dataclass
class IdentityProvider:
    """What it publishes can be changed while it runs; ``asked`` counts requests by path.

    ``padding``: spaces after each answer; ``encoding``: what each says of itself.
    """

    url: str = ""
    keys: list[SigningKey] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    issuer: str | None = None
    healthy: bool = True
    padding: int = 0
    encoding: str = "identity"

    def token(self, key: SigningKey | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is valid for an hour, but for what ``claims`` and ``headers`` say; ``None`` leaves one out."""
        key = key or self.keys[0]
        body = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": int(time.time()), "exp": int(time.time()) + 3600}
        body |= {"scotoma_project": "default", "scotoma_scope": "viewer"} | claims
        given = {name: value for name, value in body.items() if value is not None}
        marked = {"kid": key.kid} | (headers or {})
        marked = {name: value for name, value in marked.items() if value is not None}
        return jwt.encode(given, key.private, key.algorithm, marked)

    def page(self, path: str) -> dict[str, Any] | None:
        """What is published at ``path``."""
        self.asked[path] = self.asked.get(path, 0) + 1
        pages = {
            "/.well-known/openid-configuration": {"issuer": self.issuer or self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [key.jwk for key in self.keys]},
        }
        return pages.get(path) if self.healthy else None


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """One on a free port, with an RSA key."""
    provider = IdentityProvider(keys=[SigningKey("first", "RS256")])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = provider.page(self.path)
            self.send_response(503 if page is None else 200)
            self.send_header("Content-Encoding", provider.encoding)
            self.end_headers()
            self.wfile.write(json.dumps(page).encode() + b" " * provider.padding)

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output stays readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
