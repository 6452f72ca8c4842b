"""Figures of deliveries: attempts are counted by those who make them, the queue is asked of the database."""

from collections import Counter as Tally
from collections.abc import Iterable

from config.lib.metrics.truths import Truth
from config.lib.metrics.values import Counter, Histogram
from webhooks.queue import BREAKER_FAILURES, Outcome

ATTEMPTS = Counter(
    "gateway_webhook_attempts",
    "Attempts by what they made of their delivery: delivered, retrying, failed.",
    ["outcome"],
)
ATTEMPT_SECONDS = Histogram(
    "gateway_webhook_attempt_seconds",
    "Time from the start of an attempt to its end.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

MOST = 100_000  # no figure costs more than a look at so many rows of the queue; beyond it, it stands still

TRUTHS = (
    Truth(
        "gateway_webhook_queue",
        f"Deliveries in the queue by state: due, in_flight, scheduled. Counted up to {MOST:,} in all, due ones first.",
        # By idx_webhook_deliveries_next_retry. What is in flight bears a lease that has not ended.
        f"""
        SELECT state, count(queue.next_retry_at) FROM (VALUES ('due'), ('in_flight'), ('scheduled')) AS states (state)
        LEFT JOIN (SELECT next_retry_at, leased_until FROM webhook_deliveries
                   WHERE next_retry_at IS NOT NULL ORDER BY next_retry_at LIMIT {MOST}) AS queue
          ON state = CASE WHEN leased_until > now() THEN 'in_flight' WHEN next_retry_at <= now() THEN 'due'
                          ELSE 'scheduled' END
        GROUP BY state""",  # noqa: S608  # a constant
        ("state",),
    ),
    Truth(
        "gateway_webhook_oldest_due_seconds",
        "How long the oldest due delivery has waited; 0 if none is due. Broken and paced endpoints do not count.",
        # A broken or paced endpoint lets its own wait; that says nothing about our workers.
        f"""
        SELECT coalesce(extract(epoch FROM now() - min(due.next_retry_at)), 0)
        FROM (SELECT webhook_id, next_retry_at FROM webhook_deliveries
              WHERE next_retry_at <= now() AND (lease IS NULL OR leased_until <= now())
              ORDER BY next_retry_at LIMIT {MOST}) AS due
        JOIN webhooks w ON w.id = due.webhook_id
        WHERE w.active AND w.failure_count < {BREAKER_FAILURES} AND w.rate_limit IS NULL""",  # noqa: S608
    ),
    Truth(
        "gateway_webhook_endpoints",
        f"Endpoints by state: healthy, failing, broken ({BREAKER_FAILURES} failures in a row: one probe at a time), "
        "disabled (by us), inactive (by their owner).",
        f"""
        SELECT state, count(w.id)
        FROM (VALUES ('healthy'), ('failing'), ('broken'), ('disabled'), ('inactive')) AS states (state)
        LEFT JOIN webhooks w ON state = CASE
          WHEN w.disabled_at IS NOT NULL AND NOT w.active THEN 'disabled' WHEN NOT w.active THEN 'inactive'
          WHEN w.failure_count >= {BREAKER_FAILURES} THEN 'broken' WHEN w.failure_count > 0 THEN 'failing'
          ELSE 'healthy' END
        GROUP BY state""",  # noqa: S608
        ("state",),
    ),
)


def attempted(outcomes: Iterable[Outcome]) -> None:
    """Count a recorded batch."""
    outcomes = list(outcomes)
    for status, number in Tally(outcome.status for outcome in outcomes).items():
        ATTEMPTS.labels(status).inc(number)
    for outcome in outcomes:
        ATTEMPT_SECONDS.observe(outcome.duration_ms / 1000)
