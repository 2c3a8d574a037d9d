"""Tokens of an identity provider: what is taken, what is refused, and how often the provider is asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import Engine, select

from schemas.api_keys import Scope
from schemas.projects import ProjectCreate
from services.api_keys import oidc
from services.db.engine import transaction
from services.db.trust import TrailRow
from services.projects import service as projects
from services.settings import Settings, SettingsError, load_settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.identity_provider import AUDIENCE, IdentityProvider, SigningKey, identity_provider

KEYS = "/keys"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore, provider: IdentityProvider) -> Iterator[Api]:
    known = settings.model_copy(update={"oidc_issuer": provider.url, "oidc_audience": AUDIENCE})
    with api_in_thread(known, engine, store) as api:
        yield api


def ask(api: Api, token: str, path: str = "/v1/audits", method: str = "GET", **options: Any) -> httpx.Response:
    with api.http(None, Authorization=f"Bearer {token}") as http:
        return http.request(method, path, **options)


def test_tokens_of_every_taken_algorithm_are_read(api: Api, provider: IdentityProvider) -> None:
    provider.keys += [SigningKey("second", "ES256"), SigningKey("third", "EdDSA")]
    for key in provider.keys:
        assert ask(api, provider.token(key)).status_code == 200, key.algorithm
    assert provider.asked == {oidc.DISCOVERY: 1, KEYS: 1}


def test_keys_of_the_service_work_beside_tokens(api: Api, provider: IdentityProvider) -> None:
    assert ask(api, api.key(Scope.VIEWER)).status_code == 200
    assert ask(api, "scot_unknown").status_code == 401
    assert provider.asked == {}


def test_a_token_acts_in_its_project_with_its_scope(api: Api, provider: IdentityProvider) -> None:
    with transaction(api.factory) as session:
        project = projects.create(session, ProjectCreate(name="vision"))
    for named in (project.id, "vision"):
        token = provider.token(scotoma_project=named, scotoma_scope=["offline", "submitter"])
        seen = ask(api, token, "/v1/projects").json()["items"]
        assert [item["id"] for item in seen] == [project.id]
        assert ask(api, token, "/v1/api-keys").status_code == 403
        assert ask(api, token, "/v1/uploads", "POST", json={"filename": "a", "bytes": 1}).status_code == 201
    with transaction(api.factory) as session:
        rows = list(session.scalars(select(TrailRow)))
    assert {row.project_id for row in rows} == {project.id}
    assert len({row.principal for row in rows}) == 1
    assert rows[0].principal.startswith("usr_")


def test_an_operator_by_token_is_one(api: Api, provider: IdentityProvider) -> None:
    token = provider.token(scotoma_scope="admin")
    assert ask(api, token, "/v1/projects", "POST", json={"name": "vision"}).status_code == 201
    weaker = provider.token(scotoma_scope="viewer")
    assert ask(api, weaker, "/v1/projects", "POST", json={"name": "other"}).status_code == 403


LACKING: list[tuple[dict[str, Any], str]] = [
    ({"scotoma_project": "unknown"}, "scotoma_project"),
    ({"scotoma_project": None}, "scotoma_project"),
    ({"scotoma_project": ["default"]}, "scotoma_project"),
    ({"scotoma_scope": "root"}, "scotoma_scope"),
    ({"scotoma_scope": None}, "scotoma_scope"),
    ({"scotoma_scope": ["viewer", "admin"]}, "scotoma_scope"),
    ({"scotoma_scope": [["viewer"]]}, "scotoma_scope"),
]


def test_a_token_without_project_or_scope_is_told_what_it_needs(api: Api, provider: IdentityProvider) -> None:
    for claims, word in LACKING:
        answer = ask(api, provider.token(**claims))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), claims
        assert word in answer.json()["advice"], claims


def signed_with_the_public_key(provider: IdentityProvider) -> str:
    """The classic confusion of RS256 with HS256."""
    body = provider.token().split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "first"}).encode()).rstrip(b"=")
    signed = head + b"." + body.encode()
    mark = hmac.new(provider.keys[0].pem, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mark).rstrip(b"=")).decode()


def unsigned(provider: IdentityProvider) -> str:
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    return jwt.encode(claims, None, "none", {"kid": "first"})


def tampered(provider: IdentityProvider) -> str:
    head, body, mark = provider.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"scotoma_scope": "admin"}
    return ".".join([head, base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("="), mark])


def now() -> int:
    return int(time.time())


ATTACKS: dict[str, Callable[[IdentityProvider], str]] = {
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "changed after signing": tampered,
    "another audience": lambda p: p.token(aud="billing"),
    "no audience": lambda p: p.token(aud=None),
    "another issuer": lambda p: p.token(iss="https://accounts.example"),
    "no issuer": lambda p: p.token(iss=None),
    "expired": lambda p: p.token(exp=now() - 61),
    "never expires": lambda p: p.token(exp=None),
    "not yet valid": lambda p: p.token(nbf=now() + 90),
    "nobody": lambda p: p.token(sub=None),
    "somebody without a name": lambda p: p.token(sub=""),
    "a name of spaces": lambda p: p.token(sub="  "),
    "another's key under a known id": lambda p: p.token(SigningKey("first", "RS256")),
    "another algorithm under a known id": lambda p: p.token(SigningKey("first", "ES256")),
    "unknown key": lambda p: p.token(SigningKey("made-up", "RS256")),
    "no key id": lambda p: p.token(headers={"kid": None}),
    "keys from elsewhere": lambda p: p.token(SigningKey("x", "RS256"), headers={"jku": f"{p.url}/mine"}),
    "no token": lambda _: "a.b.c",
    "an empty one": lambda _: "..",
}


def test_what_is_no_valid_token_is_refused(api: Api, provider: IdentityProvider) -> None:
    assert ask(api, provider.token()).status_code == 200
    for name, attack in ATTACKS.items():
        token = attack(provider)
        answer = ask(api, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), name
        assert token not in answer.text, name
    assert "/mine" not in provider.asked


def test_clocks_may_differ_by_a_minute(api: Api, provider: IdentityProvider) -> None:
    assert ask(api, provider.token(exp=now() - 50)).status_code == 200
    assert ask(api, provider.token(nbf=now() + 50)).status_code == 200
    assert ask(api, provider.token(exp=now() - 61)).json()["detail"] == "The token has expired."


def test_a_flood_of_unknown_key_ids_does_not_reach_the_provider(api: Api, provider: IdentityProvider) -> None:
    stranger = SigningKey("x", "EdDSA")
    for number in range(40):
        assert ask(api, provider.token(stranger, headers={"kid": f"x{number}"})).status_code == 401
    assert provider.asked[KEYS] <= 2
    assert ask(api, provider.token()).status_code == 200


def test_a_new_key_is_found_after_the_cooldown_and_a_withdrawn_one_is_not(
    settings: Settings,
    engine: Engine,
    store: S3BlobStore,
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oidc, "COOLDOWN_SECONDS", 0.0)
    known = settings.model_copy(
        update={"oidc_issuer": provider.url, "oidc_audience": AUDIENCE, "oidc_jwks_url": f"{provider.url}{KEYS}"}
    )
    with api_in_thread(known, engine, store) as api:
        before = provider.token()
        assert ask(api, before).status_code == 200
        provider.keys = [SigningKey("second", "ES256")]
        assert ask(api, provider.token()).status_code == 200
        assert ask(api, before).status_code == 401
    assert oidc.DISCOVERY not in provider.asked


def test_while_the_provider_is_away_tokens_wait_and_keys_work(api: Api, provider: IdentityProvider) -> None:
    provider.healthy = False
    for _ in range(5):
        answer = ask(api, provider.token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert provider.asked == {oidc.DISCOVERY: 1}
    assert ask(api, api.key(Scope.VIEWER)).status_code == 200


@pytest.mark.parametrize(("padding", "encoding"), [(oidc.MOST_JSON, "identity"), (0, "gzip"), (0, "gzip, gzip")])
def test_keys_without_end_or_encoded_are_not_read(
    api: Api, provider: IdentityProvider, padding: int, encoding: str
) -> None:
    provider.padding, provider.encoding = padding, encoding
    assert ask(api, provider.token()).status_code == 503
    assert provider.asked == {oidc.DISCOVERY: 1}


def test_a_description_of_another_issuer_is_not_believed(api: Api, provider: IdentityProvider) -> None:
    provider.issuer = "https://accounts.example"
    assert ask(api, provider.token()).status_code == 503
    assert KEYS not in provider.asked


def test_without_a_provider_a_token_is_an_unknown_key(
    settings: Settings, engine: Engine, store: S3BlobStore, provider: IdentityProvider
) -> None:
    with api_in_thread(settings, engine, store) as api:
        assert ask(api, provider.token()).status_code == 401
    assert provider.asked == {}


def test_an_issuer_needs_an_audience() -> None:
    environ = {"SCOTOMA_DATABASE_URL": "postgresql://x/y", "SCOTOMA_OIDC_ISSUER": "https://accounts.example"}
    with pytest.raises(SettingsError, match="OIDC_AUDIENCE"):
        load_settings(environ)
