"""How the deliveries of one webhook went: totals, pace, and what went wrong."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from config.lib import histograms
from config.lib.ledgers import counted, execute, start_of
from webhooks.figures import LEDGER, TRIED
from webhooks.models import Webhook

HOURLY_UP_TO_DAYS = 2
TOP_ERRORS = 10


class Hour(NamedTuple):
    hour: datetime
    delivered: int
    failed: int
    attempts: int
    took: list[int]
    errors: str  # JSON: how often each occurred


_COLUMNS = "hour, delivered, failed, attempts, took, errors"
_HOURS = f"SELECT {_COLUMNS} FROM webhook_hours WHERE webhook_id = %(webhook_id)s AND hour >= %(since)s"  # noqa: S608
_SINCE_THEN = f"SELECT {_COLUMNS} FROM ({TRIED}) AS tried"  # noqa: S608
# What waits: in the queue, in the spelling of the queue's own index, and held for an endpoint that is not active.
_WAITING = """
SELECT (SELECT count(*) FROM webhook_deliveries
        WHERE webhook_id || '' = %(webhook_id)s AND next_retry_at IS NOT NULL AND event <> 'webhook.test')
     + (SELECT count(*) FROM webhook_deliveries
        WHERE webhook_id = %(webhook_id)s AND next_retry_at IS NULL AND status IN ('pending', 'retrying')
          AND event <> 'webhook.test')"""


def analytics(webhook: Webhook, *, days: int, now: datetime | None = None) -> dict[str, Any]:
    """Figures of the last `days`, from the beginning of an hour; `successRate` is the share, 0 to 1, of the deliveries
    that have ended. A delivery counts in the hour of the attempt that ended it, an attempt in its own."""
    since = start_of("hour", (now or datetime.now(UTC)) - timedelta(days=days))
    hours = _hours(webhook.pk, since)
    [(waiting,)] = execute(_WAITING, webhook_id=webhook.pk)
    delivered, failed = sum(hour.delivered for hour in hours), sum(hour.failed for hour in hours)
    ended, took = delivered + failed, histograms.total(hour.took for hour in hours)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        "days": days,
        "total": ended + waiting,
        "delivered": delivered,
        "failed": failed,
        "pending": waiting,
        "successRate": round(delivered / ended, 4) if ended else None,
        "attemptsPerDelivery": round(sum(hour.attempts for hour in hours) / ended, 2) if ended else None,
        "durationMs": {name: histograms.whole_quantile(took, share) for name, share in shares.items()},
        "series": _series(hours, "hour" if days <= HOURLY_UP_TO_DAYS else "day"),
        "topErrors": _top_errors(hours),
    }


def _hours(webhook_id: str, since: datetime) -> list[Hour]:
    """By time; one that is still being counted may come twice."""
    mark, rows = counted(LEDGER, _HOURS, since=since, webhook_id=webhook_id)
    rows += execute(_SINCE_THEN, since=mark, until=datetime.max.replace(tzinfo=UTC), webhook_id=webhook_id)
    return sorted((Hour(*row) for row in rows), key=lambda hour: hour.hour)


def _series(hours: Iterable[Hour], step: str) -> list[dict[str, Any]]:
    steps = groupby(hours, key=lambda hour: start_of(step, hour.hour))
    return [_step(at, list(found)) for at, found in steps]


def _step(at: datetime, hours: Sequence[Hour]) -> dict[str, Any]:
    p95 = histograms.whole_quantile(histograms.total(hour.took for hour in hours), 0.95)
    good, bad = sum(hour.delivered for hour in hours), sum(hour.failed for hour in hours)
    return {"at": at, "delivered": good, "failed": bad, "p95": p95}


def _top_errors(hours: Iterable[Hour]) -> list[dict[str, Any]]:
    numbers: Counter[str] = Counter()
    for hour in hours:
        numbers.update(json.loads(hour.errors))
    most = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:TOP_ERRORS]
    return [{"error": error, "count": number} for error, number in most]
