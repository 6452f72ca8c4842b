"""Partners' credentials, what they may do, and what they did."""

from functools import partial
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Greatest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from config.lib.database import LongNameIndex, TransactionTime
from config.lib.encryption import EncryptedJSONField, EncryptedTextField
from config.lib.exact_json import ExactJSONField
from config.lib.ids import new_id
from integrations import catalogue, scopes

SECRET_FIELDS = ("api_secret", "previous_api_secret", "webhook_secret")


class IntegrationType(models.TextChoices):
    PAYMENT_GATEWAY = "payment_gateway"
    RTA = "rta", "RTA"
    NAV_PROVIDER = "nav_provider", "NAV provider"
    EMAIL_SERVICE = "email_service"
    SMS_SERVICE = "sms_service", "SMS service"
    ANALYTICS = "analytics"
    CUSTOM = "custom"


class IntegrationStatus(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class Template(models.Model):
    """A pre-configured kind of integration: the JSON Schema of its config, default scopes and events."""

    id = models.TextField(primary_key=True, help_text="A slug, e.g. razorpay.")
    type = models.TextField(choices=IntegrationType)
    name = models.TextField()
    description = models.TextField(blank=True, default="", db_default="")
    config_schema = ExactJSONField(help_text="JSON Schema; a property with writeOnly holds a secret.")
    scopes = ArrayField(models.TextField(), default=list, blank=True)
    events = ArrayField(models.TextField(), default=list, blank=True)
    active = models.BooleanField(default=True, db_default=True)

    class Meta:
        db_table = "integration_templates"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(type__in=IntegrationType.values), name="integration_templates_type_known"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What staff write here must hold for the integrations that start from it."""
        try:
            if self.config_schema is not None:  # else it was no JSON, as its field has said
                Draft202012Validator.check_schema(self.config_schema)
        except SchemaError as error:
            raise ValidationError({"config_schema": f"Not a JSON Schema: {error.message}"}) from None
        for field, known in (("scopes", scopes.ALL), ("events", catalogue.ALL_EVENTS)):
            unknown = sorted(set(getattr(self, field)).difference(known))
            if unknown:
                raise ValidationError({field: f"Unknown: {', '.join(unknown)}"})


class IntegrationQuerySet(models.QuerySet["Integration"]):
    def for_user(self, user_id: int) -> "IntegrationQuerySet":
        """The only door of a request to integrations."""
        return self.filter(user_id=user_id)

    def with_usage(self) -> "IntegrationQuerySet":
        """Adds `calls` and `last_call`: the counters of the row plus the calls that are not rolled up into them yet."""
        fresh = UncountedCall.objects.filter(integration=OuterRef("pk")).order_by().values("integration")
        return self.annotate(
            calls=F("usage_count") + Coalesce(Subquery(fresh.annotate(calls=Count("*")).values("calls")), 0),
            last_call=Greatest("last_used_at", Subquery(fresh.annotate(last=Max("at")).values("last"))),
        )

    def without_secrets(self) -> "IntegrationQuerySet":
        """For lists: secrets are decrypted as they are loaded, and no list shows one."""
        return self.defer(*SECRET_FIELDS)


class Integration(models.Model):
    """A partner's system: one key pair, its scopes and limits, and optionally the URL that is told of everything."""

    id = models.TextField(primary_key=True, default=partial(new_id, "int"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="integrations", db_constraint=False, db_index=False
    )
    name = models.TextField()
    type = models.TextField(choices=IntegrationType)
    status = models.TextField(
        choices=IntegrationStatus, default=IntegrationStatus.PENDING, db_default=IntegrationStatus.PENDING
    )
    api_key = models.TextField()
    api_secret = EncryptedTextField()
    # Holds credentials of the partner at others, as of a payment gateway.
    config = EncryptedJSONField(null=True, blank=True)
    webhook_url = models.TextField(null=True, blank=True)
    webhook_secret = EncryptedTextField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    usage_count = models.IntegerField(default=0, db_default=0, editable=False)
    template = models.ForeignKey(
        Template, models.DO_NOTHING, related_name="+", null=True, blank=True, db_constraint=False, db_index=False
    )
    scopes = ArrayField(models.TextField(), default=list, blank=True)
    acts_for = ArrayField(
        models.IntegerField(), null=True, blank=True, help_text="User ids whose orders privileged scopes reach."
    )
    allowed_networks = ArrayField(models.TextField(), default=list, blank=True, help_text="CIDRs; empty: any address.")
    expires_at = models.DateTimeField(null=True, blank=True)
    rate_per_minute = models.IntegerField(null=True, blank=True)
    rate_per_hour = models.IntegerField(null=True, blank=True)
    require_signature = models.BooleanField(default=False, db_default=False)
    suspended_reason = models.TextField(null=True, blank=True)
    # The pair before the last regeneration, while its grace lasts.
    previous_api_key = models.TextField(null=True, blank=True)
    previous_api_secret = EncryptedTextField(null=True, blank=True)
    previous_valid_until = models.DateTimeField(null=True, blank=True)
    # Who still has to change: when and from where the old pair was used last, to the minute.
    previous_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    previous_used_from = models.TextField(null=True, blank=True, editable=False)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        db_table = "integrations"
        permissions: ClassVar = [
            ("suspend_integration", "Can suspend integrations and lift a suspension"),
            ("reveal_secret", "Can reveal secrets"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user"], name="idx_integrations_user_id"),  # for_user
            models.Index(fields=["api_key"], name="idx_integrations_api_key"),  # seed schema
            models.Index(fields=["type"], name="idx_integrations_type"),  # list by type
            models.Index(fields=["status"], name="idx_integrations_status"),  # list by status
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["api_key"], name="integrations_api_key_key"),  # authentication
            models.UniqueConstraint(fields=["previous_api_key"], name="integrations_previous_api_key_key"),
            models.CheckConstraint(condition=Q(type__in=IntegrationType.values), name="integrations_type_known"),
            models.CheckConstraint(condition=Q(status__in=IntegrationStatus.values), name="integrations_status_known"),
            models.CheckConstraint(
                condition=Q(rate_per_minute__isnull=True) | Q(rate_per_minute__gte=1), name="integrations_minute_rate"
            ),
            models.CheckConstraint(
                condition=Q(rate_per_hour__isnull=True) | Q(rate_per_hour__gte=1), name="integrations_hour_rate"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def reachable_user_ids(self) -> list[int]:
        """Whose orders its privileged scopes reach: those that staff have named, else its owner's alone."""
        return self.acts_for or [self.user_id]

    @property
    def is_suspended(self) -> bool:
        return self.status == IntegrationStatus.SUSPENDED


class UsageLog(models.Model):
    """One call that was made with an integration's key."""

    id = models.TextField(primary_key=True, default=partial(new_id, "log"))
    integration = models.ForeignKey(
        Integration, models.DO_NOTHING, related_name="usage_logs", db_constraint=False, db_index=False
    )
    endpoint = models.TextField()
    method = models.TextField()
    status_code = models.IntegerField()
    response_time = models.IntegerField(help_text="Milliseconds.")
    error = models.TextField(null=True, blank=True)
    timestamp = models.DateTimeField(db_default=TransactionTime(), editable=False)

    class Meta:
        db_table = "integration_usage_logs"
        indexes: ClassVar = [
            LongNameIndex(fields=["integration"], name="idx_integration_usage_logs_integration_id"),  # seed schema
            LongNameIndex(fields=["-timestamp"], name="idx_integration_usage_logs_timestamp"),  # retention, roll-up
            LongNameIndex(  # the list of an integration's calls, newest first
                fields=["integration", "-timestamp", "-id"], name="idx_integration_usage_logs_list"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {self.status_code}"


class UncountedCall(models.Model):
    """A call that is logged and not yet in its integration's counters.

    Written with the log row, deleted by the roll-up: a busy partner's row is touched every few seconds, not every call,
    and the log itself is never updated.
    """

    id = models.BigAutoField(primary_key=True)
    integration = models.ForeignKey(
        Integration, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "integration_uncounted_calls"
        indexes: ClassVar = [
            LongNameIndex(fields=["integration"], name="idx_integration_uncounted_calls_integration")  # with_usage
        ]

    def __str__(self) -> str:
        return f"{self.integration_id} at {self.at}"


class UsageFigures(models.Model):
    """How often an endpoint was called in a step of time, how often in vain, and how long that took: a histogram."""

    id = models.BigAutoField(primary_key=True)
    integration = models.ForeignKey(
        Integration, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    endpoint = models.TextField(help_text="The path, with {id} in place of ids.")
    method = models.TextField()
    calls = models.BigIntegerField()
    errors = models.BigIntegerField()
    took = ArrayField(models.IntegerField(), help_text="See config.lib.histograms.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.calls} × {self.method} {self.endpoint}"


class UsageHour(UsageFigures):
    hour = models.DateTimeField()

    class Meta:
        db_table = "integration_usage_hours"
        constraints: ClassVar = [
            # Also the index of an integration's summary.
            models.UniqueConstraint(
                fields=["integration", "hour", "endpoint", "method"], name="integration_usage_hours_key"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["hour"], name="idx_usage_hours_hour")]  # counting over, retention


class UsageDay(UsageFigures):
    day = models.DateTimeField(help_text="Its midnight, UTC.")

    class Meta:
        db_table = "integration_usage_days"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["integration", "day", "endpoint", "method"], name="integration_usage_days_key"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["day"], name="idx_usage_days_day")]  # counting over, retention
