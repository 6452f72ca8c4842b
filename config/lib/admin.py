"""The audit log in the console: who did what to what, when, from where, and why."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.safestring import SafeString

from config.lib.audit import AuditEntry
from config.lib.console import marks
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import USER_NAME, Term

# Ids as entries have them, apart from names of users.
TARGET = r"(?:[a-z]+_\d+_[0-9a-f]+|BATCH-\S+|\d+|\w+:\S+)"


@admin.register(AuditEntry)
class AuditEntryAdmin(ConsoleAdmin):
    explanation = "What people did to credentials, statuses and permissions. Entries are never changed."
    empty = "Nobody has done anything worth recording yet."
    list_display = ("moment_of", "who", "what", "target", "reason_given", "where")
    ordering = ("-at", "-pk")
    search_terms = (Term(TARGET, "target_id"), Term(f"(?!{TARGET}$){USER_NAME}", "actor"))
    search_help_text = "User name of who did it, or id of what it was done to"
    moment = "at"
    export_fields = (
        "at", "actor", "actor_id", "address", "action", "target_type", "target_id", "before", "after", "reason",
    )  # fmt: skip

    def record(self, request: HttpRequest, obj: AuditEntry) -> Record:
        return Record(obj.action, "", f"Written {obj.at:%Y-%m-%d %H:%M:%S} UTC; it is never changed.")

    @admin.display(description="At")
    def moment_of(self, entry: AuditEntry) -> SafeString:
        return marks.when(entry.at)

    @admin.display(description="By")
    def who(self, entry: AuditEntry) -> object:
        return marks.record_link(get_user_model(), entry.actor_id, entry.actor) if entry.actor_id else entry.actor

    @admin.display(description="Deed")
    def what(self, entry: AuditEntry) -> SafeString:
        return marks.code(entry.action)

    @admin.display(description="To")
    def target(self, entry: AuditEntry) -> object:
        model = self._models.get(entry.target_type)
        if model is None or entry.action.endswith(".deleted") or not may_be_key_of(model, entry.target_id):
            return f"{entry.target_type} {entry.target_id}"
        return marks.two(marks.record_link(model, entry.target_id, marks.code(entry.target_id)), entry.target_type)

    @cached_property
    def _models(self) -> dict[str, type[models.Model]]:
        """What the console has pages of, by the name that entries call it."""
        return {model._meta.model_name or "": model for model in self.admin_site._registry}

    @admin.display(description="From")
    def where(self, entry: AuditEntry) -> str:
        return entry.address or "–"

    @admin.display(description="Reason")
    def reason_given(self, entry: AuditEntry) -> SafeString:
        return marks.clipped(entry.reason, 80)


def may_be_key_of(model: type[models.Model], text: str) -> bool:
    """Of what has no record, such as a name that nobody has, entries keep the name."""
    return text.isdecimal() or not isinstance(model._meta.pk, models.AutoField)
