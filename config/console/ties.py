"""What ties records of different apps together: the apps don't know each other, the console shows them side by side."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import AutoField, Q
from django.http import HttpRequest

from bulk_orders.admin import BatchAdmin, OrderAdmin
from bulk_orders.models import Batch, Order
from config.lib.admin import AuditEntryAdmin, may_be_key_of
from config.lib.audit import AuditEntry
from config.lib.console import marks
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Fact, Panel, PanelMaker, facts, source, table
from integrations.models import Integration
from webhooks.admin import DeliveryAdmin, EventAdmin, WebhookAdmin
from webhooks.admin.tones import delivery_badge
from webhooks.models import Delivery, Event, Webhook

# An event is written in the transaction of what it tells of, so it is found around that moment.
AROUND = timedelta(seconds=5)
EVENTS_SHOWN = 20
# Kinds of things that the audit log speaks of, and where they are looked at.
TARGETS: dict[str, type[Any]] = {
    model._meta.model_name or "": model for model in (User, Order, Batch, Webhook, Delivery, Integration)
}


def tie() -> None:
    """Called once, by the last admin module."""
    for model, its_admin, makers in _PANELS:
        model_admin = admin.site.get_model_admin(model)
        assert isinstance(model_admin, its_admin)
        model_admin.more_panels.extend(makers)


def order_events(request: HttpRequest, order: Order) -> Panel:
    """Events of an order and what became of their deliveries."""
    moments = [order.submitted_at, *order.transitions.values_list("at", flat=True)]
    moments += order.payments.values_list("updated_at", flat=True)
    events = _events_about(order.client_id, moments, {"orderId": order.pk})
    return _events_panel(events, "Events and their deliveries", "No event tells of it any more: old ones are removed.")


def batch_events(request: HttpRequest, batch: Batch) -> Panel | None:
    if batch.completed_at is None or batch.validate_only:
        return None
    events = _events_about(batch.user_id, [batch.completed_at], {"batchId": batch.pk})
    return _events_panel(events, "Events and their deliveries", "No event tells of its end.")


def event_about(request: HttpRequest, event: Event) -> Panel | None:
    return _about(event.data)


def delivery_about(request: HttpRequest, delivery: Delivery) -> Panel | None:
    return _about(delivery.payload)


def webhook_owner(request: HttpRequest, webhook: Webhook) -> Panel | None:
    if webhook.integration_id is None:
        return None
    name = Integration.objects.filter(pk=webhook.integration_id).values_list("name", flat=True).first()
    link = marks.record_link(Integration, webhook.integration_id, name)
    return facts("Managed", Fact("Integration", link, "It owns this endpoint: URL, events and state are changed there"))


def audit_target(request: HttpRequest, entry: AuditEntry) -> Panel:
    model = TARGETS.get(entry.target_type)
    shown = _name_of(model, entry.target_id) if model else None
    target = (
        marks.record_link(model, entry.target_id, shown)
        if model and shown
        else f"{entry.target_type} {entry.target_id}"
    )
    who = marks.record_link(User, entry.actor_id, entry.actor) if entry.actor_id else entry.actor
    return facts(
        "Deed",
        Fact("By", who),
        Fact("From", entry.address or marks.NOTHING),
        Fact("To", target, entry.target_type if shown else "It is not there any more" if model else ""),
        Fact("Reason", entry.reason or marks.NOTHING),
        wide=bool(entry.before and entry.after),  # which stand side by side below it
    )


def _name_of(model: type[Any], key: str) -> str | None:
    """What people call a record, if it is there: by its id, or by what stands for a mere number."""
    if not may_be_key_of(model, key):
        return None
    if isinstance(model._meta.pk, AutoField):
        found = model._default_manager.filter(pk=key).first()
        return str(found) if found else None
    # Not read: with some come secrets, which are decrypted as they are loaded.
    return key if model._default_manager.filter(pk=key).exists() else None


def audit_before(request: HttpRequest, entry: AuditEntry) -> Panel | None:
    return source("Before", entry.before, wide=False) if entry.before else None


def audit_after(request: HttpRequest, entry: AuditEntry) -> Panel | None:
    return source("After", entry.after, wide=False) if entry.after else None


def _events_about(user_id: int, moments: Sequence[datetime], data: dict[str, Any]) -> list[Event]:
    around = Q()
    for moment in moments[:EVENTS_SHOWN]:
        around |= Q(created_at__range=(moment - AROUND, moment + AROUND))
    found = Event.objects.filter(around, user_id=user_id, data__contains=data).defer("body", "data")
    return list(found.order_by("created_at", "id")[:EVENTS_SHOWN])


def _events_panel(events: Sequence[Event], title: str, empty: str) -> Panel:
    return table(title, ("Event", "At", "Endpoint", "Delivery", "Attempts"), list(_event_rows(events)), empty=empty)


def _event_rows(events: Sequence[Event]) -> Iterator[tuple[object, ...]]:
    deliveries = Delivery.objects.filter(source__in=[event.pk for event in events]).select_related("webhook")
    secrets = ("webhook__secret", "webhook__previous_secret")
    by_event: dict[str, list[Delivery]] = {}
    for delivery in deliveries.defer("payload", "response_body", *secrets):
        by_event.setdefault(delivery.source_id, []).append(delivery)
    for event in events:
        head = marks.record_link(Event, event.pk, event.name), marks.when(event.created_at)
        if event.pk not in by_event:
            yield *head, "nobody subscribes", None, None
        for delivery in by_event.get(event.pk, ()):
            endpoint = marks.record_link(Webhook, delivery.webhook_id, marks.clipped(delivery.webhook.url, 44))
            link = marks.record_link(Delivery, delivery.pk, delivery_badge(delivery))
            yield *head, endpoint, link, marks.number(delivery.attempts)


def _about(data: Any) -> Panel | None:
    """Links to what an event tells of."""
    known = data if isinstance(data, dict) else {}
    told = []
    if known.get("orderId"):
        told.append(Fact("Order", marks.record_link(Order, known["orderId"], known.get("modelOrderId"))))
    if known.get("batchId"):
        told.append(Fact("Batch", marks.record_link(Batch, known["batchId"])))
    if known.get("webhookId"):
        told.append(Fact("Endpoint", marks.record_link(Webhook, known["webhookId"])))
    return facts("It tells of", *told) if told else None


_PANELS: tuple[tuple[type[Any], type[ConsoleAdmin], tuple[PanelMaker, ...]], ...] = (
    (Order, OrderAdmin, (order_events,)),
    (Batch, BatchAdmin, (batch_events,)),
    (Event, EventAdmin, (event_about,)),
    (Delivery, DeliveryAdmin, (delivery_about,)),
    (Webhook, WebhookAdmin, (webhook_owner,)),
    (AuditEntry, AuditEntryAdmin, (audit_target, audit_before, audit_after)),
)
