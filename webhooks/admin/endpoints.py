"""Webhooks: which partner hears of what, at which address, and how well that goes."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import USER_NAME, Term
from webhooks.admin import endpoint_page
from webhooks.admin.deeds import WEBHOOK_DEEDS
from webhooks.admin.health import last_errors
from webhooks.admin.tones import health_badge
from webhooks.models import Webhook

SECRETS = ("secret", "previous_secret")


class HealthFilter(OptionFilter):
    title, parameter_name = "health", "health"
    options = (
        ("healthy", "Healthy", models.Q(active=True, failure_count=0)),
        ("failing", "Failing", models.Q(active=True, failure_count__gt=0)),
        ("inactive", "Inactive or disabled", models.Q(active=False)),
        ("disabled", "Disabled by the gateway", models.Q(active=False, disabled_at__isnull=False)),
    )


class OrderFilter(OptionFilter):
    title, parameter_name = "order of events", "ordered"
    options = (("strict", "Strict", models.Q(ordered=True)), ("any", "Any", models.Q(ordered=False)))


@admin.register(Webhook)
class WebhookAdmin(ConsoleAdmin):
    explanation = "Endpoints of partners. An endpoint that keeps failing is disabled by itself and its owner is told."
    empty = "No partner has registered an endpoint yet."
    list_display = ("endpoint", "owner", "health", "subscriptions", "failures", "last_triggered")
    list_filter = (HealthFilter, "retry_schedule", OrderFilter)
    list_select_related = ("user",)
    search_terms = (
        Term(r"wh_\d+_[0-9a-f]+", "pk"),
        Term(r"int_\d+_[0-9a-f]+", "integration_id"),
        Term(r"\S*[./:]\S*", "url__icontains"),
        Term(USER_NAME, "user__username"),
    )
    search_help_text = "Webhook id, integration id, part of the URL, or the owner's user name"
    moment, key_prefix = "created_at", "wh"
    export_fields = (
        "id", "user__username", "url", "events", "active", "failure_count", "last_triggered_at", "disabled_at",
        "disabled_reason", "created_at",
    )  # fmt: skip

    def complete(self, rows: list[Any]) -> None:
        errors = last_errors([webhook.pk for webhook in rows if webhook.active and webhook.failure_count])
        for webhook in rows:
            webhook.last_error = errors.get(webhook.pk)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        # Secrets are decrypted as they are loaded, and no page shows them.
        return super().get_queryset(request).defer(*SECRETS)  # type: ignore[no-any-return]

    deeds = WEBHOOK_DEEDS
    panels = (
        endpoint_page.analysed,
        endpoint_page.settings,
        endpoint_page.latest,
    )

    def record(self, request: HttpRequest, obj: Webhook) -> Record:
        return endpoint_page.record(obj)

    @admin.display(description="Endpoint")
    def endpoint(self, webhook: Webhook) -> SafeString:
        return marks.clipped(webhook.url, 60)

    @admin.display(description="Owner")
    def owner(self, webhook: Webhook) -> SafeString:
        return marks.record_link(type(webhook.user), webhook.user_id, webhook.user.get_username())

    @admin.display(description="Health")
    def health(self, webhook: Any) -> SafeString:
        badge = health_badge(webhook)
        said = webhook.last_error or webhook.disabled_reason
        return marks.two(badge, marks.clipped(said, 60)) if said else badge

    @admin.display(description="Events")
    def subscriptions(self, webhook: Webhook) -> SafeString:
        return marks.words(webhook.events, most=1)

    @admin.display(description="Failures in a row")
    def failures(self, webhook: Webhook) -> SafeString:
        return marks.number(webhook.failure_count)

    @admin.display(description="Last delivered")
    def last_triggered(self, webhook: Webhook) -> SafeString:
        return marks.when(webhook.last_triggered_at)
