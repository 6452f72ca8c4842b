"""Lists as bare JSON arrays, newest first, with ``Link`` and ``X-Total-Count``; a page costs the same at any size."""

import base64
from collections.abc import Collection
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.errors import BadRequest
from config.lib.exact_json import as_utc

MAX_LIMIT = 500
MAX_OFFSET = 10_000
COUNT_CAP = 10_000


class NewestFirst(BasePagination):
    """``?limit=`` (50, at most 500) and ``?offset=`` (at most 10,000); deeper pages by the ``cursor`` of ``Link``.

    The queryset is ordered here by (moment, key), both descending: the order of the index that serves the list.
    """

    moment: ClassVar[str] = "created_at"
    default_limit: ClassVar[int] = 50

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, self.queryset = request, queryset
        self.limit = _whole(request, "limit", getattr(view, "default_limit", self.default_limit), least=1)
        self.limit = min(self.limit, MAX_LIMIT)
        self.offset = _whole(request, "offset", 0, least=0)
        if self.offset > MAX_OFFSET:
            raise BadRequest(f"offset may be at most {MAX_OFFSET}; follow the Link header", code="offset_too_large")
        rows = self.ordered(queryset)
        cursor = request.query_params.get("cursor")
        if cursor:
            rows = rows.filter(self.after(cursor))
        # One row more than asked tells whether there is a next page, without a second query. Keys first: an index that
        # holds what is filtered by finds them alone, and only the rows of the page are read.
        keys = rows.values("pk")[self.offset : self.offset + self.limit + 1]
        page = list(self.ordered(queryset.filter(pk__in=keys)))
        self.has_next, self.page = len(page) > self.limit, page[: self.limit]
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        headers = {"X-Total-Count": self._total()}
        links = [f'<{url}>; rel="{rel}"' for rel, url in (("next", self._next()), ("prev", self._previous())) if url]
        if links:
            headers["Link"] = ", ".join(links)
        return Response(data, headers=headers)

    def _total(self) -> str:
        # Where a filter leaves nothing, that took reading an endpoint's whole index: it is not read again to count it.
        starts = not self.offset and "cursor" not in self.request.query_params
        return "0" if starts and not self.page else total_count(self.ordered(self.queryset))

    def ordered(self, queryset: Any) -> Any:
        return queryset.order_by(f"-{self.moment}", "-pk")

    def position(self, row: Any) -> str:
        """The cursor that goes on after `row`."""
        return _sealed(getattr(row, self.moment), row.pk)

    def after(self, cursor: str) -> Q:
        moment, key = _opened(cursor, self.queryset.model._meta.pk)
        # The first condition follows from the second, but is the one that an index can start from.
        return Q(**{f"{self.moment}__lte": moment}) & (Q(**{f"{self.moment}__lt": moment}) | Q(pk__lt=key))

    def _next(self) -> str | None:
        if not self.has_next:
            return None
        if self.offset + self.limit <= MAX_OFFSET and "cursor" not in self.request.query_params:
            return self._url(limit=self.limit, offset=self.offset + self.limit)
        return self._url(limit=self.limit, offset=None, cursor=self.position(self.page[-1]))

    def _previous(self) -> str | None:
        if not self.offset:
            return None
        return self._url(limit=self.limit, offset=max(0, self.offset - self.limit))

    def _url(self, **changes: Any) -> str:
        kept = {name: value for name, value in self.request.query_params.items() if name not in changes}
        kept |= {name: str(value) for name, value in changes.items() if value is not None}
        return f"{self.request.build_absolute_uri(self.request.path)}?{urlencode(kept)}"

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        default = getattr(view, "default_limit", self.default_limit)
        integer = {"type": "integer"}
        return [
            _parameter("limit", integer | {"minimum": 1, "maximum": MAX_LIMIT, "default": default}, "Rows a page"),
            _parameter("offset", integer | {"minimum": 0, "maximum": MAX_OFFSET, "default": 0}, "Rows to pass over"),
            _parameter("cursor", {"type": "string"}, "Where to go on, from the Link header"),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


def whole_list(rows: Collection[Any]) -> Response:
    """A list too short for pages, with the header that every list has."""
    return Response(rows, headers={"X-Total-Count": str(len(rows))})


def total_count(rows: QuerySet[Any]) -> str:
    """The number of rows, exact up to 10,000: counting stops there, so that a list of millions stays fast.

    It goes by the list's own order, and so by its index: in no order, PostgreSQL may read the table from its beginning,
    past all that retention has emptied.
    """
    counted = rows.values("pk")[: COUNT_CAP + 1].count()
    return str(counted) if counted <= COUNT_CAP else f"{COUNT_CAP}+"


def _whole(request: Request, name: str, default: int, *, least: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    # Nine digits are beyond every maximum; what has more need not be read to its end.
    number = int(text.lstrip("0")[:9] or "0") if text.isascii() and text.isdigit() else -1
    if number < least:
        message = f"{name} must be a whole number of at least {least}"
        raise BadRequest(message, details=[{"path": f"/{name}", "code": "invalid", "message": message}])
    return number


def _sealed(moment: Any, key: Any) -> str:
    return base64.urlsafe_b64encode(f"{as_utc(moment)} {key}".encode()).decode().rstrip("=")


def _opened(cursor: str, primary_key: Any) -> tuple[Any, Any]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, key = text.split(" ", 1)
        parsed, key = parse_datetime(moment), primary_key.to_python(key)
    except (ValueError, ValidationError):
        parsed, key = None, ""
    if parsed is None or parsed.tzinfo is None or "\x00" in str(key):
        raise BadRequest("cursor is not one of ours", code="invalid_cursor")
    return parsed, key


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
