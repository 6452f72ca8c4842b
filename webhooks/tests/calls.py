"""Calls as a client makes them: JSON in, status and JSON out."""

from typing import Any, NamedTuple

from django.test import Client


class Reply(NamedTuple):
    status: int
    json: Any
    headers: dict[str, str]


def call(client: Client, method: str, path: str, body: Any = None) -> Reply:
    """`path` below /api/webhooks, e.g. "" or f"/{id}/test"."""
    data = {} if body is None else {"data": body, "content_type": "application/json"}
    response = (
        client.generic(method, f"/api/webhooks{path}")
        if not data
        else getattr(client, method.lower())(f"/api/webhooks{path}", **data)
    )
    return Reply(response.status_code, response.json() if response.content else None, dict(response.headers))
