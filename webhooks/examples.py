"""What the OpenAPI document shows of webhooks, by the names of its shapes."""

from typing import Any, Final

_DELIVERY: Final[dict[str, Any]] = {
    "id": "del_1767605400120_1f0c3a5b7d9e2468",
    "webhookId": "wh_1767605100000_9a1b2c3d4e5f6071",
    "eventId": "evt_1767605400118_5d4c3b2a19087f6e",
    "event": "order.created",
    "payload": {
        "orderId": 1042,
        "modelOrderId": "MO-20260105-7K2M9QXW4B1C",
        "clientId": 7,
        "status": "Pending Approval",
        "submittedAt": "2026-01-05T09:30:00Z",
    },
    "status": "delivered",
    "attempts": 1,
    "lastAttemptAt": "2026-01-05T09:30:00.131Z",
    "nextRetryAt": None,
    "responseCode": 200,
    "responseBody": "ok",
    "error": None,
    "durationMs": 38,
    "createdAt": "2026-01-05T09:30:00.120Z",
}
_ATTEMPT: Final = {
    "at": "2026-01-05T09:30:00.131Z",
    "responseCode": 200,
    "durationMs": 38,
    "responseHeaders": {"content-type": "text/plain"},
    "responseBody": "ok",
    "truncated": False,
    "error": None,
    "remoteIp": "203.0.113.7",
}
_TESTED: Final = {
    "success": True,
    "message": "Test event sent successfully",
    "delivery": {
        "id": "del_1767605460220_2b4d6f8091a3c5e7",
        "status": "delivered",
        "responseCode": 200,
        "error": None,
    },
}
_CHANGES: Final = {"events": ["order.created", "order.updated"], "maxRetries": 8, "active": True}
_WEBHOOK: Final[dict[str, Any]] = {
    "id": "wh_1767605100000_9a1b2c3d4e5f6071",
    "userId": 7,
    "url": "https://partner.example/hooks",
    "events": ["order.created", "order.completed"],
    "active": True,
    "createdAt": "2026-01-05T09:25:00Z",
    "updatedAt": "2026-01-05T09:25:00Z",
    "lastTriggeredAt": "2026-01-05T09:30:00.169Z",
    "failureCount": 0,
    "description": "Orders to our back office",
    "retrySchedule": "exponential",
    "maxRetries": 5,
    "rateLimit": None,
    "ordered": False,
    "disabledAt": None,
    "disabledReason": None,
    "integrationId": None,
}
EXAMPLES: Final[dict[str, Any]] = {
    "Webhook": _WEBHOOK,
    "WebhookWithSecret": _WEBHOOK | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "NewWebhookRequest": {"url": "https://partner.example/hooks", "events": ["order.created", "order.completed"]},
    "WebhookChangesRequest": _CHANGES,
    "PatchedWebhookChangesRequest": _CHANGES,
    "GraceRequest": {"graceHours": 24},
    "ReplayRequest": {"since": "2026-01-05T09:00:00Z", "events": ["order.created"], "dryRun": True},
    "Count": {"count": 12},
    "Delivery": _DELIVERY,
    "DeliveryDetail": _DELIVERY | {"attemptLog": [_ATTEMPT]},
    "RetryReply": {"success": True, "message": "Webhook retried successfully", "delivery": _DELIVERY},
    "RequeuedReply": {
        "success": True,
        "message": "Retried 1 failed deliveries",
        "results": [
            {"id": _DELIVERY["id"], "status": "retrying", "attempts": 5, "error": "HTTP 503: try again later"},
        ],
    },
    "TestReply": _TESTED,
    "Tested": _TESTED,
    "CatalogueEntry": {
        "name": "order.created",
        "description": "An order was submitted.",
        "schema": {"type": "object", "properties": {"orderId": {"type": "integer"}}, "required": ["orderId"]},
        "example": _DELIVERY["payload"],
    },
    "Analytics": {
        "days": 7,
        "total": 1250,
        "delivered": 1240,
        "failed": 8,
        "pending": 2,
        "successRate": 0.9936,
        "attemptsPerDelivery": 1.04,
        "durationMs": {"p50": 38, "p95": 120, "p99": 410},
        "series": [{"at": "2026-01-05T00:00:00Z", "delivered": 180, "failed": 1, "p95": 118}],
        "topErrors": [{"error": "HTTP 503: try again later", "count": 5}],
    },
}
