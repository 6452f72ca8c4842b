"""Filters of lists: each either answered by an index, or bounded to the newest rows and saying so."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

NEWEST = 5_000


class OptionFilter(admin.SimpleListFilter):
    """A choice of conditions: `options` is (value, label, condition)."""

    options: ClassVar[Sequence[tuple[str, str, models.Q]]] = ()
    # The condition has no index: look only at this many of the newest rows that the other filters leave.
    bounded: ClassVar[bool] = False

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.model_admin = model_admin
        if self.bounded:
            self.title = f"{self.title} (among the newest {NEWEST:,})"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, label, _ in self.options]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        condition = next((condition for value, _, condition in self.options if value == self.value()), None)
        if condition is None:
            return queryset
        if self.bounded:
            queryset = self._newest(queryset)
        return queryset.filter(condition)

    def _newest(self, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """In the order of the list, which an index has. A range, and not a sub-select, which a planner may answer by
        reading the whole table."""
        order = self.model_admin.ordering
        first = order[0].removeprefix("-")
        oldest = list(rows.order_by(*order).values_list(first, flat=True)[NEWEST - 1 : NEWEST])
        return rows.filter(**{f"{first}__gte": oldest[0]}) if oldest else rows
