"""Templates: the kinds of integration that a partner can start from."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from config.lib.console import marks
from config.lib.console.audited import Audited
from config.lib.console.marks import Tone
from integrations.models import Template


@admin.register(Template)
class TemplateAdmin(Audited, ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    list_display = ("name", "type", "state", "scope_words", "event_words")
    list_filter = ("type", "active")
    search_fields = ("name",)
    ordering = ("type", "name")

    @admin.display(description="Offered")
    def state(self, template: Template) -> SafeString:
        return marks.badge("offered", Tone.GOOD) if template.active else marks.badge("withdrawn", Tone.QUIET)

    @admin.display(description="Default scopes")
    def scope_words(self, template: Template) -> SafeString:
        return marks.words(template.scopes)

    @admin.display(description="Events")
    def event_words(self, template: Template) -> SafeString:
        return marks.words(template.events)
