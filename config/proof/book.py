"""What came of a scenario, by the database and by the receivers, and whether a promise was broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from config.proof.receivers import Log
from webhooks.engine import ENDPOINT_PLACES

RECOVERY_SECONDS = 30
REPEATED_SHARE = 0.001
# A death cuts off what is in flight: rate times latency of an endpoint, three to twelve on average here, and in a burst
# as many as one endpoint may have. What nobody knows the answer of must be sent again. What was answered must not: that
# is for the journal, and only the share above is allowed for it.
CUT_OFF_A_DEATH = 20

# Batches, rows and orders of a scenario; `events` are those that its orders and batches must have caused.
_ACCOUNT = """
WITH batch AS (SELECT * FROM bulk_order_batches WHERE batch_id = ANY (%(batches)s)),
result AS (SELECT r.* FROM bulk_order_results r JOIN batch USING (batch_id)),
made AS (SELECT o.id FROM orders o WHERE o.id IN (SELECT order_id FROM result)),
created AS (SELECT e.id, (e.data->>'orderId')::int AS order_id FROM webhook_events e
            WHERE e.name = 'order.created' AND e.created_at >= %(since)s),
ended AS (SELECT e.id, e.data->>'batchId' AS batch_id FROM webhook_events e
          WHERE e.name = 'bulk_order.completed' AND e.created_at >= %(since)s),
delivery AS (SELECT * FROM webhook_deliveries WHERE created_at >= %(since)s)
SELECT (SELECT count(*) FROM bulk_order_batches WHERE created_at >= %(since)s) AS batches,
       (SELECT count(*) FROM batch WHERE completed_at IS NOT NULL AND processed = total
          AND processed = succeeded + failed + skipped
          AND succeeded = (SELECT count(*) FROM result r WHERE r.batch_id = batch.batch_id AND r.success)) AS whole,
       (SELECT count(*) FROM result) AS results,
       (SELECT count(DISTINCT (batch_id, order_index)) FROM result) AS rows_with_result,
       (SELECT count(*) FROM orders WHERE submitted_at >= %(since)s) AS orders,
       (SELECT count(*) FROM made) AS orders_with_result,
       (SELECT count(*) FROM created) AS order_events,
       (SELECT count(DISTINCT order_id) FROM created JOIN made ON made.id = order_id) AS orders_with_event,
       (SELECT count(*) FROM ended) AS batch_events,
       (SELECT count(DISTINCT batch_id) FROM ended JOIN batch USING (batch_id)) AS batches_with_event,
       (SELECT count(*) FROM delivery) AS deliveries,
       (SELECT count(*) FROM delivery WHERE status = 'delivered' AND lease IS NULL) AS delivered,
       (SELECT count(*) FROM delivery
          WHERE (SELECT count(*) FROM webhook_delivery_attempts a
                 WHERE a.delivery_id = delivery.id AND a.response_code = 200) > 1) AS recorded_twice,
       (SELECT count(*) FROM bulk_order_chunks) AS chunks
"""
_RECOVERED = """
SELECT extract(epoch FROM greatest(
  (SELECT max(completed_at) FROM bulk_order_batches WHERE created_at BETWEEN %(since)s AND %(at)s),
  (SELECT max(d.last_attempt_at) FROM webhook_deliveries d WHERE d.created_at BETWEEN %(since)s AND %(at)s)
) - %(at)s)
"""
_UNFINISHED = """
SELECT (SELECT count(*) FROM bulk_order_batches WHERE completed_at IS NULL)
     + (SELECT count(*) FROM webhook_deliveries WHERE next_retry_at IS NOT NULL)
"""
_SENT = (
    "SELECT webhook_id, array_agg(event_id) FROM webhook_deliveries WHERE created_at >= %(since)s GROUP BY webhook_id"
)


def unfinished() -> int:
    """Batches that run and deliveries that wait."""
    return int(_row(_UNFINISHED, {})[0])


def recovery_seconds(since: Any, at: Any) -> float:
    """From a moment until all that was taken in between `since` and then had been done and delivered."""
    return max(0.0, float(_row(_RECOVERED, {"since": since, "at": at})[0] or 0))


def sent(since: Any) -> dict[str, list[str]]:
    """The event ids that each webhook must have received."""
    with connection.cursor() as cursor:
        cursor.execute(_SENT, {"since": since})
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Facts:
    """Figures of the database; each is explained by its statement above."""

    batches: int
    whole: int
    results: int
    rows_with_result: int
    orders: int
    orders_with_result: int
    order_events: int
    orders_with_event: int
    batch_events: int
    batches_with_event: int
    deliveries: int
    delivered: int
    recorded_twice: int
    chunks: int

    @classmethod
    def of(cls, batches: Sequence[str], since: Any) -> "Facts":
        return cls(*_row(_ACCOUNT, {"batches": list(batches), "since": since}))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the receivers saw of a scenario: requests, distinct (webhook-id, endpoint) pairs, ids nobody sent.

    `cut_off`: requests repeated because the sender had died without having read the answer.
    """

    requests: int
    pairs: int
    lost: int
    strangers: int
    cut_off: int = 0

    @property
    def duplicates(self) -> int:
        return self.requests - self.pairs

    @property
    def repeated(self) -> int:
        """Requests that had been answered, and came again all the same."""
        return self.duplicates - self.cut_off

    @classmethod
    def of(cls, must: Mapping[str, Sequence[str]], came: Mapping[str, Log]) -> "Seen":
        pairs = {(webhook, event) for webhook, events in must.items() for event in events}
        counts = {(webhook, event): count for webhook, log in came.items() for event, count in log.requests.items()}
        known = counts.keys() & pairs
        cut_off = sum(
            min(log.unheard[event], count - 1) for log in came.values() for event, count in log.requests.items()
        )
        return cls(sum(counts.values()), len(counts), len(pairs) - len(known), len(counts) - len(known), cut_off)


@dataclass(frozen=True, slots=True)
class Account:
    """A scenario's line of the table.

    `kills`: how often something died that may have had requests in flight. `freezes`: how often something was stopped
    until its leases were somebody else's; `frozen`: the requests that it then had in flight, at most, and whose answers
    it could not read.
    """

    name: str
    rows: int
    refused: int
    submissions: int
    endpoints: int
    kills: int
    facts: Facts
    seen: Seen
    recovery: float
    freezes: int = 0
    frozen: int = 0
    trouble: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        return self.seen.repeated / max(1, self.seen.pairs)

    def _repeated_allowed(self) -> float:
        return max(REPEATED_SHARE * self.seen.pairs, self.frozen)

    def _cut_off_allowed(self) -> int:
        # Who was frozen never read what it was answered, or hangs up on it once awake: either counts against the same.
        by_freezes = max(0, self.frozen - self.seen.repeated)
        return max(CUT_OFF_A_DEATH * self.kills, ENDPOINT_PLACES if self.kills else 0) + by_freezes

    def faults(self) -> list[str]:
        """Promises that were broken, in words."""
        facts, seen, orders = self.facts, self.seen, self.rows - self.refused
        checks = {
            f"{self.submissions} submissions made {facts.batches} batches": facts.batches == self.submissions,
            f"{facts.whole} of {facts.batches} batches are complete": facts.whole == facts.batches,
            f"{facts.results} results for {self.rows} rows": facts.results == facts.rows_with_result == self.rows,
            f"{facts.orders} orders for {orders} good rows": facts.orders == facts.orders_with_result == orders,
            f"{facts.order_events} events for {orders} orders": facts.order_events == facts.orders_with_event == orders,
            f"{facts.batch_events} completions of {facts.batches} batches": (
                facts.batch_events == facts.batches_with_event == facts.batches
            ),
            f"{facts.delivered} of {facts.deliveries} deliveries are delivered": (
                facts.delivered == facts.deliveries == self.endpoints * (facts.order_events + facts.batch_events)
            ),
            f"{facts.recorded_twice} deliveries succeeded twice": not facts.recorded_twice,
            f"{facts.chunks} chunks were left lying": not facts.chunks,
            f"{seen.lost} deliveries never came": not seen.lost,
            f"{seen.strangers} webhook-ids came that nobody sent": not seen.strangers,
            f"{seen.repeated} answered deliveries came again": self.seen.repeated <= self._repeated_allowed(),
            f"{seen.cut_off} cut off by {self.kills} deaths, {self.frozen} were frozen": seen.cut_off
            <= self._cut_off_allowed(),
            f"recovery took {self.recovery:.1f} s": self.recovery <= RECOVERY_SECONDS,
        }
        return [*self.trouble, *(fault for fault, well in checks.items() if not well)]


def _row(statement: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
