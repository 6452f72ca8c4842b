"""Deliveries and their attempts: what was sent where, what came back, and what happens next."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import Term
from webhooks.admin import delivery_page
from webhooks.admin.deeds import DELIVERY_DEEDS
from webhooks.admin.tones import code_badge, delivery_badge, queue_state
from webhooks.events import EventName
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, Webhook

ENDED = (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED)


class StatusFilter(OptionFilter):
    title, parameter_name = "status", "status"
    options = tuple((value, label, models.Q(status=value)) for value, label in DeliveryStatus.choices)


class EventFilter(OptionFilter):
    title, parameter_name, bounded = "event", "event", True
    options = tuple((name.value, name.value, models.Q(event=name.value)) for name in EventName)


class QueueFilter(OptionFilter):
    """Where unfinished deliveries are; all conditions but the last are answered by the queue's own index."""

    title, parameter_name = "queue", "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("due", "Due now"), ("later", "Scheduled"), ("flight", "In flight"), ("held", "Held")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        now = timezone.now()
        waiting = queryset.filter(next_retry_at__isnull=False)
        match self.value():
            case "due":
                return waiting.filter(next_retry_at__lte=now).exclude(leased_until__gt=now)
            case "later":
                return waiting.filter(next_retry_at__gt=now).exclude(leased_until__gt=now)
            case "flight":
                return waiting.filter(leased_until__gt=now)
            case "held":
                held = models.Q(status__in=[DeliveryStatus.PENDING, DeliveryStatus.RETRYING])
                return queryset.filter(held, next_retry_at__isnull=True).exclude(event=EventName.WEBHOOK_TEST)
        return queryset


@admin.register(Delivery)
class DeliveryAdmin(ConsoleAdmin):
    explanation = (
        "One event on its way to one endpoint, tried again on the endpoint's schedule until delivered or given up."
    )
    empty = "Nothing has been sent yet."
    list_display = ("created", "what", "endpoint", "state", "reply", "tries")
    list_filter = (StatusFilter, QueueFilter, EventFilter)
    list_select_related = ("webhook",)
    search_terms = (
        Term(r"del_\d+_[0-9a-f]+", "pk"),
        Term(r"evt_\d+_[0-9a-f]+", "source_id"),
        Term(r"wh_\d+_[0-9a-f]+", "webhook_id"),
    )
    search_help_text = "Delivery, event or webhook id"
    moment, key_prefix = "created_at", "del"
    export_fields = (
        "id", "webhook_id", "webhook__url", "event", "source_id", "status", "attempts", "last_attempt_at",
        "next_retry_at", "response_code", "duration_ms", "error", "created_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.defer("payload", "response_body", *(f"webhook__{name}" for name in ("secret", "previous_secret")))  # type: ignore[no-any-return]

    deeds = DELIVERY_DEEDS
    panels = (
        delivery_page.waterfall,
        delivery_page.request_sent,
        delivery_page.reply_received,
        delivery_page.particulars,
        delivery_page.data_sent,
    )

    def record(self, request: HttpRequest, obj: Delivery) -> Record:
        return delivery_page.record(obj)

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        # The two indexes that hold deliveries newest first: all of them by key, an endpoint's by its list.
        return ("-created_at", "-pk") if "webhook__id__exact" in request.GET else ("-pk",)

    @admin.display(description="Event")
    def what(self, delivery: Delivery) -> SafeString:
        return marks.record_link(Event, delivery.source_id, marks.code(delivery.event))

    @admin.display(description="Endpoint")
    def endpoint(self, delivery: Delivery) -> SafeString:
        return marks.record_link(Webhook, delivery.webhook_id, marks.clipped(delivery.webhook.url, 44))

    @admin.display(description="Status")
    def state(self, delivery: Delivery) -> SafeString:
        badge = delivery_badge(delivery)
        return marks.two(badge, marks.clipped(delivery.error, 60)) if delivery.error else badge

    @admin.display(description="Reply")
    def reply(self, delivery: Delivery) -> SafeString:
        if not delivery.attempts:
            return marks.NOTHING
        return marks.two(code_badge(delivery.response_code), marks.milliseconds(delivery.duration_ms))

    @admin.display(description="Attempts")
    def tries(self, delivery: Delivery) -> SafeString:
        """How many were made, and when the next one is."""
        made, now = marks.number(delivery.attempts), timezone.now()
        state = queue_state(delivery, now)
        if state == "scheduled" and delivery.next_retry_at:
            state = f"next {marks.relative(delivery.next_retry_at, now)}"
        return marks.two(made, state) if state else made

    @admin.display(description="Created")
    def created(self, delivery: Delivery) -> SafeString:
        return marks.when(delivery.created_at)


class CodeFilter(OptionFilter):
    title, parameter_name, bounded = "reply", "reply", True
    options = (
        ("2xx", "2xx: delivered", models.Q(response_code__range=(200, 299))),
        ("3xx", "3xx: redirect, never followed", models.Q(response_code__range=(300, 399))),
        ("4xx", "4xx", models.Q(response_code__range=(400, 499))),
        ("5xx", "5xx", models.Q(response_code__range=(500, 599))),
        ("none", "No reply", models.Q(response_code__isnull=True)),
    )


@admin.register(Attempt)
class AttemptAdmin(ConsoleAdmin):
    explanation = "Every request that was made, or refused before a connection was opened."
    empty = "Nothing has been sent yet."
    list_display = ("moment_of", "what", "endpoint", "reply", "address", "problem")
    list_filter = (CodeFilter,)
    list_select_related = ("delivery__webhook",)
    search_terms = (Term(r"del_\d+_[0-9a-f]+", "delivery_id"),)
    search_help_text = "Delivery id"
    moment, has_serial_time = "at", True
    export_fields = ("id", "delivery_id", "at", "response_code", "duration_ms", "remote_ip", "error", "truncated")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        heavy = ("response_headers", "response_body", "delivery__payload", "delivery__response_body")
        secrets = ("delivery__webhook__secret", "delivery__webhook__previous_secret")
        return super().get_queryset(request).defer(*heavy, *secrets)  # type: ignore[no-any-return]

    panels = (delivery_page.attempt_phases, delivery_page.attempt_reply)

    def record(self, request: HttpRequest, obj: Attempt) -> Record:
        return delivery_page.attempt_record(obj)

    @admin.display(description="At")
    def moment_of(self, attempt: Attempt) -> SafeString:
        return marks.when(attempt.at)

    @admin.display(description="Delivery")
    def what(self, attempt: Attempt) -> SafeString:
        return marks.record_link(Delivery, attempt.delivery_id, marks.code(attempt.delivery.event))

    @admin.display(description="Endpoint")
    def endpoint(self, attempt: Attempt) -> SafeString:
        webhook = attempt.delivery.webhook
        return marks.record_link(Webhook, webhook.pk, marks.clipped(webhook.url, 44))

    @admin.display(description="Address")
    def address(self, attempt: Attempt) -> str:
        return attempt.remote_ip or "–"

    @admin.display(description="Reply")
    def reply(self, attempt: Attempt) -> SafeString:
        return marks.two(code_badge(attempt.response_code), marks.milliseconds(attempt.duration_ms))

    @admin.display(description="Error")
    def problem(self, attempt: Attempt) -> SafeString:
        return marks.clipped(attempt.error, 70)
