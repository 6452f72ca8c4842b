"""Events: what happened, once, whoever heard of it."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Fact, Record
from config.lib.console.search import USER_NAME, Term
from webhooks.admin.delivery_page import event_data, event_deliveries
from webhooks.events import CATALOGUE, EventName
from webhooks.models import Event


class NameFilter(OptionFilter):
    title, parameter_name, bounded = "event", "name", True
    options = tuple((name.value, name.value, models.Q(name=name.value)) for name in EventName)


@admin.register(Event)
class EventAdmin(ConsoleAdmin):
    explanation = "What happened. Each event is stored once, and delivered to every endpoint that subscribes to it."
    empty = "Nothing has happened yet: the first order makes the first event."
    list_display = ("created", "named", "owner", "event_id")
    list_filter = (NameFilter,)
    list_select_related = ("user",)
    search_terms = (Term(r"evt_\d+_[0-9a-f]+", "pk"), Term(USER_NAME, "user__username"))
    search_help_text = "Event id, or the owner's user name"
    moment, key_prefix = "created_at", "evt"
    export_fields = ("id", "name", "user__username", "created_at", "data")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("body", "data")  # type: ignore[no-any-return]

    panels = (event_deliveries, event_data)

    def record(self, request: HttpRequest, obj: Event) -> Record:
        owner = marks.record_link(type(obj.user), obj.user_id, obj.user.get_username())
        shown = (Fact("Owner", owner), Fact("At", marks.when(obj.created_at)), Fact("Event id", marks.code(obj.pk)))
        return Record(obj.name, "", CATALOGUE[EventName(obj.name)].description, shown)

    @admin.display(description="Event")
    def named(self, event: Event) -> SafeString:
        return marks.code(event.name)

    @admin.display(description="Owner")
    def owner(self, event: Event) -> SafeString:
        return marks.record_link(type(event.user), event.user_id, event.user.get_username())

    @admin.display(description="Event id")
    def event_id(self, event: Event) -> SafeString:
        return marks.record_link(Event, event.pk, marks.code(event.pk))

    @admin.display(description="At")
    def created(self, event: Event) -> SafeString:
        return marks.when(event.created_at)
