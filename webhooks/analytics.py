"""How the deliveries of one webhook went: totals, pace, and what went wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

from webhooks.models import Webhook
from webhooks.sql import execute

HOURLY_UP_TO_DAYS = 2
TOP_ERRORS = 10
ERROR_CHARACTERS = 200

# Deliveries by the time they came to be; tests tell nothing about how an endpoint does.
_OF_SPAN = (
    "FROM webhook_deliveries WHERE webhook_id = %(webhook_id)s AND created_at >= %(since)s AND event <> 'webhook.test'"
)
_TOTALS = f"""
SELECT count(*), count(*) FILTER (WHERE status = 'delivered'), count(*) FILTER (WHERE status = 'failed'),
       round(avg(attempts) FILTER (WHERE attempts > 0), 2),
       percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms)
{_OF_SPAN}"""
_SERIES = f"""
SELECT date_trunc(%(step)s, created_at, 'UTC') AS at, count(*) FILTER (WHERE status = 'delivered'),
       count(*) FILTER (WHERE status = 'failed'), percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms)
{_OF_SPAN} GROUP BY at ORDER BY at"""
_TOP_ERRORS = f"""
SELECT left(error, %(characters)s) AS said, count(*)
{_OF_SPAN} AND error IS NOT NULL GROUP BY said ORDER BY count(*) DESC, said LIMIT %(most)s"""


def analytics(webhook: Webhook, *, days: int, now: datetime | None = None) -> dict[str, Any]:
    """Figures of the last `days`; `successRate` is the share, 0 to 1, of the deliveries that have ended."""
    span = {"webhook_id": webhook.pk, "since": (now or datetime.now(UTC)) - timedelta(days=days)}
    [(total, delivered, failed, attempts, percentiles)] = execute(_TOTALS, span)
    step = "hour" if days <= HOURLY_UP_TO_DAYS else "day"
    series = execute(_SERIES, span | {"step": step})
    errors = execute(_TOP_ERRORS, span | {"most": TOP_ERRORS, "characters": ERROR_CHARACTERS})
    ended = delivered + failed
    return {
        "days": days,
        "total": total,
        "delivered": delivered,
        "failed": failed,
        "pending": total - ended,
        "successRate": round(delivered / ended, 4) if ended else None,
        "attemptsPerDelivery": attempts,
        "durationMs": dict(zip(("p50", "p95", "p99"), percentiles or (None, None, None), strict=True)),
        "series": [{"at": at, "delivered": good, "failed": bad, "p95": p95} for at, good, bad, p95 in series],
        "topErrors": [{"error": error, "count": number} for error, number in errors],
    }
