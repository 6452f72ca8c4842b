"""The front page: how the day goes, true to the moment, and each figure a door to the rows behind it."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django.utils import timezone

from config.console import state
from config.console.panels import panels
from config.console.tiles import tiles
from config.console.today import ATTEMPTS, BATCHES, CALLS, DELIVERIES, ORDERS, WEBHOOKS, read

REFRESH_SECONDS = 15
VIEW = {
    ORDERS: "bulk_orders.view_order", BATCHES: "bulk_orders.view_batch", DELIVERIES: "webhooks.view_delivery",
    ATTEMPTS: "webhooks.view_attempt", WEBHOOKS: "webhooks.view_webhook", CALLS: "integrations.view_usagelog",
}  # fmt: skip


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Called by unfold for the admin's index."""
    user = request.user
    assert isinstance(user, AbstractUser)
    seen = {name for name, permission in VIEW.items() if user.has_perm(permission)}
    today = read(timezone.now())
    dashboard = {
        "tiles": [tile for tile in tiles(today) if tile.of in seen],
        "panels": [panel for name, panel in panels(today) if name in seen],
        "pulses": state.pulses(today.now),
        "now": today.now,
        "refresh": REFRESH_SECONDS,
    }
    return context | {"dashboard": dashboard, "title": "Dashboard"}
