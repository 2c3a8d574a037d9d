"""``/v1/webhooks``: administrators only."""

from __future__ import annotations

from fastapi import APIRouter, Response

from schemas.webhooks import (
    Delivery,
    DeliveryPage,
    Webhook,
    WebhookChange,
    WebhookCreate,
    WebhookPage,
    WebhookSecret,
)
from services.outbound.addresses import check_address
from services.projects import trail
from services.sealing.sealer import Sealer
from services.webhooks import service

from .. import cursors
from ..access import Admin
from ..cursors import Cursor, Limit
from ..ports import Ports
from ..problems import problems
from .paths import Id

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.post("", status_code=201, responses=problems(409, 413, 429))
def create_webhook(body: WebhookCreate, response: Response, ports: Ports, principal: Admin) -> WebhookSecret:
    """Be told of events. The secret that signs them is shown here and never again."""
    response.headers["Cache-Control"] = "no-store"
    sealer = Sealer(ports.settings.secret_key)
    sealer.check()
    check_address(body.url, ports.settings.private_networks)
    with ports.tenant(principal) as session:
        made = service.create(session, sealer, body)
        trail.record(session, principal, "webhooks.create", made.id)
    return made


@router.get("", responses=problems())
def list_webhooks(ports: Ports, principal: Admin, cursor: Cursor = None, limit: Limit = 25) -> WebhookPage:
    """Webhooks, newest first, without secrets."""
    with ports.tenant(principal) as session:
        items, following = service.page(session, cursors.decode(cursor), limit)
    return WebhookPage(items=items, next=cursors.encode(following))


@router.get("/{webhook}", responses=problems(404))
def show_webhook(webhook: Id, ports: Ports, principal: Admin) -> Webhook:
    """One webhook."""
    with ports.tenant(principal) as session:
        return service.get(session, webhook)


@router.patch("/{webhook}", responses=problems(404, 413))
def change_webhook(webhook: Id, body: WebhookChange, ports: Ports, principal: Admin) -> Webhook:
    """Change its name, address or events; disable it, or take up sending again."""
    if body.url is not None:
        with ports.tenant(principal) as session:  # no look-up of names for a webhook that is not there
            service.get(session, webhook)
        check_address(body.url, ports.settings.private_networks)
    with ports.tenant(principal) as session:
        changed = service.change(session, webhook, body)
        trail.record(session, principal, "webhooks.change", webhook)
    return changed


@router.delete("/{webhook}", status_code=204, responses=problems(404))
def delete_webhook(webhook: Id, ports: Ports, principal: Admin) -> None:
    """Delete it, with what still waited for it."""
    with ports.tenant(principal) as session:
        service.remove(session, webhook)
        trail.record(session, principal, "webhooks.delete", webhook)


@router.post("/{webhook}:rotate", responses=problems(404, 409))
def rotate_webhook(webhook: Id, response: Response, ports: Ports, principal: Admin) -> WebhookSecret:
    """A new secret, shown here and never again. For 24 hours the one before signs too."""
    response.headers["Cache-Control"] = "no-store"
    with ports.tenant(principal) as session:
        rotated = service.rotate(session, Sealer(ports.settings.secret_key), webhook)
        trail.record(session, principal, "webhooks.rotate", webhook)
    return rotated


@router.post("/{webhook}:test", status_code=202, responses=problems(404, 429))
def send_ping(webhook: Id, ports: Ports, principal: Admin) -> Delivery:
    """Send a `ping`; its delivery says what came of it."""
    with ports.tenant(principal) as session:
        sent = service.ping(session, webhook)
        trail.record(session, principal, "webhooks.test", webhook)
    return sent


@router.get("/{webhook}/deliveries", responses=problems(404))
def list_deliveries(
    webhook: Id, ports: Ports, principal: Admin, cursor: Cursor = None, limit: Limit = 25
) -> DeliveryPage:
    """What was, or is to be, told to it, newest first, with what came of the latest attempt."""
    with ports.tenant(principal) as session:
        items, following = service.deliveries(session, webhook, cursors.decode(cursor), limit)
    return DeliveryPage(items=items, next=cursors.encode(following))


@router.post("/{webhook}/deliveries/{delivery}:redeliver", status_code=202, responses=problems(404))
def redeliver(webhook: Id, delivery: Id, ports: Ports, principal: Admin) -> Delivery:
    """Begin again with a delivery, under the id that it had."""
    with ports.tenant(principal) as session:
        again = service.redeliver(session, webhook, delivery)
        trail.record(session, principal, "webhooks.redeliver", delivery)
    return again
