"""Endpoints, events, deliveries and attempts in the console."""

from webhooks.admin.deliveries import AttemptAdmin, DeliveryAdmin
from webhooks.admin.endpoints import WebhookAdmin
from webhooks.admin.events import EventAdmin

__all__ = ["AttemptAdmin", "DeliveryAdmin", "EventAdmin", "WebhookAdmin"]
