"""The shapes of requests and replies about webhooks. Only the replies of create and rotate hold a secret."""

from datetime import datetime
from typing import Any, ClassVar

from rest_framework import serializers

from config.lib.camel import CamelModelSerializer, CamelSerializer
from config.lib.fields import DigitsField, FlagField, TextField, WholeNumberField
from webhooks.delivery import max_attempts
from webhooks.events import EventName
from webhooks.models import Attempt, Delivery, DeliveryStatus, RetrySchedule, Webhook
from webhooks.services import Retried

DESCRIPTION_MAX = 1000
MAX_RETRIES = 20
RATE_LIMIT_MAX = 10_000
MAX_GRACE_HOURS = 168
BIGGEST = 2**31 - 1


class EventsField(serializers.ListField):
    child = serializers.ChoiceField(
        [name.value for name in EventName], error_messages={"invalid_choice": "Unknown event type: {input}"}
    )

    def __init__(self, **options: Any) -> None:
        options.setdefault("error_messages", {"empty": "At least one event type is required"})
        super().__init__(allow_empty=False, **options)


class WebhookChangesSerializer(CamelSerializer):
    """What an owner may set; all of it optional, with PUT as with PATCH."""

    url = TextField(required=False, max_length=2048)
    events = EventsField(required=False)
    active = FlagField(required=False)
    description = TextField(required=False, allow_blank=True, max_length=DESCRIPTION_MAX)
    retry_schedule = serializers.ChoiceField(RetrySchedule.choices, required=False)
    max_retries = WholeNumberField(required=False, allow_null=True, min_value=1, max_value=MAX_RETRIES)
    rate_limit = WholeNumberField(required=False, allow_null=True, min_value=1, max_value=RATE_LIMIT_MAX)
    ordered = FlagField(required=False)


class NewWebhookSerializer(WebhookChangesSerializer):
    url = TextField(max_length=2048)
    events = EventsField()
    secret = TextField(required=False, allow_null=True, trim_whitespace=False)


class WebhookSerializer(CamelModelSerializer):
    max_retries = serializers.SerializerMethodField(help_text="Attempts in all, its own or the schedule's.")

    class Meta:
        model = Webhook
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "user_id",
            "url",
            "events",
            "active",
            "created_at",
            "updated_at",
            "last_triggered_at",
            "failure_count",
            "description",
            "retry_schedule",
            "max_retries",
            "rate_limit",
            "ordered",
            "disabled_at",
            "disabled_reason",
            "integration_id",
        )

    def get_max_retries(self, webhook: Webhook) -> int:
        return max_attempts(webhook.retry_schedule, webhook.max_retries)


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField()

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")


class DeliverySerializer(CamelModelSerializer):
    event_id = serializers.CharField(source="source_id")
    next_retry_at = serializers.SerializerMethodField(help_text="null, too, while the delivery is being sent.")

    class Meta:
        model = Delivery
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "webhook_id",
            "event_id",
            "event",
            "payload",
            "status",
            "attempts",
            "last_attempt_at",
            "next_retry_at",
            "response_code",
            "response_body",
            "error",
            "duration_ms",
            "created_at",
        )

    def get_next_retry_at(self, delivery: Delivery) -> datetime | None:
        return delivery.next_retry_at if delivery.lease is None else None


class AttemptSerializer(CamelModelSerializer):
    class Meta:
        model = Attempt
        fields = (
            "at",
            "response_code",
            "duration_ms",
            "response_headers",
            "response_body",
            "truncated",
            "error",
            "remote_ip",
        )


class DeliveryDetailSerializer(DeliverySerializer):
    attempt_log = AttemptSerializer(many=True)

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "attempt_log")


class TestedDeliverySerializer(CamelModelSerializer):
    class Meta:
        model = Delivery
        fields = ("id", "status", "response_code", "error")


class DeliveryFilterSerializer(CamelSerializer):
    """The query of the list; an empty value filters nothing."""

    status = serializers.ChoiceField(DeliveryStatus.choices, required=False, allow_blank=True)
    event = serializers.ChoiceField([name.value for name in EventName], required=False, allow_blank=True)


class RetryParametersSerializer(CamelSerializer):
    max_retries = DigitsField(required=False, min_value=1, max_value=BIGGEST)
    force = serializers.BooleanField(required=False, default=False)


class GraceSerializer(CamelSerializer):
    grace_hours = WholeNumberField(required=False, default=24, min_value=0, max_value=MAX_GRACE_HOURS)


class ReplaySerializer(CamelSerializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(required=False, allow_null=True)
    events = EventsField(required=False)
    status = serializers.ListField(
        child=serializers.ChoiceField(DeliveryStatus.choices), allow_empty=False, required=False
    )
    dry_run = FlagField(required=False, default=False)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("status"), str):
            data = {**data, "status": [data["status"]]}
        return super().to_internal_value(data)


class AnalyticsParametersSerializer(CamelSerializer):
    days = DigitsField(required=False, default=7, min_value=1, max_value=90)


class DurationsSerializer(CamelSerializer):
    p50 = serializers.IntegerField(allow_null=True)
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)


class SpanSerializer(CamelSerializer):
    at = serializers.DateTimeField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    p95 = serializers.IntegerField(allow_null=True)


class TopErrorSerializer(CamelSerializer):
    error = serializers.CharField()
    count = serializers.IntegerField()


class AnalyticsSerializer(CamelSerializer):
    days = serializers.IntegerField()
    total = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    pending = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    attempts_per_delivery = serializers.FloatField(allow_null=True)
    duration_ms = DurationsSerializer(help_text="Milliseconds")
    series = SpanSerializer(many=True, help_text="By hour, of long periods by day")
    top_errors = TopErrorSerializer(many=True)


class CatalogueEntrySerializer(CamelSerializer):
    name = serializers.CharField()
    description = serializers.CharField()
    schema = serializers.JSONField()
    example = serializers.JSONField()


class TestReplySerializer(CamelSerializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
    delivery = TestedDeliverySerializer()


class RetryReplySerializer(TestReplySerializer):
    delivery = DeliverySerializer()  # type: ignore[assignment]  # the whole delivery, not an extract


class RequeuedSerializer(CamelSerializer):
    id = serializers.CharField()
    status = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField(allow_null=True)


class RequeuedReplySerializer(CamelSerializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
    results = RequeuedSerializer(many=True)


class CountSerializer(CamelSerializer):
    count = serializers.IntegerField()


def test_reply(delivery: Delivery) -> dict[str, Any]:
    succeeded = delivery.status == DeliveryStatus.DELIVERED
    message = "Test event sent successfully" if succeeded else f"Test event failed: {delivery.error}"
    return {"success": succeeded, "message": message, "delivery": TestedDeliverySerializer(delivery).data}


def retry_reply(retried: Retried) -> dict[str, Any]:
    delivery, refusal = retried
    succeeded = delivery.status == DeliveryStatus.DELIVERED and not refusal
    message = "Webhook retried successfully" if succeeded else f"Webhook retry failed: {refusal or delivery.error}"
    return {"success": succeeded, "message": message, "delivery": DeliverySerializer(delivery).data}
