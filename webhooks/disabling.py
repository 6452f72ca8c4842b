"""Disabling an endpoint that does not want or cannot take deliveries, and telling its owner."""

from datetime import datetime
from functools import partial

from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction

from config.lib import audit
from config.lib.exact_json import as_utc
from webhooks import outbox, queue
from webhooks.events import EventName
from webhooks.models import Webhook

TELL_OWNERS = "webhooks.tasks.tell_owners"


def disable(
    *, webhook_id: str, reason: str, now: datetime, actor: User | None = None, address: str | None = None
) -> None:
    """Stop an endpoint for a reason of ours (`actor` None: the engine's). What waits for it is held; its owner's other
    endpoints hear of it."""
    # Without its secrets: that no key opens them may be why.
    rows = Webhook.objects.select_for_update(no_key=True).defer("secret", "previous_secret")
    webhook = rows.get(pk=webhook_id)
    if not webhook.active:
        return
    webhook.active, webhook.disabled_reason = False, reason
    webhook.disabled_at = webhook.updated_at = webhook.tell_owner_at = now
    webhook.save(update_fields=["active", "disabled_at", "disabled_reason", "updated_at", "tell_owner_at"])
    queue.hold(webhook_id)
    audit.record("webhook.disabled", target=webhook, actor=actor, address=address, reason=reason)
    data = {"webhookId": webhook_id, "url": webhook.url, "reason": reason, "disabledAt": as_utc(now)}
    outbox.publish(user_id=webhook.user_id, name=EventName.WEBHOOK_DISABLED, data=data, now=now)
    transaction.on_commit(partial(current_app.send_task, TELL_OWNERS), robust=True)
