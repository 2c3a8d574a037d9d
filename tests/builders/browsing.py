"""A browser without a window or script: it keeps cookies, says where its forms come from, and reads their tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import httpx

from schemas.api_keys import ApiKeyCreate, Scope
from schemas.projects import ProjectCreate
from services.api_keys import service as api_keys
from services.api_keys.service import Principal
from services.db.engine import transaction
from services.projects import service as projects

from .api_server import Api

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
ONCE = re.compile(r'name="once" value="([^"]+)"')


class Browsing:
    """Pages as a signed-in visitor gets them."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str) -> httpx.Response:
        """A page, with redirections followed."""
        return self.client.get(path, follow_redirects=True)

    def token(self, path: str = "/") -> str:
        """The token of the forms on ``path``."""
        return found(TOKEN, self.get(path).text)

    def post(self, path: str, fields: dict[str, str] | None = None, token: str | None = None) -> httpx.Response:
        """Send a form with the session's token, without following where it leads."""
        return self.client.post(path, data={"csrf": token or self.token(), **(fields or {})})


def found(pattern: re.Pattern[str], text: str) -> str:
    """The first group of the first match."""
    match = pattern.search(text)
    if match is None:
        raise AssertionError(f"no {pattern.pattern} in {text[:300]}")
    return unescape(match[1])


@contextmanager
def browsing(api: Api, secret: str | None = None, scope: Scope = Scope.SUBMITTER) -> Iterator[Browsing]:
    """Signed in with ``secret``, or with a key of ``scope``."""
    with httpx.Client(
        base_url=api.url, headers={"Origin": api.url, "Accept": "text/html"}, timeout=30, verify=False
    ) as client:
        answer = client.post("/sign-in", data={"key": secret or api.key(scope)})
        if answer.status_code != 303:
            raise AssertionError(answer.text)
        yield Browsing(client)


def other_project(api: Api, scope: Scope = Scope.ADMIN, name: str = "others") -> tuple[str, Principal]:
    """A key of another project, and who it stands for."""
    with transaction(api.factory) as session:
        project = projects.create(session, ProjectCreate(name=name)).id
        made = api_keys.create(session, ApiKeyCreate(name=f"{name} {scope}", scope=scope), project)
    return made.secret, Principal(made.id, scope, project)
