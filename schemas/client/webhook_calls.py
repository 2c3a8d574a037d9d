"""Calls about webhooks. Their secrets are in the answers that make them, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from ..webhooks import (
    Delivery,
    DeliveryPage,
    DeliveryState,
    EventType,
    Webhook,
    WebhookChange,
    WebhookCreate,
    WebhookPage,
    WebhookSecret,
)
from .errors import TimedOut
from .exchange import Exchange
from .transport import understood

POLL_EVERY = 0.5


class WebhookCalls(Exchange):
    """Webhooks; the key needs the scope ``admin``."""

    def create_webhook(self, name: str, url: str, events: Iterable[EventType] = ()) -> WebhookSecret:
        """Be told of ``events`` (all of them when none is named) at ``url``.

        Raises:
            ServiceError: ``address-refused``: the service may not send there.
        """
        body = WebhookCreate(name=name, url=url, events=list(events))
        # Without an Idempotency-Key, which would have the service keep the secret: not repeated by the transport.
        answer = self._transport.send("POST", "/v1/webhooks", json=body.model_dump(mode="json"))
        return understood(WebhookSecret, answer.content)

    def webhook(self, webhook: str) -> Webhook:
        """One webhook."""
        return self._get(f"/v1/webhooks/{webhook}", Webhook)

    def webhooks(self) -> Iterator[Webhook]:
        """Every webhook, newest first."""
        return self._pages("/v1/webhooks", WebhookPage)

    def change_webhook(self, webhook: str, change: WebhookChange) -> Webhook:
        """Change what ``change`` names."""
        body = change.model_dump(mode="json", exclude_none=True)
        return understood(Webhook, self._transport.send("PATCH", f"/v1/webhooks/{webhook}", json=body).content)

    def delete_webhook(self, webhook: str) -> None:
        """Delete it, with what still waits for it."""
        self._transport.send("DELETE", f"/v1/webhooks/{webhook}")

    def rotate_webhook(self, webhook: str) -> WebhookSecret:
        """A new secret; for 24 hours the one before signs too."""
        return understood(WebhookSecret, self._transport.send("POST", f"/v1/webhooks/{webhook}:rotate").content)

    def test_webhook(self, webhook: str) -> Delivery:
        """Have a ``ping`` sent."""
        return understood(Delivery, self._transport.send("POST", f"/v1/webhooks/{webhook}:test").content)

    def deliveries(self, webhook: str) -> Iterator[Delivery]:
        """What was, or is to be, told to it, newest first."""
        return self._pages(f"/v1/webhooks/{webhook}/deliveries", DeliveryPage)

    def redeliver(self, webhook: str, delivery: str) -> Delivery:
        """Begin again with a delivery, under the id that it had."""
        path = f"/v1/webhooks/{webhook}/deliveries/{delivery}:redeliver"
        return understood(Delivery, self._transport.send("POST", path).content)

    def wait_for_attempt(self, webhook: str, delivery: Delivery, timeout: float) -> Delivery:
        """Wait until a delivery has been tried.

        Raises:
            TimedOut: ``timeout`` seconds have passed.
        """
        deadline = time.monotonic() + timeout
        while delivery.state is DeliveryState.WAITING and delivery.error is None:
            if time.monotonic() > deadline:
                raise TimedOut(f"Nothing has come of the delivery {delivery.id} yet.")
            self._sleep(POLL_EVERY)
            delivery = next((one for one in self.deliveries(webhook) if one.id == delivery.id), delivery)
        return delivery
