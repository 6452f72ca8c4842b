"""Drilling down by date without asking the database which dates there are: a million rows would have to say."""

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

PARAMETER = "on"
_FORM = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?")
MONTHS_SHOWN = 12


class Period(NamedTuple):
    """A month, day or hour in UTC, from its name: ``2026-11``, ``2026-11-22``, ``2026-11-22T09``."""

    name: str
    start: datetime
    end: datetime

    @classmethod
    def named(cls, name: str) -> "Period | None":
        match = _FORM.fullmatch(name)
        if match is None:
            return None
        year, month, day, hour = (int(part) if part else None for part in match.groups())
        try:
            start = datetime(year or 0, month or 0, day or 1, hour or 0, tzinfo=UTC)
        except ValueError:
            return None
        if day is None:
            return cls(name, start, next_month(start))
        return cls(name, start, start + (timedelta(days=1) if hour is None else timedelta(hours=1)))

    @property
    def title(self) -> str:
        if len(self.name) == len("2026-11"):
            return f"{self.start:%B %Y}"
        if len(self.name) == len("2026-11-22"):
            return f"{self.start:%a %d %b %Y}"
        return f"{self.start:%d %b, %H:00}–{self.end:%H:00} UTC"

    @property
    def wider(self) -> str:
        """The name of the period around this one; empty for a month."""
        return self.name.rpartition("T")[0] or self.name[: len("2026-11")] * (len(self.name) > len("2026-11"))

    def narrower(self, now: datetime) -> Iterator[tuple[str, str]]:
        """(name, label) of the days of a month, or the hours of a day, that have begun."""
        if len(self.name) == len("2026-11"):
            days = calendar.monthrange(self.start.year, self.start.month)[1]
            moments = [self.start + timedelta(days=day) for day in range(days)]
            yield from ((f"{moment:%Y-%m-%d}", f"{moment:%d}") for moment in moments if moment <= now)
        elif len(self.name) == len("2026-11-22"):
            moments = [self.start + timedelta(hours=hour) for hour in range(24)]
            yield from ((f"{moment:%Y-%m-%dT%H}", f"{moment:%H}h") for moment in moments if moment <= now)


def next_month(start: datetime) -> datetime:
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1)


def recent(now: datetime) -> Iterator[tuple[str, str]]:
    """(name, label) of today, yesterday and the last months."""
    yield f"{now:%Y-%m-%d}", "Today"
    yield f"{now - timedelta(days=1):%Y-%m-%d}", "Yesterday"
    month = now.replace(day=1)
    for _ in range(MONTHS_SHOWN):
        yield f"{month:%Y-%m}", f"{month:%b}" if month.year == now.year else f"{month:%b %Y}"
        month = (month - timedelta(days=1)).replace(day=1)


class PeriodFilter(admin.ListFilter):
    """``?on=``: a month, a day or an hour. Drawn above the list; the model's admin says by which column (`moment`)."""

    title = "time"
    parameter_name = PARAMETER
    template = "console/no_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = params.pop(PARAMETER, None)
        self.model_admin = model_admin
        self.period = Period.named(given[-1] if isinstance(given, list) else given) if given else None

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [PARAMETER]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Links of the strip above the list."""
        now = timezone.now()
        choices = self.period.narrower(now) if self.period else recent(now)
        for name, label in choices:
            yield {"query_string": changelist.get_query_string({PARAMETER: name}, ["p"]), "display": label}

    def strip(self, changelist: Any) -> dict[str, Any]:
        """All that the strip shows."""
        back = {PARAMETER: self.period.wider or None} if self.period else None
        around = Period.named(self.period.wider) if self.period else None
        return {
            "title": self.period.title if self.period else "All times",
            "back": changelist.get_query_string(back, ["p"]) if back else None,
            "back_to": around.title if around else "All times",
            "choices": list(self.choices(changelist)),
        }

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.period is None:
            return queryset
        return queryset.filter(self.model_admin.within(self.period.start, self.period.end))
