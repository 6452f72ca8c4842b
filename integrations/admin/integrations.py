"""Integrations: whose systems may call, with which scopes, and whether they do."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import USER_NAME, Term
from config.lib.figures import HourFigure
from integrations.admin import integration_page, lockouts
from integrations.admin.deeds import DEEDS
from integrations.admin.tones import status_badge
from integrations.models import Integration, IntegrationStatus

ERROR_HOURS = 24


class StatusFilter(OptionFilter):
    title, parameter_name = "status", "status"
    options = tuple((value, label, models.Q(status=value)) for value, label in IntegrationStatus.choices)


@admin.register(Integration)
class IntegrationAdmin(ConsoleAdmin):
    explanation = (
        "Partners' systems and their API keys. A suspended key is refused from its next call on. "
        "Calls are those that were accepted; an error is a reply of 400 or above."
    )
    empty = "No partner has registered a system yet."
    list_display = ("title", "owner", "state", "scope_words", "used", "error_rate", "last_used")
    list_filter = (StatusFilter, "type")
    list_select_related = ("user",)
    search_terms = (
        Term(r"int_\d+_[0-9a-f]+", "pk"),
        Term(r"ak_\d+_[0-9a-f]+", "api_key"),
        Term(USER_NAME, "user__username"),
        Term(r".{2,100}", "name__icontains"),
    )
    search_help_text = "Name, integration id, API key, or the owner's user name"
    moment, key_prefix = "created_at", "int"
    export_fields = (
        "id", "name", "user__username", "type", "status", "scopes", "usage_count", "last_used_at", "expires_at",
        "created_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).without_secrets().defer("config").with_usage()  # type: ignore[no-any-return]

    def complete(self, rows: list[Any]) -> None:
        since = timezone.now() - timedelta(hours=ERROR_HOURS)
        found = HourFigure.objects.filter(subject="call", hour__gte=since, key__in=[row.pk for row in rows])
        figures = {key: sums for key, *sums in found.values_list("key").annotate(Sum("number"), Sum("bad"))}
        for row in rows:
            row.errors_of = figures.get(row.pk)

    deeds = (*DEEDS, lockouts.LIFT)
    panels = (
        integration_page.used,
        integration_page.credentials,
        lockouts.locked_out,
        integration_page.rights,
        integration_page.told_at,
        integration_page.configured,
        integration_page.latest,
    )

    def record(self, request: HttpRequest, obj: Integration) -> Record:
        return integration_page.record(obj)

    @admin.display(description="Name")
    def title(self, integration: Integration) -> SafeString:
        return marks.two(marks.clipped(integration.name, 60), integration.get_type_display())

    @admin.display(description="Owner")
    def owner(self, integration: Integration) -> SafeString:
        return marks.record_link(type(integration.user), integration.user_id, integration.user.get_username())

    @admin.display(description="Status")
    def state(self, integration: Integration) -> SafeString:
        return status_badge(integration, timezone.now())

    @admin.display(description="Scopes")
    def scope_words(self, integration: Integration) -> SafeString:
        return marks.words(integration.scopes, most=1)

    @admin.display(description="Calls")
    def used(self, integration: Any) -> SafeString:
        return marks.number(integration.calls)

    @admin.display(description="Last call")
    def last_used(self, integration: Any) -> SafeString:
        return marks.when(integration.last_call)

    @admin.display(description=f"Errors, {ERROR_HOURS} h")
    def error_rate(self, integration: Any) -> SafeString:
        if integration.errors_of is None:
            return marks.NOTHING
        calls, errors = integration.errors_of
        return marks.share(errors, calls, f"{errors:,} of {calls:,} calls")
