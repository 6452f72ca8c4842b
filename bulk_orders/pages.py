"""The two orders in which lists here are paged, beside the kernel's newest-first by creation."""

from typing import Any

from django.db.models import Q

from config.lib.errors import BadRequest
from config.lib.pages import NewestFirst


class BySubmission(NewestFirst):
    """Orders: by the moment of their submission, newest first."""

    moment = "submitted_at"


class ByIndex(NewestFirst):
    """Rows of a batch: in the order in which they were sent."""

    def ordered(self, queryset: Any) -> Any:
        return queryset.order_by("order_index")

    def position(self, row: Any) -> str:
        return str(row.order_index)

    def after(self, cursor: str) -> Q:
        if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 9:
            raise BadRequest("cursor is not one of ours", code="invalid_cursor")
        return Q(order_index__gt=int(cursor))
