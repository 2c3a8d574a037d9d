"""An MLflow tracking server, by its REST API. Whatever it answers is a stranger's word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from services.errors import AddressRefused, RegistryRefused, RegistryUnreachable

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
MOST_JSON = 8 * 2**20
"""Bytes of an answer that is not a file."""
CHUNK = 1 << 20
TRY_LATER = frozenset({408, 425, 429})
NOT_SERVED = b"--no-serve-artifacts"
"""In what MLflow answers, with 503, where it serves no artifacts: trying again would not help."""


class MlflowServer:
    """One tracking server.

    Args:
        http: sends requests to addresses that it allows, and follows no redirect.
        url: root of the server.
        token: sent as a bearer token.
    """

    def __init__(self, http: httpx.Client, url: str, token: str | None = None) -> None:
        self._http = http
        self.url = url.rstrip("/")
        self._headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """``GET`` below the REST API.

        Raises:
            RegistryUnreachable: no answer, or an error of the server.
            RegistryRefused: it does not answer this.
        """
        return self._json("GET", API + path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """``POST`` below the REST API.

        Raises:
            RegistryUnreachable: no answer, or an error of the server.
            RegistryRefused: it does not do this.
        """
        return self._json("POST", API + path, json=body)

    def files(self, folder: str) -> list[dict[str, Any]]:
        """What lies in a folder of the artifact proxy: ``path``, ``is_dir`` and ``file_size`` of each.

        Raises:
            RegistryUnreachable: no answer, or an error of the server.
            RegistryRefused: it serves no artifacts, or not these.
        """
        found = self._json("GET", FILES, params={"path": folder}).get("files", [])
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    @contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a file of the artifact proxy, as they come.

        Raises:
            RegistryUnreachable: no answer, or it breaks off.
            RegistryRefused: it does not give this file.
        """
        with self._answer("GET", f"{FILES}/{quote(path)}") as answer:
            yield answer.iter_bytes(CHUNK)

    def upload(self, path: str, data: bytes) -> None:
        """Put a file into the artifact proxy, in place of one that is there.

        Raises:
            RegistryUnreachable: no answer, or an error of the server.
            RegistryRefused: it does not take this file.
        """
        self._json("PUT", f"{FILES}/{quote(path)}", content=data)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with self._answer(method, path, **options) as answer:
            text = _limited(answer)
        try:
            found = json.loads(text or "{}")
        except ValueError as error:
            raise RegistryRefused(f"{self.url} does not answer like MLflow.", "Check the registry's URL.") from error
        return found if isinstance(found, dict) else {}

    @contextmanager
    def _answer(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, self.url + path, headers=self._headers, **options) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise self._refusal(answer)
                yield answer
        except AddressRefused as error:
            raise RegistryUnreachable(error.detail, error.advice) from error
        except httpx.HTTPError as error:
            raise RegistryUnreachable(f"{self.url} cannot be reached: {type(error).__name__}.", LATER) from error

    def _refusal(self, answer: httpx.Response) -> RegistryRefused | RegistryUnreachable:
        text = _limited(answer)
        status = answer.status_code
        said = f"{self.url} answered {status} to {answer.request.url.path}: {_message(text) or answer.reason_phrase}."
        if NOT_SERVED in text:
            return RegistryRefused(said, "Run MLflow with --serve-artifacts.")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in TRY_LATER:
            return RegistryUnreachable(said, LATER)
        return RegistryRefused(said, ADVICE.get(status, "See what MLflow said."))


LATER = "It is tried again; see that the registry runs and that this service may reach it."
ADVICE = {
    401: "Give the registry a token that may read models and write to their runs.",
    403: "Give the registry a token that may read models and write to their runs.",
    404: "See that the model version is still there, and that MLflow runs with --serve-artifacts.",
}


def _limited(answer: httpx.Response) -> bytes:
    text = b""
    for chunk in answer.iter_bytes(CHUNK):
        text += chunk
        if len(text) > MOST_JSON:
            raise RegistryRefused("The registry's answer is too long.", "Check the registry's URL.")
    return text


def _message(text: bytes) -> str:
    """What MLflow says is wrong, in one short line."""
    try:
        found = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in found)[:300].rstrip(". ")
