"""Plain factories: each makes one row, with just what the caller says and sensible rest."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from config.lib.exact_json import dumps
from webhooks import outbox
from webhooks.models import Delivery, DeliveryStatus, Event, Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_numbers = count(1)


def make_user(name: str | None = None, **fields: Any) -> User:
    name = name or f"user{next(_numbers)}"
    return User.objects.create(username=name, email=f"{name}@partner.example", **fields)


def make_webhook(user: User, url: str = "https://partner.example/hook", **fields: Any) -> Webhook:
    fields = {"events": ["order.created"], "secret": SECRET} | fields
    return Webhook.objects.create(user=user, url=url, **fields)


def make_delivery(webhook: Webhook, **fields: Any) -> Delivery:
    """A delivery with its event, due now."""
    name, data = fields.get("event", "order.created"), fields.get("payload", {"orderId": 1})
    event = Event(user_id=webhook.user_id, name=name, data=data)
    event.body = outbox.body(event.id, name, dumps(data), timezone.now())
    event.save()
    due = timezone.now() - timedelta(seconds=1)
    rest = {"event": name, "payload": data, "status": DeliveryStatus.PENDING, "next_retry_at": due}
    return Delivery.objects.create(webhook=webhook, source=event, **(rest | fields))


def publish(user: User, *names: str) -> list[str]:
    """Publish events in a transaction of their own; their data number them."""
    events = [outbox.NewEvent(user.pk, name, {"orderId": number}) for number, name in enumerate(names, 1)]
    with transaction.atomic():
        return outbox.publish_many(events)


def statuses(deliveries: Sequence[Delivery]) -> list[str]:
    for delivery in deliveries:
        delivery.refresh_from_db()
    return [delivery.status for delivery in deliveries]


def make_managed(user: User, url: str = "https://partner.example/hook", **fields: Any) -> Webhook:
    """A webhook that belongs to an integration; of that app, only the row is needed."""
    integrations = apps.get_model("integrations", "Integration")
    number = next(_numbers)
    integration = integrations.objects.create(
        user=user, name="Gateway", type="custom", api_key=f"ak_{number}", api_secret="sk", webhook_url=url
    )
    return make_webhook(user, url, integration_id=integration.pk, **fields)
