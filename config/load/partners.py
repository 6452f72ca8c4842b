"""Partners at work, for Locust: they submit requests and files, follow them by polling and live, look through lists.

Started by ``manage.py load``, which puts where to and the key into the environment.
"""

import json
import os
import time
from collections import deque
from typing import Any
from uuid import uuid4

import websocket
from locust import FastHttpUser, between, task

from config.demo.orders import forms

ORDERS = {"orders": forms(100)}
FILE = ("orders.jsonl", "\n".join(map(json.dumps, forms(500))).encode(), "application/jsonl")
SOCKETS = os.environ.get("LOAD_SOCKETS", "")
WATCHED_SECONDS = 120  # in a deep backlog a batch waits
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

    @task(1)
    def upload(self) -> None:
        path = "/api/bulk-orders/upload"
        with self.client.post(path, files={"file": FILE}, headers=KEY, name=f"POST {path}") as reply:
            if reply.ok:
                self.batches.append(reply.json()["batchId"])

    @task(1)
    def watch(self) -> None:
        """The time is the one to the first state; then the batch is watched to its end."""
        if not self.batches:
            return
        started, took, error = time.perf_counter(), 0.0, None
        url = f"{SOCKETS}/ws/bulk-orders/{self.batches[-1]}"
        try:
            client = websocket.create_connection(url, header=KEY, timeout=WATCHED_SECONDS)
            state = json.loads(client.recv())
            took = time.perf_counter() - started
            while state["completedAt"] is None:
                state = json.loads(client.recv())
            client.shutdown()  # type: ignore[no-untyped-call]
        except (OSError, ValueError, websocket.WebSocketException) as failure:
            error = failure
        self.environment.events.request.fire(
            request_type="WS",
            name="WS /ws/bulk-orders/{id}",
            response_time=(took or time.perf_counter() - started) * 1000,
            response_length=0,
            exception=error,
            context={},
        )

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
