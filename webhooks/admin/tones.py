"""How statuses of this app look."""

from datetime import datetime

from django.utils.safestring import SafeString

from config.lib.console.marks import Tone, badge
from webhooks.models import Delivery, DeliveryStatus, Webhook

DELIVERY_TONES = {
    DeliveryStatus.PENDING: Tone.WAITING,
    DeliveryStatus.RETRYING: Tone.ATTENTION,
    DeliveryStatus.DELIVERED: Tone.GOOD,
    DeliveryStatus.FAILED: Tone.BAD,
}
FAILING = 3  # consecutive failed attempts from which an endpoint is more than unlucky


def delivery_badge(delivery: Delivery) -> SafeString:
    return badge(delivery.status, DELIVERY_TONES[DeliveryStatus(delivery.status)])


def code_badge(code: int | None) -> SafeString:
    """The HTTP status of a reply; without one there was no reply."""
    if code is None:
        return badge("no reply", Tone.BAD)
    return badge(str(code), Tone.GOOD if 200 <= code < 300 else Tone.BAD)


def health_badge(webhook: Webhook) -> SafeString:
    if not webhook.active:
        return badge("disabled" if webhook.disabled_at else "inactive", Tone.QUIET, webhook.disabled_reason or "")
    if webhook.failure_count >= FAILING:
        return badge("failing", Tone.BAD, f"{webhook.failure_count} attempts in a row have failed")
    if webhook.failure_count:
        return badge("unsteady", Tone.ATTENTION, f"{webhook.failure_count} attempts in a row have failed")
    return badge("healthy", Tone.GOOD) if webhook.last_triggered_at else badge("not used yet", Tone.QUIET)


def queue_state(delivery: Delivery, now: datetime) -> str:
    """Where a delivery is in the queue, in words; empty once it has ended."""
    if delivery.status in (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED) and delivery.next_retry_at is None:
        return ""
    if delivery.leased_until is not None:
        return "in flight" if delivery.leased_until > now else "in flight, its lease has run out"
    if delivery.next_retry_at is None:
        return "held"
    return "due" if delivery.next_retry_at <= now else "scheduled"
