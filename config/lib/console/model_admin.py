"""The list and the page of a model in the console. Records are read here; what is done to them are deeds (`deeds`)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from unfold.admin import ModelAdmin

from config.lib.console.desk import Desk
from config.lib.console.exports import csv_response
from config.lib.console.history import deeds_done
from config.lib.console.paging import CappedPaginator
from config.lib.console.periods import PeriodFilter
from config.lib.console.records import PanelMaker, Record
from config.lib.console.search import Term, search


@admin.action(description="Export as CSV", permissions=["view"])
def export_csv(model_admin: "ConsoleAdmin", request: HttpRequest, rows: models.QuerySet[Any]) -> StreamingHttpResponse:
    """The selected rows, with the columns of `export_fields`."""
    names = model_admin.export_fields
    values = rows.order_by("pk").values_list(*names)
    return csv_response(str(model_admin.opts.db_table), names, values.iterator(chunk_size=500))


class ConsoleAdmin(Desk, ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    """Read-only, newest first, fast at any size. Subclasses say what is shown; nothing is added, edited or deleted."""

    # What each model says of itself.
    explanation: ClassVar[str] = ""  # one sentence above the list
    empty: ClassVar[str] = "Nothing here yet."
    search_terms: ClassVar[Sequence[Term]] = ()
    export_fields: ClassVar[Sequence[str]] = ()
    moment: ClassVar[str | None] = None  # the column of time that the list can be narrowed by
    key_prefix: ClassVar[str | None] = None  # of keys that hold their moment, e.g. "del": time is found by the key
    panels: ClassVar[Sequence[PanelMaker]] = ()

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    list_fullwidth = True
    sortable_by: Sequence[str] = ()
    ordering: Sequence[str] = ("-pk",)
    actions: Sequence[Any] = (export_csv,)
    change_list_template = "console/list.html"
    change_form_template = "console/record.html"
    fields: Sequence[str] = ()
    search_help_text: str | None = None
    empty_value_display = "–"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Panels that others add: an app that this one does not know may have something to say about its records.
        self.more_panels: list[PanelMaker] = []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def within(self, start: datetime, end: datetime) -> models.Q:
        """The rows of a span of time, as a condition that an index answers."""
        if self.key_prefix is None:
            return models.Q(**{f"{self.moment}__gte": start, f"{self.moment}__lt": end})
        low, high = (f"{self.key_prefix}_{int(moment.timestamp() * 1000)}" for moment in (start, end))
        return models.Q(pk__gte=low, pk__lt=high)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*([PeriodFilter] if self.moment else []), *super().get_list_filter(request)]

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        # The search box shows where there are fields; `get_search_results` does without their names.
        return [term.lookup for term in self.search_terms]

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        term = search_term.strip()
        return (search(queryset, self.search_terms, term) if term else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(
            request, {"explanation": self.explanation, "empty": self.empty} | (extra_context or {})
        )
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            specs = context["cl"].filter_specs
            # The strip is drawn above the list: with nothing else to choose from, there is no sheet of filters.
            context["has_choices"] = any(not isinstance(spec, PeriodFilter) for spec in specs)
            context["strip"] = next((s.strip(context["cl"]) for s in specs if isinstance(s, PeriodFilter)), None)
        return response  # type: ignore[no-any-return]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if obj is not None:
            context["record"] = self.record(request, obj)
            context["buttons"] = self.buttons(request, obj)
            context["panels"] = [panel for panel in self._panels(request, obj) if panel is not None]
        return super().render_change_form(request, context, **kwargs)  # type: ignore[no-any-return]

    def record(self, request: HttpRequest, obj: Any) -> Record:
        """What stands at the head of the record's page."""
        return Record(str(obj))

    def _panels(self, request: HttpRequest, obj: Any) -> Iterator[Any]:
        for maker in (*self.panels, *self.more_panels, deeds_done):
            yield maker(request, obj)

    def get_export_fields(self) -> Sequence[str]:
        return self.export_fields or [field.name for field in self.opts.fields]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # Records link to the lists of what belongs to them. Any other look into a related row stays refused: one could
        # guess a password's hash letter by letter.
        belongs = f"{lookup.removesuffix('__id__exact')}_id" if lookup.endswith("__id__exact") else None
        return belongs in self._keys() or bool(super().lookup_allowed(lookup, value, request))

    def _keys(self) -> set[str]:
        return {field.attname for field in self.opts.fields if field.is_relation}
