"""What an API key may do. Pure data and one rule: write implies read."""

from collections.abc import Collection
from typing import Final

DESCRIPTIONS: Final = {
    "orders:read": "Read orders and their history",
    "orders:write": "Submit and cancel orders",
    "bulk_orders:read": "Read bulk order batches and their results",
    "bulk_orders:write": "Submit, upload, cancel and retry bulk orders",
    "webhooks:read": "Read webhooks, deliveries, analytics and the event catalogue",
    "webhooks:write": "Manage webhooks; test, retry and replay deliveries",
    "payments:write": "Report payments received or failed (privileged)",
    "order_status:write": "Move authorized orders through settlement (privileged)",
}
ALL: Final = tuple(DESCRIPTIONS)

# These move other people's money: only staff activate an integration that holds one.
PRIVILEGED: Final = frozenset({"payments:write", "order_status:write"})

DEFAULTS: Final[dict[str, tuple[str, ...]]] = {
    "payment_gateway": ("orders:read", "payments:write"),
    "rta": ("orders:read", "order_status:write"),
    "nav_provider": ("orders:read",),
    "email_service": (),
    "sms_service": (),
    "analytics": ("orders:read", "bulk_orders:read", "webhooks:read"),
    "custom": ("orders:read", "orders:write", "bulk_orders:write", "webhooks:write"),
}


def permits(held: Collection[str], needed: str) -> bool:
    """Whether a holder of `held` may do what asks for `needed`."""
    resource, _, access = needed.partition(":")
    return needed in held or (access == "read" and f"{resource}:write" in held)


def holds_privilege(held: Collection[str]) -> bool:
    return not PRIVILEGED.isdisjoint(held)
