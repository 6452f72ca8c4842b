"""The events a partner can subscribe to: names, and a catalogue that says what their `data` holds."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple


class EventName(StrEnum):
    ORDER_CREATED = "order.created"
    ORDER_UPDATED = "order.updated"
    ORDER_COMPLETED = "order.completed"
    ORDER_FAILED = "order.failed"
    PAYMENT_RECEIVED = "payment.received"
    PAYMENT_FAILED = "payment.failed"
    BULK_ORDER_COMPLETED = "bulk_order.completed"
    WEBHOOK_TEST = "webhook.test"
    WEBHOOK_DISABLED = "webhook.disabled"


class CatalogueEntry(NamedTuple):
    """One event: `schema` is the JSON Schema of its `data`, `example` a value that satisfies it."""

    name: EventName
    description: str
    schema: Mapping[str, Any]
    example: Mapping[str, Any]


_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_COUNT = {"type": "integer", "minimum": 0}
_MOMENT = {"type": "string", "format": "date-time"}
_AMOUNT = {"type": "number", "exclusiveMinimum": 0}

_ORDER = {"orderId": _WHOLE, "modelOrderId": _TEXT, "clientId": _WHOLE, "status": _TEXT, "submittedAt": _MOMENT}
_ORDER_CHANGES = {
    "authorizedAt": _MOMENT,
    "authorizedBy": _WHOLE,
    "claimedBy": {"type": ["integer", "null"]},
    "rejectedAt": _MOMENT,
    "rejectedReason": _TEXT,
    "rtaRefNo": {"type": ["string", "null"]},
    "reason": {"type": ["string", "null"]},
    "nav": _AMOUNT,
    "units": _AMOUNT,
}
_PAYMENT = {"orderId": _WHOLE, "modelOrderId": _TEXT, "paymentReference": _TEXT, "amount": _AMOUNT, "status": _TEXT}
_BATCH = {
    "batchId": _TEXT,
    "status": {"enum": ["completed", "partial", "failed"]},
    "total": _COUNT,
    "succeeded": _COUNT,
    "failed": _COUNT,
    "skipped": _COUNT,
}

_AN_ORDER: dict[str, Any] = {
    "orderId": 1042,
    "modelOrderId": "MO-20260105-7K2M9QXW4B1C",
    "clientId": 7,
    "status": "Pending Approval",
    "submittedAt": "2026-01-05T09:30:00Z",
}
_A_PAYMENT: dict[str, Any] = {
    "orderId": 1042,
    "modelOrderId": "MO-20260105-7K2M9QXW4B1C",
    "paymentReference": "PAY-88120",
    "amount": 25000.50,
    "status": "received",
}


def _data(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A schema that demands what is always there and leaves room for what later versions add."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


_ENTRIES = (
    CatalogueEntry(EventName.ORDER_CREATED, "An order was submitted.", _data(_ORDER), _AN_ORDER),
    CatalogueEntry(
        EventName.ORDER_UPDATED,
        "An order was claimed, released, authorized, cancelled or moved on; the data say what changed.",
        _data(_ORDER, _ORDER_CHANGES),
        _AN_ORDER | {"status": "In Progress", "authorizedAt": "2026-01-05T10:02:11Z", "authorizedBy": 3},
    ),
    CatalogueEntry(
        EventName.ORDER_COMPLETED,
        "An order was settled.",
        _data(_ORDER, _ORDER_CHANGES),
        _AN_ORDER | {"status": "Settled", "rtaRefNo": "RTA-5512"},
    ),
    CatalogueEntry(
        EventName.ORDER_FAILED,
        "An order was rejected or failed.",
        _data(_ORDER, _ORDER_CHANGES),
        _AN_ORDER | {"status": "Failed", "rejectedAt": "2026-01-05T10:02:11Z", "rejectedReason": "Scheme is closed"},
    ),
    CatalogueEntry(EventName.PAYMENT_RECEIVED, "The money for an order has come.", _data(_PAYMENT), _A_PAYMENT),
    CatalogueEntry(
        EventName.PAYMENT_FAILED, "A payment for an order failed.", _data(_PAYMENT), _A_PAYMENT | {"status": "failed"}
    ),
    CatalogueEntry(
        EventName.BULK_ORDER_COMPLETED,
        "A run of a bulk order has ended; the counters tell how.",
        _data(_BATCH, {"run": {"type": "integer", "minimum": 1}}),
        {
            "batchId": "BATCH-20260105-4F7H2KQZ",
            "status": "partial",
            "total": 100,
            "succeeded": 98,
            "failed": 2,
            "skipped": 0,
            "run": 1,
        },
    ),
    CatalogueEntry(
        EventName.WEBHOOK_TEST,
        "Sent on request, to any endpoint, whatever it subscribes to.",
        _data({"test": {"const": True}, "timestamp": _MOMENT, "webhookId": _TEXT}),
        {"test": True, "timestamp": "2026-01-05T09:30:00Z", "webhookId": "wh_1767605400000_9f86d081884c7d65"},
    ),
    CatalogueEntry(
        EventName.WEBHOOK_DISABLED,
        "Another endpoint of yours was disabled because its deliveries kept failing, or because it answered 410.",
        _data({"webhookId": _TEXT, "url": _TEXT, "reason": _TEXT, "disabledAt": _MOMENT}),
        {
            "webhookId": "wh_1767605400000_9f86d081884c7d65",
            "url": "https://partner.example/hooks",
            "reason": "100 deliveries in a row have failed",
            "disabledAt": "2026-01-05T09:30:00Z",
        },
    ),
)
CATALOGUE: Mapping[EventName, CatalogueEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
