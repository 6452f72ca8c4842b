"""What is known of endpoints, events, deliveries and attempts. The delivery row is the queue: see `Delivery`."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from config.lib.database import LongNameIndex, NextDeliverySequence, TransactionTime
from config.lib.encryption import EncryptedTextField
from config.lib.exact_json import ExactJSONField
from config.lib.ids import new_id


class RetrySchedule(models.TextChoices):
    EXPONENTIAL = "exponential"
    STANDARD = "standard"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending"  # never tried
    RETRYING = "retrying"  # failed, the next try is set
    DELIVERED = "delivered"
    FAILED = "failed"  # no more tries


class Lane(models.IntegerChoices):
    """Who goes first when an endpoint has more waiting than it may take."""

    FIRST = 0
    RETRY = 1
    REPLAY = 2
    ORDERED = 3  # of an endpoint that wants strict order: one at a time, by sequence


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def for_user(self, user_id: int) -> "WebhookQuerySet":
        """The only door of a request to webhooks."""
        return self.filter(user_id=user_id)


class Webhook(models.Model):
    """An endpoint of a partner: where to send, what, signed with which secret, at what pace."""

    id = models.TextField(primary_key=True, default=partial(new_id, "wh"))
    # Deleting cascades in the database (see the migration): Python would load every delivery first.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="webhooks", db_constraint=False, db_index=False
    )
    url = models.TextField()
    events = ArrayField(models.TextField())
    secret = EncryptedTextField()
    active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    last_triggered_at = models.DateTimeField(null=True, blank=True, editable=False)
    failure_count = models.IntegerField(default=0, db_default=0, help_text="Consecutive failed attempts.")
    description = models.TextField(blank=True, default="", db_default="")
    retry_schedule = models.TextField(
        choices=RetrySchedule, default=RetrySchedule.EXPONENTIAL, db_default=RetrySchedule.EXPONENTIAL
    )
    # NULL: the schedule's own number.
    max_retries = models.IntegerField(null=True, blank=True, help_text="Attempts in all, 1 to 20.")
    rate_limit = models.IntegerField(null=True, blank=True, help_text="Deliveries a second; empty: no limit.")
    ordered = models.BooleanField(default=False, db_default=False, help_text="One at a time, in the order of events.")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.TextField(null=True, blank=True)
    # When to (try again to) tell the owner that it was disabled; NULL: nothing to tell.
    tell_owner_at = models.DateTimeField(null=True, blank=True, editable=False)
    previous_secret = EncryptedTextField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    # When a limited endpoint may get its next delivery: every worker paces by this one row.
    next_slot_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Since when every attempt has failed, and how many deliveries in a row have ended so: what auto-disabling asks.
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failed_in_a_row = models.IntegerField(default=0, db_default=0, editable=False)
    # The integration that owns this webhook, if one does. The constraint is added by that app, which knows this one.
    integration_id = models.TextField(null=True, blank=True, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        db_table = "webhooks"
        permissions: ClassVar = [("reveal_secret", "Can reveal signing secrets")]
        indexes: ClassVar = [
            models.Index(fields=["user"], name="idx_webhooks_user_id"),  # for_user, fan-out
            models.Index(fields=["active"], name="idx_webhooks_active", condition=Q(active=True)),  # seed schema
            # The engine's next look at paced endpoints.
            models.Index(
                fields=["next_slot_at"], name="idx_webhooks_next_slot", condition=Q(next_slot_at__isnull=False)
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["integration_id"], name="webhooks_integration_id_key"),
            models.CheckConstraint(
                condition=Q(retry_schedule__in=RetrySchedule.values), name="webhooks_schedule_known"
            ),
            models.CheckConstraint(condition=Q(max_retries__range=(1, 20)), name="webhooks_max_retries_range"),
            models.CheckConstraint(condition=Q(rate_limit__gte=1), name="webhooks_rate_limit_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.id} → {self.url}"


class Event(models.Model):
    """Something that happened, once: `body` is the exact bytes that every delivery of it sends and signs."""

    id = models.TextField(primary_key=True, default=partial(new_id, "evt"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    name = models.TextField()
    data = ExactJSONField()
    body = models.BinaryField()
    # Of the request that made it happen, where one is known: every delivery repeats it as X-Request-Id.
    request_id = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)

    class Meta:
        db_table = "webhook_events"
        indexes: ClassVar = [
            models.Index(fields=["user", "created_at"], name="idx_webhook_events_user"),  # replay by range
            models.Index(fields=["created_at"], name="idx_webhook_events_created"),  # retention
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_user(self, user_id: int) -> "DeliveryQuerySet":
        return self.filter(webhook__user_id=user_id)


class Delivery(models.Model):
    """One event on its way to one endpoint, and the queue itself.

    Due: ``next_retry_at <= now``, unless in flight: `lease` is set and `leased_until` ahead. A dead worker's deliveries
    are due again by themselves when that is past; a result is recorded only under the lease it was sent with.
    Finished or held: ``next_retry_at`` is NULL.

    A lease touches no indexed column and finds room on the row's page (see the migration's fillfactor), so claiming
    writes no index: it costs a quarter of moving ``next_retry_at``.
    """

    id = models.TextField(primary_key=True, default=partial(new_id, "del"))
    webhook = models.ForeignKey(
        Webhook, models.DO_NOTHING, related_name="deliveries", db_constraint=False, db_index=False
    )
    event = models.TextField()
    payload = ExactJSONField()
    status = models.TextField(choices=DeliveryStatus)
    attempts = models.IntegerField(default=0, db_default=0)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    next_retry_at = models.DateTimeField(null=True, blank=True)
    response_code = models.IntegerField(null=True, blank=True)
    response_body = models.TextField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    source = models.ForeignKey(
        Event,
        models.DO_NOTHING,
        related_name="deliveries",
        db_column="event_id",
        db_constraint=False,
        db_index=False,
    )
    duration_ms = models.IntegerField(null=True, blank=True, help_text="Of the last attempt, in milliseconds.")
    lease = models.BigIntegerField(null=True, blank=True, help_text="Fencing token of the worker that holds it.")
    leased_until = models.DateTimeField(null=True, blank=True)
    lane = models.SmallIntegerField(choices=Lane, default=Lane.FIRST, db_default=Lane.FIRST)
    # The order in which deliveries came to be: created_at is the same for all of a transaction.
    sequence = models.BigIntegerField(db_default=NextDeliverySequence(), editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name_plural = "deliveries"
        indexes: ClassVar = [
            LongNameIndex(fields=["webhook"], name="idx_webhook_deliveries_webhook_id"),  # seed schema
            LongNameIndex(fields=["status"], name="idx_webhook_deliveries_status"),
            LongNameIndex(
                fields=["next_retry_at"],
                name="idx_webhook_deliveries_next_retry",
                condition=Q(next_retry_at__isnull=False),
            ),
            # The list of an endpoint's deliveries, newest first, and what it can be filtered by: a page is found, and
            # counted, without reading a row.
            LongNameIndex(
                fields=["webhook", "-created_at", "-id"],
                include=["status", "event"],
                name="idx_webhook_deliveries_page",
            ),
            # The same list by an event that the endpoint seldom or never gets, which the one above would be walked
            # for from end to end. Kept without the time: PostgreSQL then folds equal entries, and it costs a delivery
            # a fifth of what another index of pages would.
            LongNameIndex(fields=["webhook", "event"], name="idx_webhook_deliveries_event"),
            # What is held for an endpoint that is not active: to be made due, to be counted.
            LongNameIndex(
                fields=["webhook"],
                name="idx_webhook_deliveries_held",
                condition=Q(next_retry_at__isnull=True, status__in=[DeliveryStatus.PENDING, DeliveryStatus.RETRYING]),
            ),
            # The head of an endpoint in strict order.
            LongNameIndex(
                fields=["webhook", "sequence"],
                name="idx_webhook_deliveries_ordered",
                condition=Q(next_retry_at__isnull=False, lane=Lane.ORDERED),
            ),
        ]
        constraints: ClassVar = [
            # One delivery per endpoint and event. The event first: the index serves an event's cascade, too.
            models.UniqueConstraint(fields=["source", "webhook"], name="webhook_deliveries_event_id_webhook_id_key"),
            models.CheckConstraint(
                condition=Q(status__in=DeliveryStatus.values), name="webhook_deliveries_status_known"
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="webhook_deliveries_attempts_counted"),
            # What has ended waits for nothing.
            models.CheckConstraint(
                condition=Q(status__in=[DeliveryStatus.PENDING, DeliveryStatus.RETRYING])
                | Q(next_retry_at__isnull=True),
                name="webhook_deliveries_ended_not_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.event} {self.status}"


class Attempt(models.Model):
    """One request that was made, or refused at connect: what was sent, what came back, how long each phase took."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(
        Delivery, models.DO_NOTHING, related_name="attempt_log", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    response_code = models.IntegerField(null=True, blank=True)
    duration_ms = models.IntegerField()
    timings = ExactJSONField(null=True, blank=True, help_text="Milliseconds by phase, as libcurl tells them.")
    response_headers = ExactJSONField(null=True, blank=True)
    response_body = models.TextField(null=True, blank=True)
    truncated = models.BooleanField(default=False, db_default=False)
    error = models.TextField(null=True, blank=True)
    remote_ip = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "webhook_delivery_attempts"
        indexes: ClassVar = [
            LongNameIndex(fields=["delivery", "at"], name="idx_webhook_delivery_attempts_delivery"),  # attempt log
            # Figures of a recent span. BRIN: rows come in order of time, and every attempt would pay for a tree.
            BrinIndex(fields=["at"], name="idx_webhook_attempts_at", pages_per_range=32, autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} at {self.at}"


class WebhookHour(models.Model):
    """How an endpoint did in an hour (UTC): its attempts, by time and error, and the deliveries that ended."""

    id = models.BigAutoField(primary_key=True)
    webhook = models.ForeignKey(Webhook, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    hour = models.DateTimeField()
    delivered = models.BigIntegerField()
    failed = models.BigIntegerField()
    attempts = models.BigIntegerField(help_text="Of the deliveries that ended.")
    took = ArrayField(models.IntegerField(), help_text="Of every attempt, see config.lib.histograms.")
    errors = models.JSONField(help_text="How often the most frequent errors occurred.")

    class Meta:
        db_table = "webhook_hours"
        constraints: ClassVar = [
            # Also the index of an endpoint's analytics.
            models.UniqueConstraint(fields=["webhook", "hour"], name="webhook_hours_key"),
        ]
        indexes: ClassVar = [models.Index(fields=["hour"], name="idx_webhook_hours_hour")]  # counting over, retention

    def __str__(self) -> str:
        return f"{self.webhook_id} at {self.hour}"
