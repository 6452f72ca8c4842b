"""The audit log in the console: who did what to what, when, from where, and why."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from config.lib.audit import AuditEntry
from config.lib.console import marks
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import USER_NAME, Term


@admin.register(AuditEntry)
class AuditEntryAdmin(ConsoleAdmin):
    explanation = "What people did to credentials, statuses and permissions. Entries are never changed."
    empty = "Nobody has done anything worth recording yet."
    list_display = ("moment_of", "actor", "what", "target", "reason_given", "address")
    ordering = ("-at", "-pk")
    search_terms = (Term(r"\w+:\S+", "target_id"), Term(USER_NAME, "target_id"))
    search_help_text = "Id of what it was done to"
    moment = "at"
    export_fields = (
        "at", "actor", "actor_id", "address", "action", "target_type", "target_id", "before", "after", "reason",
    )  # fmt: skip

    def record(self, request: HttpRequest, obj: AuditEntry) -> Record:
        return Record(obj.action, "", f"Written {obj.at:%Y-%m-%d %H:%M:%S} UTC; it is never changed.")

    @admin.display(description="At")
    def moment_of(self, entry: AuditEntry) -> SafeString:
        return marks.when(entry.at)

    @admin.display(description="Deed")
    def what(self, entry: AuditEntry) -> SafeString:
        return marks.code(entry.action)

    @admin.display(description="To")
    def target(self, entry: AuditEntry) -> str:
        return f"{entry.target_type} {entry.target_id}"

    @admin.display(description="Reason")
    def reason_given(self, entry: AuditEntry) -> SafeString:
        return marks.clipped(entry.reason, 80)
