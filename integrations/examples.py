"""What the OpenAPI document shows of integrations, by the names of its shapes."""

from typing import Any, Final

_KEY: Final = "ak_1767604800000_0f1e2d3c4b5a69788796a5b4c3d2e1f0"
_SECRET: Final = "sk_made-up-made-up-made-up-made-up-made-up-made-up"  # noqa: S105  # nobody's
_SIGNING_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # the standard's own example
_SCOPES: Final = ["orders:read", "orders:write", "bulk_orders:write", "webhooks:write"]
_URL: Final = "https://partner.example/hooks"
_SHOWN: Final[dict[str, Any]] = {
    "id": "int_1767604800000_7e6d5c4b3a291807",
    "name": "Back office",
    "type": "custom",
    "status": "active",
    "webhookUrl": _URL,
    "createdAt": "2026-01-05T09:20:00Z",
    "updatedAt": "2026-01-05T09:21:00Z",
    "lastUsedAt": "2026-01-05T09:30:00Z",
    "usageCount": 42,
}
_CHANGES: Final = {"status": "active", "config": {"region": "south", "contact": None}}
EXAMPLES: Final[dict[str, Any]] = {
    "Integration": _SHOWN,
    "Detail": _SHOWN
    | {
        "apiKey": _KEY,
        "config": {"region": "south"},
        "scopes": _SCOPES,
        "webhookId": "wh_1767604800005_9a1b2c3d4e5f6071",
        "template": None,
        "expiresAt": None,
        "allowedNetworks": ["203.0.113.0/24"],
        "requireSignature": False,
        "suspendedReason": None,
        "previousValidUntil": None,
        "previousUsedAt": None,
        "previousUsedFrom": None,
    },
    "NewIntegrationRequest": {"name": "Back office", "type": "custom", "webhookUrl": _URL},
    "Created": {
        **{name: _SHOWN[name] for name in ("id", "name", "type", "webhookUrl", "createdAt")},
        "status": "pending",
        "apiKey": _KEY,
        "apiSecret": _SECRET,
        "webhookSecret": _SIGNING_SECRET,
    },
    "ChangesRequest": _CHANGES,
    "PatchedChangesRequest": _CHANGES,
    "Updated": {
        **{name: _SHOWN[name] for name in ("id", "name", "type", "status", "webhookUrl", "updatedAt")},
        "config": {"region": "south"},
    },
    "RegenerationRequest": {"graceHours": 24},
    "RegeneratedReply": {
        "success": True,
        "message": "API credentials regenerated successfully",
        "apiKey": _KEY,
        "apiSecret": _SECRET,
    },
    "WhoAmI": {
        **{name: _SHOWN[name] for name in ("id", "name", "type", "status")},
        "scopes": _SCOPES,
        "rateLimits": {"perMinute": 100, "perHour": 1000},
        "expiresAt": None,
        "allowedNetworks": ["203.0.113.0/24"],
    },
    "Template": {
        "id": "analytics-sink",
        "type": "analytics",
        "name": "Analytics sink",
        "description": "Receives every event, for a warehouse or a dashboard.",
        "configSchema": {"type": "object", "properties": {"dataset": {"type": "string"}}},
        "scopes": ["orders:read", "bulk_orders:read", "webhooks:read"],
        "events": ["order.created", "order.completed"],
    },
    "Usage": {
        "id": "log_1767605400000_610aab9e3ff6264f",
        "integrationId": _SHOWN["id"],
        "endpoint": "/api/bulk-orders",
        "method": "POST",
        "statusCode": 202,
        "responseTime": 21,
        "timestamp": "2026-01-05T09:30:00Z",
        "error": None,
    },
    "UsageSummary": {
        "days": 7,
        "calls": 1042,
        "errors": 12,
        "errorRate": 0.0115,
        "responseTime": {"p50": 9, "p95": 24},
        "byEndpoint": [{"endpoint": "/api/bulk-orders", "method": "POST", "calls": 640, "errors": 9, "p95": 26}],
        "byDay": [{"day": "2026-01-05", "calls": 180, "errors": 2}],
    },
}
