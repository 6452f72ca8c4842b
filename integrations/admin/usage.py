"""The log of calls made with keys."""

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Fact, Record
from config.lib.console.search import Term
from integrations.admin.tones import code_badge
from integrations.models import Integration, UsageLog


class OutcomeFilter(OptionFilter):
    title, parameter_name, bounded = "outcome", "outcome", True
    options = (
        ("ok", "Answered", models.Q(status_code__lt=400)),
        ("error", "Errors (4xx and 5xx)", models.Q(status_code__gte=400)),
        ("refused", "Refused (401, 403)", models.Q(status_code__in=[401, 403])),
        ("limited", "Rate limited (429)", models.Q(status_code=429)),
        ("server", "Server errors (5xx)", models.Q(status_code__gte=500)),
    )


@admin.register(UsageLog)
class UsageLogAdmin(ConsoleAdmin):
    explanation = "Every call made with an integration's key, the refused ones too."
    empty = "No call has been made with a key yet."
    list_display = ("made", "who", "call", "reply", "problem")
    list_filter = (OutcomeFilter,)
    list_select_related = ("integration",)
    ordering = ("-timestamp", "-pk")
    search_terms = (Term(r"log_\d+_[0-9a-f]+", "pk"), Term(r"int_\d+_[0-9a-f]+", "integration_id"))
    search_help_text = "Integration id, or log id"
    moment = "timestamp"
    export_fields = ("timestamp", "integration_id", "method", "endpoint", "status_code", "response_time", "error")

    def get_queryset(self, request: object) -> models.QuerySet[UsageLog]:
        secrets = ("api_secret", "previous_api_secret", "webhook_secret", "config")
        return super().get_queryset(request).defer(*(f"integration__{name}" for name in secrets))  # type: ignore[no-any-return]

    def record(self, request: HttpRequest, obj: UsageLog) -> Record:
        shown = (
            Fact("Integration", self.who(obj)),
            Fact("At", marks.when(obj.timestamp)),
            Fact("Took", marks.milliseconds(obj.response_time)),
            Fact("Log id", marks.code(obj.pk)),
        )
        said = obj.error or "It was answered as asked."
        return Record(f"{obj.method} {obj.endpoint}", code_badge(obj.status_code), said, shown)

    @admin.display(description="At")
    def made(self, log: UsageLog) -> SafeString:
        return marks.when(log.timestamp)

    @admin.display(description="Integration")
    def who(self, log: UsageLog) -> SafeString:
        return marks.record_link(Integration, log.integration_id, log.integration.name)

    @admin.display(description="Call")
    def call(self, log: UsageLog) -> SafeString:
        return marks.code(marks.clipped(f"{log.method} {log.endpoint}", 200))

    @admin.display(description="Reply")
    def reply(self, log: UsageLog) -> SafeString:
        return marks.two(code_badge(log.status_code), marks.milliseconds(log.response_time))

    @admin.display(description="Error")
    def problem(self, log: UsageLog) -> SafeString:
        return marks.clipped(log.error, 80)
