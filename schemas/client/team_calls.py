"""Calls about teams: projects, their limits and use, their keys, and the trail of what they did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..api_keys import ApiKey, ApiKeyCreate, ApiKeyCreated, ApiKeyList, Scope
from ..projects import Project, ProjectChange, ProjectCreate, ProjectLimits, ProjectPage, ProjectUsage
from ..trail import TrailEntry, TrailPage
from .errors import ScotomaError
from .exchange import Exchange
from .transport import understood


class TeamCalls(Exchange):
    """Projects, API keys and the trail. Operators (administrators of the default project) reach every project."""

    def create_project(self, name: str, limits: ProjectLimits | None = None) -> Project:
        """Make a project; operators only. Without ``limits`` it may use what there is.

        Raises:
            ServiceError: the name is taken, or this key is no operator's.
            ValidationError: the name is not of lower-case letters, digits and hyphens.
        """
        body = ProjectCreate(name=name, **(limits or ProjectLimits()).model_dump())
        answer = self._transport.send("POST", "/v1/projects", json=body.model_dump(mode="json"))
        return understood(Project, answer.content)

    def projects(self) -> Iterator[Project]:
        """Every project for operators, else the own one; newest first."""
        return self._pages("/v1/projects", ProjectPage)

    def project(self, project: str | None = None) -> Project:
        """The project with this name or id; left out, the only one that this key sees.

        Raises:
            ScotomaError: this key sees none of that name, or several and none was named.
        """
        seen = list(self.projects())
        found = [item for item in seen if project in (None, item.id, item.name)]
        if len(found) != 1:
            wanted = "Name one of" if project is None else f"No project has the name or id {project!r}; there are"
            raise ScotomaError(f"{wanted}: {', '.join(item.name for item in seen)}.")
        return found[0]

    def limit_project(self, project: str, change: ProjectChange) -> Project:
        """Set the limits that ``change`` names; ``None`` takes one away. Operators only.

        Raises:
            ServiceError: this key sees no such project, or is no operator's.
        """
        body = change.model_dump(mode="json", exclude_unset=True)
        answer = self._transport.send("PATCH", f"/v1/projects/{project}", json=body)
        return understood(Project, answer.content)

    def usage(self, project: str) -> ProjectUsage:
        """What the project with this id uses now, beside its limits."""
        return self._get(f"/v1/projects/{project}/usage", ProjectUsage)

    def create_key(
        self, name: str, scope: Scope = Scope.SUBMITTER, *, days: int | None = None, project: str | None = None
    ) -> ApiKeyCreated:
        """Make an API key that expires after ``days``; the answer holds its secret, this once.

        Raises:
            ServiceError: this key may not make such a key, or not in ``project`` (a name or an id).
        """
        body = ApiKeyCreate(name=name, scope=scope, expires_in_days=days, project=project)
        answer = self._transport.send("POST", "/v1/api-keys", json=body.model_dump(mode="json"))
        return understood(ApiKeyCreated, answer.content)

    def keys(self, project: str | None = None) -> list[ApiKey]:
        """Every key of the own project, or for operators of ``project``, newest first, without secrets."""
        answer = self._transport.send("GET", "/v1/api-keys", params={"project": project})
        return understood(ApiKeyList, answer.content).items

    def revoke_key(self, key: str) -> None:
        """Make a key useless from the next request on.

        Raises:
            ServiceError: this key sees no such key.
        """
        self._transport.send("DELETE", f"/v1/api-keys/{key}")

    def trail(
        self, *, principal: str | None = None, subject: str | None = None, since: datetime | None = None
    ) -> Iterator[TrailEntry]:
        """Who did what in the own project, newest first: for auditors and administrators."""
        moment = None if since is None else since.isoformat()
        return self._pages("/v1/trail", TrailPage, principal=principal, subject=subject, since=moment)
