"""Scotoma in Airflow 3: a hook with its own connection type, a deferrable operator, and the trigger that it waits on.

Put this file where Airflow finds plugins (or on the path of the workers and the triggerer) and ``pip install scotoma``
there. The connection ``scotoma_default``: host is the service's URL, password the API key (scope submitter).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from scotoma.audits import AuditConfig
from scotoma.client import Client
from scotoma.client.pipelines import begin, conclude
from scotoma.datasets import AttributeSpec

DEFAULT_CONNECTION = "scotoma_default"
ENDED = ("succeeded", "failed", "cancelled")
AGAIN = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
"""Answers of a service, or of a proxy before it, that are about the moment and not about the audit."""


class ScotomaHook(BaseHook):
    """A client of the service that a connection names."""

    conn_name_attr = "scotoma_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "scotoma"
    hook_name = "Scotoma"

    def __init__(self, scotoma_conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.scotoma_conn_id = scotoma_conn_id

    def address(self) -> tuple[str, str]:
        """URL and API key."""
        connection = self.get_connection(self.scotoma_conn_id)
        host = connection.host or ""
        url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
        if connection.port and not url.rsplit(":", 1)[-1].isdigit():
            url = f"{url}:{connection.port}"
        return url, connection.password or ""

    def get_conn(self) -> Client:
        """The client; close it after use."""
        return Client(*self.address())

    def test_connection(self) -> tuple[bool, str]:
        """Whether the service answers to this key."""
        try:
            with self.get_conn() as client:
                next(iter(client.audits()), None)
        except Exception as error:  # whatever it is, it is the answer
            return False, str(error)
        return True, "The service answers."


class ScotomaAuditTrigger(BaseTrigger):
    """Fires when an audit has ended. It asks with the last answer's tag, so that waiting costs next to nothing."""

    def __init__(self, audit: str, scotoma_conn_id: str = DEFAULT_CONNECTION, poll_seconds: float = 10.0) -> None:
        super().__init__()
        self.audit, self.scotoma_conn_id, self.poll_seconds = audit, scotoma_conn_id, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """For the triggerer."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        own = {"audit": self.audit, "scotoma_conn_id": self.scotoma_conn_id, "poll_seconds": self.poll_seconds}
        return path, own

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the end. A service that is away for a while is asked again; the operator's timeout ends that."""
        url, key = await asyncio.to_thread(ScotomaHook(self.scotoma_conn_id).address)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
            while True:
                try:
                    answer = await http.get(f"/v1/audits/{self.audit}")
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == httpx.codes.OK:
                    http.headers["If-None-Match"] = answer.headers.get("etag", "")
                    body = answer.json()
                    if body["state"] in ENDED:
                        yield TriggerEvent(
                            {"audit": self.audit, "state": body["state"], "problem": body.get("problem")}
                        )
                        return
                elif answer is not None and answer.is_client_error and answer.status_code not in AGAIN:
                    problem = {"detail": answer.text}
                    yield TriggerEvent({"audit": self.audit, "state": "failed", "problem": problem})
                    return
                await asyncio.sleep(self.poll_seconds)


class ScotomaAuditOperator(BaseOperator):
    """Audit a model, hold it to a policy, and fail when it breaks it.

    A retry of the task finds the audit that its first try began. What it returns (XCom) is a small dictionary: audit,
    outcome, verdicts, broken rules, files.

    Args:
        model: path of the ONNX file; templated.
        data: path of the reference images; templated.
        policy: path of the policy; templated. None: the audit alone.
        folder: where report, result, JUnit XML and model card go; templated.
        inconclusive: whether a policy that the audit could not decide is a ``fail`` or a ``pass``.
        classifier: name of the classifier in the service; None: the file's.
        config: fields of the audit's configuration, such as ``{"profile": "standard"}``.
        attributes: kinds of columns, such as ``{"hue": {"kind": "circular", "period": 1.0}}``.
        scotoma_conn_id: the connection.
        deferrable: whether to wait in the triggerer, without a worker.
        poll_seconds: between questions.
    """

    template_fields: Sequence[str] = ("model", "data", "policy", "folder", "classifier")
    ui_color = "#e8eef7"

    def __init__(
        self,
        *,
        model: str,
        data: str,
        policy: str | None = None,
        folder: str | None = None,
        inconclusive: str = "fail",
        classifier: str | None = None,
        config: dict[str, Any] | None = None,
        attributes: dict[str, dict[str, Any]] | None = None,
        scotoma_conn_id: str = DEFAULT_CONNECTION,
        deferrable: bool = True,
        poll_seconds: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if inconclusive not in ("fail", "pass"):
            raise ValueError("inconclusive is 'fail' or 'pass'")
        self.model, self.data, self.policy, self.folder = model, data, policy, folder
        self.inconclusive, self.classifier = inconclusive, classifier
        self.config, self.attributes = config or {}, attributes or {}
        self.scotoma_conn_id, self.deferrable, self.poll_seconds = scotoma_conn_id, deferrable, poll_seconds
        self.audit: str | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Begin the audit, then wait: in the triggerer, or here."""
        with ScotomaHook(self.scotoma_conn_id).get_conn() as client:
            audit = begin(
                client,
                self.model,
                self.data,
                run=_run_of(context["ti"]),
                name=self.classifier,
                config=AuditConfig.model_validate(self.config),
                attributes={name: AttributeSpec.model_validate(spec) for name, spec in self.attributes.items()},
            )
            self.audit = audit.id
            self.log.info("Audit %s is %s", audit.id, audit.state)
            if not self.deferrable:
                client.wait(audit.id)
                return self._concluded(audit.id)
        trigger = ScotomaAuditTrigger(audit.id, self.scotoma_conn_id, self.poll_seconds)
        self.defer(trigger=trigger, method_name="execute_complete")
        raise AssertionError("defer() does not come back")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The audit has ended."""
        audit = event["audit"]
        if event["state"] != "succeeded":
            problem = event.get("problem") or {}
            raise AirflowException(f"The audit {audit} {event['state']}: {problem.get('detail', 'no reason is known')}")
        return self._concluded(audit)

    def on_kill(self) -> None:
        """Stop the audit with the task."""
        if self.audit is not None:
            with ScotomaHook(self.scotoma_conn_id).get_conn() as client:
                client.cancel(self.audit)

    def _concluded(self, audit: str) -> dict[str, Any]:
        with ScotomaHook(self.scotoma_conn_id).get_conn() as client:
            conclusion = conclude(client, audit, policy=self.policy, folder=self.folder)
        for broken in conclusion.broken:
            self.log.warning("%s", broken)
        if conclusion.stops(self.inconclusive):
            # Another try would find the same answer.
            raise AirflowFailException(f"Policy {conclusion.outcome} for {conclusion.classifier}: {conclusion.broken}")
        return dict(conclusion.model_dump(mode="json"))


def _run_of(ti: Any) -> str:
    """The same for every try of a task instance."""
    return f"airflow {ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index}"
