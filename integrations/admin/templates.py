"""Templates: the kinds of integration that a partner can start from."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.lib.console import marks
from config.lib.console.audited import Audited
from config.lib.console.filters import OptionFilter
from config.lib.console.lists import ConsoleList
from config.lib.console.marks import Tone
from config.lib.console.records import pretty
from config.lib.console.search import Term
from integrations import catalogue, scopes
from integrations.models import Integration, Template


class LaidOut(forms.JSONField):
    """JSON, indented to be read."""

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(value) if isinstance(value, InvalidJSONInput) else pretty(value)


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Scopes and events are chosen, not typed; the schema is laid out to be read."""

    scopes = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {text}") for name, text in scopes.DESCRIPTIONS.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What a new integration may do, until staff change it",
    )
    events = forms.MultipleChoiceField(
        choices=[(name, name) for name in catalogue.ALL_EVENTS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it is told of, if it has a URL",
    )

    class Meta:
        model = Template
        fields = ("id", "type", "name", "description", "config_schema", "scopes", "events", "active")
        field_classes: ClassVar = {"config_schema": LaidOut}
        widgets: ClassVar = {
            "id": UnfoldAdminTextInputWidget(),
            "name": UnfoldAdminTextInputWidget(),
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "config_schema": UnfoldAdminTextareaWidget(attrs={"rows": 18, "class": "c-source"}),
        }


class OfferFilter(OptionFilter):
    title, parameter_name = "offer", "offer"
    options = (("offered", "Offered", models.Q(active=True)), ("withdrawn", "Withdrawn", models.Q(active=False)))


@admin.register(Template)
class TemplateAdmin(Audited, ConsoleList, ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    explanation = "What a new integration starts from. A change concerns those that are made from then on."
    empty = "No template is offered."
    form = TemplateForm
    fields = ("id", *(name for name in TemplateForm.base_fields if name != "id"), "made")
    list_display = ("name", "type", "state", "scope_words", "event_words")
    list_filter = ("type", OfferFilter)
    search_terms = (Term(r".{1,100}", "name__icontains"),)
    search_help_text = "Part of the name"
    ordering = ("type", "name")
    export_fields = ("id", "type", "name", "description", "scopes", "events", "active", "config_schema")

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> tuple[str, ...]:
        # It is the key: saved under another, there would be two of them.
        return ("id", "made") if obj else ("made",)

    @admin.display(description="Integrations")
    def made(self, template: Template) -> SafeString:
        if not template.pk:
            return marks.NOTHING
        return marks.link(marks.list_url(Integration, template__id__exact=template.pk), "Those made from it")

    @admin.display(description="Offered")
    def state(self, template: Template) -> SafeString:
        return marks.badge("offered", Tone.GOOD) if template.active else marks.badge("withdrawn", Tone.QUIET)

    @admin.display(description="Default scopes")
    def scope_words(self, template: Template) -> SafeString:
        return marks.words(template.scopes, most=2)

    @admin.display(description="Events")
    def event_words(self, template: Template) -> SafeString:
        return marks.words(template.events, most=2)
