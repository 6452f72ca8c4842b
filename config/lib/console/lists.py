"""The list of a model in the console: fast at any size, narrowed by time, filter and search, taken along as CSV."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from unfold.views import ChangeList

from config.lib.console import serials
from config.lib.console.exports import csv_response
from config.lib.console.paging import CappedPaginator
from config.lib.console.periods import PeriodFilter
from config.lib.console.search import Term, search


@admin.action(description="Export as CSV", permissions=["view"])
def export_csv(model_admin: "ConsoleList", request: HttpRequest, rows: models.QuerySet[Any]) -> StreamingHttpResponse:
    """The selected rows, with the columns of `export_fields`."""
    names = model_admin.export_fields
    values = rows.order_by("pk").values_list(*names)
    return csv_response(str(model_admin.opts.db_table), names, values.iterator(chunk_size=500))


class Rows(ChangeList):  # type: ignore[misc]  # unfold is untyped
    """A page of a list, with what its admin knows of all of its rows at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)  # type: ignore[has-type]  # unfold is untyped
        self.model_admin.complete(rows)
        self.result_list = rows


class ConsoleList:
    """The part of a model's admin that lists; mixed into what edits, too. Subclasses say what is shown."""

    # What each model says of itself.
    explanation: ClassVar[str] = ""  # one sentence above the list
    empty: ClassVar[str] = "Nothing here yet."
    search_terms: ClassVar[Sequence[Term]] = ()
    export_fields: ClassVar[Sequence[str]] = ()
    moment: ClassVar[str | None] = None  # the column of time that the list can be narrowed by
    key_prefix: ClassVar[str | None] = None  # of keys that hold their moment, e.g. "del": time is found by the key
    has_serial_time: ClassVar[bool] = False  # keys rise with the moment, which has no index to order a list by

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER  # each would count the rows of each choice
    sortable_by: Sequence[str] = ()
    actions: Sequence[Any] = (export_csv,)
    change_list_template: str | None = "console/list.html"
    search_help_text: ClassVar[Any] = None
    empty_value_display = "–"
    # Of `ModelAdmin`, which this is mixed into.
    model: type[models.Model]
    opts: Any

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Rows]:
        return Rows

    def complete(self, rows: list[Any]) -> None:
        """Hang onto the rows of a page what is asked for all of them at once."""

    def within(self, start: datetime, end: datetime) -> models.Q:
        """The rows of a span of time, as a condition that an index answers."""
        if self.has_serial_time:
            return serials.between(self.model, str(self.moment), start, end)
        if self.key_prefix is None:
            return models.Q(**{f"{self.moment}__gte": start, f"{self.moment}__lt": end})
        low, high = (f"{self.key_prefix}_{int(moment.timestamp() * 1000)}" for moment in (start, end))
        return models.Q(pk__gte=low, pk__lt=high)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [*([PeriodFilter] if self.moment else []), *super().get_list_filter(request)]  # type: ignore[misc]

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        # The search box shows where there are fields; `get_search_results` does without their names.
        if not self.search_terms:  # a short table, searched as the admin does
            return list(super().get_search_fields(request))  # type: ignore[misc]
        return [term.lookup for term in self.search_terms]

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        if not self.search_terms:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[misc,no-any-return]
        term = search_term.strip()
        return (search(queryset, self.search_terms, term) if term else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(  # type: ignore[misc]
            request, {"explanation": self.explanation} | (extra_context or {})
        )
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            specs = context["cl"].filter_specs
            # The strip is drawn above the list: with nothing else to choose from, there is no sheet of filters.
            context["has_choices"] = any(not isinstance(spec, PeriodFilter) for spec in specs)
            context["strip"] = next((s.strip(context["cl"]) for s in specs if isinstance(s, PeriodFilter)), None)
        return response

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # Records link to the lists of what belongs to them. Any other look into a related row stays refused: one could
        # guess a password's hash letter by letter.
        belongs = re.fullmatch(r"(\w+)__(?:id|pk)__exact", lookup)
        if belongs and f"{belongs[1]}_id" in self._keys():
            return True
        return bool(super().lookup_allowed(lookup, value, request))  # type: ignore[misc]

    def _keys(self) -> set[str]:
        return {field.attname for field in self.opts.fields if field.is_relation}
