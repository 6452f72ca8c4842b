"""What the query string of a list may ask for; what it asks wrongly is told, not ignored."""

from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework.request import Request

from config.lib.errors import BadRequest

Rows = TypeVar("Rows", bound=QuerySet[Any])


class InvalidFilter(BadRequest):
    def __init__(self, name: str, reason: str) -> None:
        message = f"{name} {reason}"
        super().__init__(message, details=[{"path": f"/{name}", "code": "invalid", "message": message}])


def with_status(rows: Rows, request: Request, statuses: Collection[str]) -> Rows:
    """``?status=``: one of `statuses`; absent or empty means all."""
    status = request.query_params.get("status")
    if not status:
        return rows
    if status not in statuses:
        raise InvalidFilter("status", f"must be one of {', '.join(statuses)}")
    return rows.filter(status=status)


def submitted_between(rows: Rows, request: Request) -> Rows:
    """``?startDate=`` and ``?endDate=``: UTC days, both included, or ISO instants."""
    if text := request.query_params.get("startDate"):
        rows = rows.filter(submitted_at__gte=_moment("startDate", text, time.min))
    if text := request.query_params.get("endDate"):
        rows = rows.filter(submitted_at__lte=_moment("endDate", text, time.max))
    return rows


def _moment(name: str, text: str, of_day: time) -> datetime:
    try:
        day = parse_date(text)
        moment = datetime.combine(day, of_day, UTC) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidFilter(name, "must be a day (2026-01-05) or an ISO 8601 instant")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
