"""Partners at work, for Locust: they submit, follow what they submitted, and look through their lists. Started by
``manage.py load``, which puts where to and the key into the environment."""

import os
from collections import deque
from typing import Any
from uuid import uuid4

from locust import FastHttpUser, between, task

from config.demo.orders import forms

ORDERS = {"orders": forms(100)}
KEY = {"X-API-Key": os.environ.get("LOAD_KEY", ""), "X-API-Secret": os.environ.get("LOAD_SECRET", "")}


class Partner(FastHttpUser):
    """One of a partner's programs: a request, a short pause, the next."""

    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        self.batches: deque[str] = deque(maxlen=20)
        self.webhook = self._json("/api/webhooks?limit=1", "GET /api/webhooks")[0]["id"]

    @task(2)
    def submit(self) -> None:
        headers = KEY | {"Idempotency-Key": str(uuid4())}
        with self.client.post("/api/bulk-orders", json=ORDERS, headers=headers, name="POST /api/bulk-orders") as reply:
            if reply.ok:
                self.batches.append(reply.json()["batchId"])

    @task(6)
    def poll(self) -> None:
        if self.batches:
            self._json(f"/api/bulk-orders/{self.batches[-1]}", "GET /api/bulk-orders/{id}")

    @task(2)
    def list_batches(self) -> None:
        self._json("/api/bulk-orders", "GET /api/bulk-orders")

    @task(2)
    def list_orders(self) -> None:
        self._json("/api/order-management/orders", "GET /api/order-management/orders")

    @task(2)
    def list_deliveries(self) -> None:
        self._json(f"/api/webhooks/{self.webhook}/deliveries", "GET /api/webhooks/{id}/deliveries")

    @task(1)
    def list_results(self) -> None:
        if self.batches:
            self._json(f"/api/bulk-orders/{self.batches[0]}/results", "GET /api/bulk-orders/{id}/results")

    def _json(self, path: str, name: str) -> Any:
        with self.client.get(path, headers=KEY, name=name) as reply:
            return reply.json() if reply.ok else None
