"""WebSockets below ``/ws/``: served by granian's ASGI interface on its own port."""

import os
from typing import Any, cast

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import URLPattern, re_path

from config.lib import devservices

devservices.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()

# Only now: their modules hold models, which need the settings and the apps.
from bulk_orders.consumers import BatchProgress  # noqa: E402
from config.lib.farewell import lifespan  # noqa: E402
from config.lib.handshakes import Application, from_allowed_origins  # noqa: E402
from config.lib.sockets import LiveView, unknown  # noqa: E402
from integrations.middleware import api_gate, open_connection_gate  # noqa: E402
from webhooks.consumers import DeliveryFeed  # noqa: E402


def route(pattern: str, socket: Application) -> URLPattern:
    # Channels routes by Django's patterns, whose types know of views only.
    routed: URLPattern = re_path(pattern, cast("Any", socket))
    return routed


def live(view: type[LiveView]) -> Application:
    """`view`, for the callers that the API lets in."""
    return view.as_asgi(enter=api_gate, again=open_connection_gate)


sockets = [
    route(r"^ws/bulk-orders/(?P<batch_id>[^/]+)/?$", live(BatchProgress)),
    route(r"^ws/webhooks/(?P<webhook_id>[^/]+)/deliveries/?$", live(DeliveryFeed)),
    route(r"", unknown),
]
application = ProtocolTypeRouter(
    {"http": http, "websocket": from_allowed_origins(URLRouter(sockets)), "lifespan": lifespan}
)
