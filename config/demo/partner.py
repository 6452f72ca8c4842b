"""What a partner's program does: registers its endpoints, submits orders in bulk, and asks how they fare. HTTP only."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import requests

from config.demo.receiver import SHAKY, STEADY, Receiver

EVENTS = ["order.created", "bulk_order.completed"]
ROWS_A_REQUEST = 100
LARGEST_PAGE = 500
DESCRIPTIONS = {STEADY: "Demo: answers at once", SHAKY: "Demo: turns one event in eight away the first time"}


class Partner:
    """The partner's client, with its key and secret."""

    def __init__(self, base_url: str, key: str, secret: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"X-API-Key": key, "X-API-Secret": secret})

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self.session.request(method, f"{self.base_url}/api/{path}", timeout=30, **arguments)
        if not response.ok:
            raise requests.HTTPError(
                f"{method} {path}: {response.status_code} {response.text[:500]}", response=response
            )
        return response

    def register(self, receiver: Receiver) -> dict[str, str]:
        """The webhook id behind each of the receiver's paths, which from now on knows their secrets."""
        known = {webhook["description"]: webhook["id"] for webhook in self.call("GET", "webhooks?limit=100").json()}
        ids = {}
        for path, description in DESCRIPTIONS.items():
            wish = {"url": receiver.url(path), "events": EVENTS, "description": description}
            webhook = self._renewed(known[description], wish) if description in known else self._created(wish)
            receiver.secrets[path], ids[path] = webhook["secret"], webhook["id"]
        return ids

    def _created(self, wish: dict[str, Any]) -> dict[str, Any]:
        webhook: dict[str, Any] = self.call("POST", "webhooks", json=wish).json()
        return webhook

    def _renewed(self, webhook_id: str, wish: dict[str, Any]) -> dict[str, Any]:
        """A secret is shown once only, so a new run of the receiver rotates to one that it knows."""
        self.call("PATCH", f"webhooks/{webhook_id}", json=wish | {"active": True})
        rotated = self.call("POST", f"webhooks/{webhook_id}/rotate-secret", json={"graceHours": 0})
        return {"id": webhook_id, "secret": rotated.json()["secret"]}

    def submit(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Each bulk request's reply. The key makes a request that is sent twice one batch."""
        for start in range(0, len(rows), ROWS_A_REQUEST):
            body = {"orders": rows[start : start + ROWS_A_REQUEST]}
            reply = self.call("POST", "bulk-orders", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
            yield reply.json()

    def batch(self, batch_id: str) -> dict[str, Any]:
        state: dict[str, Any] = self.call("GET", f"bulk-orders/{batch_id}").json()
        return state

    def deliveries(self, webhook_id: str, since: datetime) -> list[dict[str, Any]]:
        """All deliveries to a webhook from that instant on, newest first."""
        found: list[dict[str, Any]] = []
        while page := self._page(webhook_id, len(found)):
            fresh = [delivery for delivery in page if datetime.fromisoformat(delivery["createdAt"]) >= since]
            found += fresh
            if len(fresh) < LARGEST_PAGE:
                break
        return found

    def _page(self, webhook_id: str, offset: int) -> list[dict[str, Any]]:
        query = f"limit={LARGEST_PAGE}&offset={offset}"
        page: list[dict[str, Any]] = self.call("GET", f"webhooks/{webhook_id}/deliveries?{query}").json()
        return page
