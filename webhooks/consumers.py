"""Live feed of an endpoint's deliveries."""

from typing import Any, ClassVar

from rest_framework.response import Response

from config.lib.pages import NewestFirst
from config.lib.sockets import LiveView
from webhooks.views import Deliveries


class PageAlone(NewestFirst):
    """Messages have no headers, and counting costs more than the page itself."""

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data)


class DeliveryFeed(LiveView):
    """``/ws/webhooks/{id}/deliveries``: what ``GET /api/webhooks/{id}/deliveries`` answers, whenever it changes.

    The query narrows it as it does the GET: ``?limit=10&status=failed&event=order.created``.
    """

    viewset = Deliveries
    action = "list"
    watched = "webhook_id"
    parameters = frozenset({"limit", "status", "event"})
    view_options: ClassVar = {"pagination_class": PageAlone}
