"""The shapes of requests and replies. No reply but those of creation and regeneration ever holds a secret."""

import ipaddress
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.lib.camel import CamelSerializer
from config.lib.fields import DigitsField, FlagField, TextField, WholeNumberField
from integrations import configuration, throttles
from integrations.models import Integration, IntegrationStatus, IntegrationType, Template
from webhooks import managed

NAME_MAX, URL_MAX, NETWORKS_MAX = 200, 2048, 100


class NetworkField(TextField):
    """A CIDR, or one address; kept in its canonical form."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return str(ipaddress.ip_network(super().to_internal_value(data), strict=False))
        except ValueError:
            raise serializers.ValidationError("Not an address or a CIDR", code="invalid_network") from None


class ChangesSerializer(CamelSerializer):
    """What an owner may set at any time, each for itself, with PUT as with PATCH."""

    name = TextField(max_length=NAME_MAX, required=False)
    status = serializers.ChoiceField(IntegrationStatus.choices, required=False)
    config = serializers.DictField(required=False, allow_null=True)
    webhook_url = TextField(max_length=URL_MAX, required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    allowed_networks = serializers.ListField(child=NetworkField(), required=False, max_length=NETWORKS_MAX)
    require_signature = FlagField(required=False)


class NewIntegrationSerializer(CamelSerializer):
    name = TextField(max_length=NAME_MAX)
    type = serializers.ChoiceField(IntegrationType.choices)
    status = serializers.ChoiceField(
        [IntegrationStatus.PENDING],
        required=False,
        error_messages={"invalid_choice": "A new integration is pending; change its status once it exists"},
    )
    config = serializers.DictField(required=False, allow_null=True)
    webhook_url = TextField(max_length=URL_MAX, required=False, allow_null=True)
    template = serializers.PrimaryKeyRelatedField(
        queryset=Template.objects.filter(active=True), required=False, allow_null=True
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    allowed_networks = serializers.ListField(child=NetworkField(), required=False, max_length=NETWORKS_MAX)
    require_signature = FlagField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        template = attrs.get("template")
        if template and template.type != attrs["type"]:
            raise serializers.ValidationError({"template": f"Template {template.pk} is for {template.type}"})
        return attrs


class RegenerationSerializer(CamelSerializer):
    grace_hours = WholeNumberField(min_value=0, max_value=168, default=0)


class FilterSerializer(CamelSerializer):
    """The query of the list; an empty value filters nothing."""

    type = serializers.ChoiceField(IntegrationType.choices, required=False, allow_blank=True)
    status = serializers.ChoiceField(IntegrationStatus.choices, required=False, allow_blank=True)


class IntegrationSerializer(CamelSerializer):
    """One row of the list; needs `with_usage`."""

    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()
    webhook_url = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(source="last_call", allow_null=True)
    usage_count = serializers.IntegerField(source="calls")


@extend_schema_field(OpenApiTypes.OBJECT)
class ConfigField(serializers.Field[Any, Any, Any, Any]):
    """Config without its secrets."""

    def get_attribute(self, instance: Integration) -> Integration:
        return instance

    def to_representation(self, value: Integration) -> dict[str, Any]:
        schema = value.template.config_schema if value.template else None
        return configuration.masked(value.config or {}, schema)


class DetailSerializer(IntegrationSerializer):
    api_key = serializers.CharField()
    config = ConfigField(read_only=True)
    scopes = serializers.ListField(child=serializers.CharField())
    webhook_id = serializers.SerializerMethodField()
    template = serializers.CharField(source="template_id", allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    allowed_networks = serializers.ListField(child=serializers.CharField())
    require_signature = serializers.BooleanField()
    suspended_reason = serializers.CharField(allow_null=True)
    previous_valid_until = serializers.DateTimeField(allow_null=True)
    previous_used_at = serializers.DateTimeField(allow_null=True)
    previous_used_from = serializers.CharField(allow_null=True)

    def get_webhook_id(self, integration: Integration) -> str | None:
        return managed.managed_id(integration.pk)


class CreatedSerializer(CamelSerializer):
    """The reply to creation: the only time, but for regeneration, that the secrets are shown."""

    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()
    api_key = serializers.CharField()
    api_secret = serializers.CharField()
    webhook_url = serializers.CharField(allow_null=True)
    webhook_secret = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class UpdatedSerializer(CamelSerializer):
    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()
    webhook_url = serializers.CharField(allow_null=True)
    config = ConfigField(read_only=True)
    updated_at = serializers.DateTimeField()


class RegeneratedSerializer(CamelSerializer):
    api_key = serializers.CharField()
    api_secret = serializers.CharField()


class RegeneratedReplySerializer(RegeneratedSerializer):
    success = serializers.BooleanField()
    message = serializers.CharField()


class UsageSerializer(CamelSerializer):
    id = serializers.CharField()
    integration_id = serializers.CharField()
    endpoint = serializers.CharField()
    method = serializers.CharField()
    status_code = serializers.IntegerField()
    response_time = serializers.IntegerField(help_text="Milliseconds")
    timestamp = serializers.DateTimeField()
    error = serializers.CharField(allow_null=True)


class RateLimitsSerializer(CamelSerializer):
    per_minute = serializers.IntegerField()
    per_hour = serializers.IntegerField()


class WhoAmISerializer(CamelSerializer):
    id = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    rate_limits = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(allow_null=True)
    allowed_networks = serializers.ListField(child=serializers.CharField())

    def get_rate_limits(self, integration: Integration) -> dict[str, int]:
        minute, hour = throttles.windows_for(integration)
        return {"perMinute": minute.limit, "perHour": hour.limit}


class TemplateSerializer(CamelSerializer):
    id = serializers.CharField()
    type = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    config_schema = serializers.DictField()
    scopes = serializers.ListField(child=serializers.CharField())
    events = serializers.ListField(child=serializers.CharField())


class PeriodSerializer(CamelSerializer):
    days = DigitsField(min_value=1, max_value=365, default=7)


class TimesSerializer(CamelSerializer):
    p50 = serializers.IntegerField(allow_null=True)
    p95 = serializers.IntegerField(allow_null=True)


class EndpointUsageSerializer(CamelSerializer):
    endpoint = serializers.CharField()
    method = serializers.CharField()
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # hides a property that only input needs
    p95 = serializers.IntegerField()


class DayUsageSerializer(CamelSerializer):
    day = serializers.DateField()
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # hides a property that only input needs


class UsageSummarySerializer(CamelSerializer):
    """For the documentation; `reports.usage_summary` makes this shape itself."""

    days = serializers.IntegerField()
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # hides a property that only input needs
    error_rate = serializers.FloatField()
    response_time = TimesSerializer()
    by_endpoint = EndpointUsageSerializer(many=True)
    by_day = DayUsageSerializer(many=True)


class TestDeliverySerializer(CamelSerializer):
    id = serializers.CharField()
    status = serializers.CharField()
    response_code = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class TestedSerializer(CamelSerializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
    delivery = TestDeliverySerializer()
