"""The audit log in the console: who did what to what, when, from where, and why."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.safestring import SafeString

from config.lib.audit import AuditEntry
from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import USER_NAME, Term

# Ids as entries have them, apart from names of users.
TARGET = r"(?:[a-z]+_\d+_[0-9a-f]+|BATCH-\S+|\d+|\w+:\S+)"


class AboutFilter(OptionFilter):
    """What entries are about, by the names that they have for it."""

    title, parameter_name, bounded = "what it was done to", "about", True
    options = tuple(
        (name, label, models.Q(target_type__in=kinds))
        for name, label, kinds in (
            ("people", "People and log-ins", ("user", "username", "group", "accessattempt")),
            ("integrations", "Integrations and keys", ("integration", "template", "address", "key_ring")),
            ("webhooks", "Endpoints and deliveries", ("webhook", "delivery")),
            ("orders", "Orders and batches", ("order", "batch")),
            ("schedules", "Schedules", ("periodictask", "intervalschedule", "crontabschedule", "clockedschedule")),
        )
    )


class ByFilter(OptionFilter):
    title, parameter_name, bounded = "who did it", "by", True
    options = (
        ("people", "Somebody", models.Q(actor_id__isnull=False)),
        ("system", "The gateway itself", models.Q(actor_id__isnull=True)),
    )


@admin.register(AuditEntry)
class AuditEntryAdmin(ConsoleAdmin):
    explanation = "What people did to credentials, statuses and permissions. Entries are never changed."
    empty = "Nobody has done anything worth recording yet."
    list_display = ("moment_of", "who", "what", "target", "reason_given")
    list_filter = (AboutFilter, ByFilter)
    ordering = ("-at", "-pk")
    search_terms = (Term(TARGET, "target_id"), Term(f"(?!{TARGET}$){USER_NAME}", "actor"))
    search_help_text = "User name of who did it, or id of what it was done to"
    moment = "at"
    export_fields = (
        "at", "actor", "actor_id", "address", "action", "target_type", "target_id", "before", "after", "reason",
    )  # fmt: skip

    def complete(self, rows: list[Any]) -> None:
        """Names for what has only a number for a key: one query for each kind of thing on the page."""
        numbered: dict[type[models.Model], list[Any]] = {}
        for entry in rows:
            entry.target_name = ""
            model = self._model_of(entry)
            if model and isinstance(model._meta.pk, models.AutoField):
                numbered.setdefault(model, []).append(entry)
        for model, entries in numbered.items():
            found = model._default_manager.in_bulk({int(entry.target_id) for entry in entries})
            for entry in entries:
                entry.target_name = str(found.get(int(entry.target_id), ""))

    def record(self, request: HttpRequest, obj: AuditEntry) -> Record:
        return Record(obj.action, "", f"Written {obj.at:%Y-%m-%d %H:%M:%S} UTC; it is never changed.")

    @admin.display(description="At")
    def moment_of(self, entry: AuditEntry) -> SafeString:
        return marks.when(entry.at)

    @admin.display(description="By")
    def who(self, entry: AuditEntry) -> object:
        who = marks.record_link(get_user_model(), entry.actor_id, entry.actor) if entry.actor_id else entry.actor
        return marks.two(who, entry.address) if entry.address else who

    @admin.display(description="Deed")
    def what(self, entry: AuditEntry) -> SafeString:
        return marks.code(entry.action)

    @admin.display(description="To")
    def target(self, entry: Any) -> object:
        model = self._model_of(entry)
        if model is None:
            return f"{entry.target_type} {entry.target_id}"
        shown = entry.target_name or marks.code(entry.target_id)
        return marks.two(marks.record_link(model, entry.target_id, shown), entry.target_type)

    def _model_of(self, entry: AuditEntry) -> type[models.Model] | None:
        """What the entry is about, if the console has a page of it."""
        model = self._models.get(entry.target_type)
        if model is None or entry.action.endswith(".deleted") or not may_be_key_of(model, entry.target_id):
            return None
        return model

    @cached_property
    def _models(self) -> dict[str, type[models.Model]]:
        """What the console has pages of, by the name that entries call it."""
        return {model._meta.model_name or "": model for model in self.admin_site._registry}

    @admin.display(description="Reason")
    def reason_given(self, entry: AuditEntry) -> SafeString:
        return marks.clipped(entry.reason, 80)


def may_be_key_of(model: type[models.Model], text: str) -> bool:
    """Of what has no record, such as a name that nobody has, entries keep the name."""
    return text.isdecimal() or not isinstance(model._meta.pk, models.AutoField)
