"""The one webhook behind an integration's own URL. The integration's columns are the truth; this follows them."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.lib.errors import NotFound
from webhooks import services
from webhooks.models import Webhook
from webhooks.serializers import test_reply


def keep_managed(
    *, integration_id: str, user_id: int, url: str | None, secret: str | None, events: Sequence[str], active: bool
) -> Webhook | None:
    """Create, change or delete the webhook so that it is what the integration says; without a URL there is none.

    The URL is taken as checked. Keeping an active one also starts anew a webhook that was disabled.
    """
    with transaction.atomic():
        goes = url is None or secret is None
        row = Webhook.objects.select_for_update(no_key=not goes).filter(integration_id=integration_id).first()
        if url is None or secret is None:
            if row is not None:
                row.delete()
            return None
        wanted: dict[str, Any] = {"url": url, "secret": secret, "events": list(events), "active": active}
        if row is None:
            return Webhook.objects.create(integration_id=integration_id, user_id=user_id, **wanted)
        services.apply(row, wanted, timezone.now())
        return row


def managed_id(integration_id: str) -> str | None:
    return Webhook.objects.filter(integration_id=integration_id).values_list("pk", flat=True).first()


def send_test(webhook_id: str) -> dict[str, Any]:
    """The reply of the test call, after one real attempt. Raises Busy, NotFound."""
    webhook = Webhook.objects.filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound("Webhook not found")
    return test_reply(services.send_test(webhook=webhook))
