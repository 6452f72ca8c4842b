"""What the front page asks of the database and of Valkey, apart from the hourly figures.

Every question is bounded: by `MOST`, or, of endpoints, by how many a partner may have.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis
from django.db import connection

from config.lib import health, valkey
from webhooks.admin.health import last_errors

MOST = 10_000  # counting stops here

_QUEUE = """
SELECT count(*) FILTER (WHERE NOT in_flight AND next_retry_at <= %(now)s), count(*) FILTER (WHERE in_flight),
       count(*) FILTER (WHERE NOT in_flight AND next_retry_at > %(now)s),
       min(next_retry_at) FILTER (WHERE NOT in_flight)
FROM (SELECT next_retry_at, lease IS NOT NULL AND leased_until > %(now)s AS in_flight
      FROM webhook_deliveries WHERE next_retry_at IS NOT NULL
      ORDER BY next_retry_at LIMIT %(most)s) AS queue"""
_AWAITING = """
SELECT count(*), min(submitted_at)
FROM (SELECT submitted_at FROM orders WHERE status = 'Pending Approval'
      ORDER BY submitted_at LIMIT %(most)s) AS waiting"""
_BATCHES = """
SELECT count(*), count(*) FILTER (WHERE status IN ('pending', 'processing')),
       count(*) FILTER (WHERE status = 'completed'),
       count(*) FILTER (WHERE status = 'partial'), count(*) FILTER (WHERE status = 'failed'), coalesce(sum(total), 0)
FROM (SELECT status, total FROM bulk_order_batches WHERE created_at >= %(today)s
      ORDER BY created_at DESC LIMIT %(most)s) AS newest"""
_ENDPOINTS = """
SELECT count(*) FILTER (WHERE active), count(*) FILTER (WHERE active AND failure_count > 0),
       count(*) FILTER (WHERE NOT active AND disabled_at IS NOT NULL)
FROM webhooks"""
_FAILING = """
SELECT id, url, failure_count, failing_since FROM webhooks
WHERE active AND failure_count > 0 ORDER BY failure_count DESC, id LIMIT 6"""
_NAMES = "SELECT id, name FROM integrations WHERE id = ANY (%(ids)s)"


class Queue(NamedTuple):
    due: int
    in_flight: int
    scheduled: int
    oldest: datetime | None


class Failing(NamedTuple):
    id: str
    url: str
    failures: int
    since: datetime | None
    error: str | None


class BatchesToday(NamedTuple):
    number: int
    running: int
    completed: int
    partial: int
    failed: int
    rows: int


@dataclass(frozen=True)
class Pulse:
    """A part of the system, and whether it is alive."""

    name: str
    is_alive: bool
    says: str


def queue(now: datetime) -> Queue:
    return Queue(*_rows(_QUEUE, now=now, most=MOST)[0])


def awaiting() -> tuple[int, datetime | None]:
    """How many orders wait for a checker, and since when the oldest does."""
    number, oldest = _rows(_AWAITING, most=MOST)[0]
    return number, oldest


def batches(today: datetime) -> BatchesToday:
    return BatchesToday(*map(int, _rows(_BATCHES, today=today, most=MOST)[0]))


def endpoints() -> tuple[int, int, int]:
    """How many are active, failing, and disabled by the gateway."""
    active, failing, disabled = _rows(_ENDPOINTS)[0]
    return active, failing, disabled


def failing_endpoints() -> list[Failing]:
    rows = _rows(_FAILING)
    errors = last_errors([key for key, *_ in rows])
    return [Failing(key, url, failures, since, errors.get(key)) for key, url, failures, since in rows]


def integration_names(ids: list[str]) -> dict[str, str]:
    return dict(_rows(_NAMES, ids=ids)) if ids else {}


def pulses(now: datetime) -> list[Pulse]:
    """The database has answered by now; the others are asked."""
    database = Pulse("PostgreSQL", is_alive=True, says="connected")
    try:
        worker, beat = valkey.client().mget(health.WORKER_BEAT, health.BEAT_BEAT)
    except redis.RedisError:
        lost = "unknown while Valkey is away"
        return [
            database,
            Pulse("Valkey", is_alive=False, says="not reachable: work goes on by the sweeps"),
            Pulse("Workers", is_alive=False, says=lost),
            Pulse("Scheduler", is_alive=False, says=lost),
        ]
    return [
        database,
        Pulse("Valkey", is_alive=True, says="connected"),
        _process("Workers", worker, now),
        _process("Scheduler", beat, now),
    ]


def _process(name: str, beat: Any, now: datetime) -> Pulse:
    if beat is None:
        return Pulse(name, is_alive=False, says=f"silent for {health.HEARTBEAT_SECONDS} s")
    seconds = max(0, int((now - datetime.fromtimestamp(int(beat), UTC)).total_seconds()))
    return Pulse(name, is_alive=True, says=f"seen {seconds} s ago")


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
