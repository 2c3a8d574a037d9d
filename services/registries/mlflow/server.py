"""An MLflow tracking server, by its REST API. Whatever it answers is a stranger's word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from services.errors import AddressRefused, RegistryRefused, RegistryUnreachable
from services.outbound.bodies import PLAIN, BadAnswer, limited, parsed, pieces

from .answers import Item, Listing, told

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
MOST_JSON = 8 * 2**20
"""Bytes of an answer that is not a file."""
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
        self._headers = {**PLAIN, **({"Authorization": f"Bearer {token}"} if token else {})}

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

    def files(self, folder: str) -> list[Item]:
        """What lies in a folder of the artifact proxy.

        Raises:
            RegistryUnreachable: no answer, or an error of the server.
            RegistryRefused: it serves no artifacts, or not these.
        """
        return told(Listing, self._json("GET", FILES, params={"path": folder})).files

    @contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a file of the artifact proxy, as they come.

        Raises:
            RegistryUnreachable: no answer, or it breaks off.
            RegistryRefused: it does not give this file.
        """
        with self._answer("GET", f"{FILES}/{quote(path)}") as answer:
            yield pieces(answer)

    def upload(self, path: str, data: bytes) -> None:
        """Put a file into the artifact proxy, in place of one that is there.

        Raises:
            RegistryUnreachable: no answer, or an error of the server.
            RegistryRefused: it does not take this file.
        """
        self._json("PUT", f"{FILES}/{quote(path)}", content=data)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with self._answer(method, path, **options) as answer:
            found = parsed(limited(answer, MOST_JSON) or b"{}")
            if not isinstance(found, dict):
                raise BadAnswer("it is no JSON object")
            return found

    @contextmanager
    def _answer(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, self.url + path, headers=self._headers, **options) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise self._refusal(answer)
                yield answer
        except BadAnswer as error:
            raise RegistryRefused(f"{self.url} does not answer like MLflow: {error}.", CHECK_URL) from error
        except httpx.InvalidURL as error:
            raise RegistryRefused(f"{self.url} names a place that is no address.", CHECK_URL) from error
        except AddressRefused as error:
            raise RegistryUnreachable(error.detail, error.advice) from error
        except httpx.HTTPError as error:
            raise RegistryUnreachable(f"{self.url} cannot be reached: {type(error).__name__}.", LATER) from error

    def _refusal(self, answer: httpx.Response) -> RegistryRefused | RegistryUnreachable:
        text = limited(answer, MOST_JSON)
        status = answer.status_code
        said = f"{self.url} answered {status} to {answer.request.url.path}: {_message(text) or answer.reason_phrase}."
        if NOT_SERVED in text:
            return RegistryRefused(said, "Run MLflow with --serve-artifacts.")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in TRY_LATER:
            return RegistryUnreachable(said, LATER)
        return RegistryRefused(said, ADVICE.get(status, "See what MLflow said."))


CHECK_URL = "Check the registry's URL."
LATER = "It is tried again; see that the registry runs and that this service may reach it."
ADVICE = {
    401: "Give the registry a token that may read models and write to their runs.",
    403: "Give the registry a token that may read models and write to their runs.",
    404: "See that the model version is still there, and that MLflow runs with --serve-artifacts.",
}


def _message(text: bytes) -> str:
    """What MLflow says is wrong, in one short line."""
    try:
        found = str(parsed(text)["message"])
    except (ValueError, KeyError, TypeError):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in found)[:300].rstrip(". ")
