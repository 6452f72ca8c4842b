"""The least that durable delivery can cost on this machine: claim, sign, send, record, in one loop, and nothing else.

No leases that fence (`next_retry_at` moves, as the textbook has it), no fairness, no limits, no schedules, no checks of
addresses, and one endpoint's failure ends it all. What the engine does beyond this is what it is measured against.
"""

import base64
import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pycurl
from django.db import connection

BATCH = 500
IN_FLIGHT = 128

_CLAIM = """
WITH claimed AS (
  UPDATE webhook_deliveries SET next_retry_at = %(until)s
  WHERE id = ANY (ARRAY(SELECT id FROM webhook_deliveries WHERE next_retry_at <= %(now)s
                        ORDER BY next_retry_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
  RETURNING id, webhook_id, event_id)
SELECT claimed.id, w.url, e.id, e.body FROM claimed
JOIN webhooks w ON w.id = claimed.webhook_id
CROSS JOIN LATERAL (SELECT id, body FROM webhook_events WHERE id = event_id LIMIT 1) AS e
"""
_RECORD = """
WITH done AS (SELECT * FROM unnest(%(ids)s::text[], %(codes)s::int[]) AS done (id, code)),
updated AS (
  UPDATE webhook_deliveries d
  SET status = 'delivered', attempts = attempts + 1, last_attempt_at = %(now)s, next_retry_at = NULL, lease = NULL,
      response_code = done.code
  FROM done WHERE d.id = done.id)
INSERT INTO webhook_delivery_attempts (delivery_id, at, response_code, duration_ms)
SELECT id, %(now)s, code, 0 FROM done
"""


def deliver_all(key: bytes) -> int:
    """Send whatever is due and return how much that was."""
    connection.ensure_connection()
    session: psycopg.Connection[tuple[Any, ...]] = connection.connection
    multi, idle = pycurl.CurlMulti(), [_handle() for _ in range(IN_FLIGHT)]
    sent = 0
    with psycopg.Cursor(session) as cursor:
        while rows := _claim(cursor):
            ids, codes = _send(multi, idle, rows, key)
            cursor.execute(_RECORD, {"ids": ids, "codes": codes, "now": datetime.now(UTC)}, binary=True)
            sent += len(ids)
    return sent


def _claim(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    now = datetime.now(UTC)
    parameters = {"now": now, "until": now + timedelta(minutes=1), "batch": BATCH}
    return cursor.execute(_CLAIM, parameters, binary=True).fetchall()


def _handle() -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
    return curl


def _send(
    multi: pycurl.CurlMulti, idle: list[pycurl.Curl], rows: list[tuple[Any, ...]], key: bytes
) -> tuple[list[str], list[int]]:
    ids: list[str] = []
    codes: list[int] = []
    busy: dict[pycurl.Curl, str] = {}
    while rows or busy:
        while rows and idle:
            delivery_id, url, event_id, body = rows.pop()
            curl = idle.pop()
            busy[curl] = delivery_id
            _prepare(curl, url, event_id, body, key)
            multi.add_handle(curl)
        multi.perform()
        _, succeeded, failed = multi.info_read()
        if failed:
            raise RuntimeError(failed)
        for curl in succeeded:
            multi.remove_handle(curl)
            ids.append(busy.pop(curl))
            codes.append(curl.getinfo(pycurl.RESPONSE_CODE))
            idle.append(curl)
        if not succeeded:
            multi.select(1)
    return ids, codes


def _prepare(curl: pycurl.Curl, url: str, event_id: str, body: bytes, key: bytes) -> None:
    now = str(int(time.time()))
    digest = hmac.digest(key, f"{event_id}.{now}.".encode() + body, "sha256")
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.POSTFIELDS, body)
    signature = "v1," + base64.b64encode(digest).decode()
    fields = {"webhook-id": event_id, "webhook-timestamp": now, "webhook-signature": signature, "Expect": ""}
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in fields.items()])
