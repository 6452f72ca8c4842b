"""The queue in PostgreSQL: claiming what is due under a lease, and recording how it went under that lease only."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from secrets import randbits
from typing import NamedTuple

from config.lib.postgresql.statements import execute

# A probe at a time for an endpoint that has failed this often in a row, whoever sends: its breaker is half open.
BREAKER_FAILURES = 20
# How many seconds' worth of missed slots a paced endpoint may catch up at once: engines don't wake for every single
# one. Idleness is no credit: whoever had nothing for a second starts afresh.
PACE_SLACK = 0.1


class Claimed(NamedTuple):
    """A delivery in our hands until its lease ends, with all that sending it takes. Secrets are still encrypted."""

    id: str
    lease: int
    webhook_id: str
    event_id: str
    event: str
    attempts: int
    lane: int
    body: bytes
    request_id: str | None
    url: str
    secret: str
    former_secret: str | None
    schedule: str
    max_retries: int | None


class Outcome(NamedTuple):
    """How one attempt went and what follows from it. `gone`: the endpoint wants no more of anything."""

    id: str
    lease: int
    webhook_id: str
    at: datetime
    ok: bool
    gone: bool
    status: str
    next_retry_at: datetime | None
    code: int | None
    body: str | None
    error: str | None
    duration_ms: int
    truncated: bool
    headers: str
    timings: str
    remote_ip: str | None


class Disabled(NamedTuple):
    webhook_id: str
    reason: str


# What an endpoint has due in a lane, oldest first. Whole keys are compared, in the spelling of the queue's own index
# (see the migration), so that no other index looks cheaper to the planner on the day its statistics are off.
_DUE_IN_LANE = """
      SELECT id FROM webhook_deliveries
      WHERE (webhook_id || '', lane, next_retry_at) >= ({endpoint}, lanes.lane, '-infinity'::timestamptz)
        AND (webhook_id || '', lane, next_retry_at) <= ({endpoint}, lanes.lane, %(now)s)
        AND next_retry_at IS NOT NULL AND (lease IS NULL OR leased_until <= %(now)s)
      ORDER BY webhook_id || '', lane, next_retry_at"""
# The endpoints with anything in the queue, found by hopping along the index instead of reading it; of those the ones
# with something due, and how much each may take now: its share of the free places, within its own limits.
_CLAIM = f"""
WITH RECURSIVE queued (webhook_id) AS (
  (SELECT webhook_id || '' FROM webhook_deliveries WHERE next_retry_at IS NOT NULL ORDER BY webhook_id || '' LIMIT 1)
  UNION ALL
  SELECT (SELECT d.webhook_id || '' FROM webhook_deliveries d
          WHERE d.next_retry_at IS NOT NULL AND d.webhook_id || '' > queued.webhook_id
          ORDER BY d.webhook_id || '' LIMIT 1)
  FROM queued WHERE queued.webhook_id IS NOT NULL
), endpoint AS MATERIALIZED (
  SELECT w.id, w.rate_limit, w.next_slot_at,
         least(CASE WHEN w.failure_count >= %(breaker)s THEN 1 ELSE %(cap)s END - coalesce(busy.count, 0),
               (%(free)s - 1) / count(*) OVER () + 1) AS room,  -- rounded up
         CASE WHEN w.next_slot_at >= %(now)s - interval '1 s'
              THEN greatest(w.next_slot_at, %(now)s - %(slack)s * interval '1 s') ELSE %(now)s END AS slot
  FROM queued
  JOIN webhooks w ON w.id = queued.webhook_id AND w.active
  LEFT JOIN unnest(%(busy_ids)b::text[], %(busy_counts)b::int[]) AS busy (id, count) ON busy.id = w.id
  CROSS JOIN LATERAL (
    SELECT FROM (VALUES (0::smallint), (1), (2), (3)) AS lanes (lane) CROSS JOIN LATERAL (
      {_DUE_IN_LANE.format(endpoint="w.id")} LIMIT 1) AS d
    LIMIT 1) AS something
), paced AS (
  SELECT id, slot, next_slot_at, least(room, 1 + floor(extract(epoch FROM %(now)s - slot) * rate_limit))::int AS room
  FROM endpoint WHERE rate_limit IS NOT NULL AND room > 0 AND slot <= %(now)s
), held AS MATERIALIZED (  -- in order of their ids, as by whoever records
  SELECT id FROM webhooks WHERE id = ANY (ARRAY(SELECT id FROM paced)) ORDER BY id FOR NO KEY UPDATE
), reserved AS (
  UPDATE webhooks w SET next_slot_at = paced.slot + paced.room * interval '1 s' / w.rate_limit
  FROM paced JOIN held USING (id) WHERE w.id = paced.id AND w.next_slot_at IS NOT DISTINCT FROM paced.next_slot_at
  RETURNING w.id, paced.room
), allowed AS MATERIALIZED (
  -- Where there are more endpoints than places, chance says who waits for the next round.
  SELECT * FROM (SELECT id, room FROM endpoint WHERE rate_limit IS NULL AND room > 0
                 UNION ALL SELECT id, room FROM reserved) AS anybody ORDER BY random()
), due AS (
  SELECT pick.id FROM allowed CROSS JOIN LATERAL (
    SELECT d.id FROM (VALUES (0::smallint), (1), (2)) AS lanes (lane) CROSS JOIN LATERAL (
      {_DUE_IN_LANE.format(endpoint="allowed.id")} LIMIT allowed.room FOR UPDATE SKIP LOCKED) AS d
    LIMIT allowed.room) AS pick
  LIMIT %(free)s
), due_in_order AS (
  SELECT pick.id FROM allowed CROSS JOIN LATERAL (
    SELECT id FROM webhook_deliveries
    WHERE webhook_id = allowed.id AND lane = 3 AND next_retry_at IS NOT NULL ORDER BY sequence LIMIT 1) AS head
  CROSS JOIN LATERAL (
    SELECT id FROM webhook_deliveries
    WHERE id = head.id AND next_retry_at <= %(now)s AND (lease IS NULL OR leased_until <= %(now)s)
    FOR UPDATE SKIP LOCKED) AS pick
), claimed AS (
  UPDATE webhook_deliveries SET lease = %(lease)s, leased_until = %(leased_until)s
  WHERE id = ANY (ARRAY(SELECT id FROM due UNION ALL SELECT id FROM due_in_order))
  RETURNING id, lease, webhook_id, event_id, event, attempts, lane, sequence
)
"""  # noqa: S608  # made of constants
_CLAIM_ONE = """
WITH claimed AS (
  UPDATE webhook_deliveries SET lease = %(lease)s, leased_until = %(leased_until)s
  WHERE id = %(id)s AND (lease IS NULL OR leased_until <= %(now)s) AND (status <> 'delivered' OR %(force)s)
  RETURNING id, lease, webhook_id, event_id, event, attempts, lane, sequence
)
"""
# LATERAL with LIMIT, so that it stays look-ups by key however wrong the planner's guess of the number of rows.
_WITH_ALL_IT_TAKES = """
SELECT claimed.id, lease, webhook_id, event_id, event, attempts, lane, body, request_id, url, secret, former_secret,
       schedule, max_retries
FROM claimed
CROSS JOIN LATERAL (SELECT body, request_id FROM webhook_events WHERE id = event_id LIMIT 1) AS e
CROSS JOIN LATERAL (
  SELECT url, secret, CASE WHEN previous_secret_until > %(now)s THEN previous_secret END AS former_secret,
         retry_schedule AS schedule, max_retries
  FROM webhooks WHERE id = webhook_id LIMIT 1) AS w
ORDER BY sequence
"""


def claim(*, now: datetime, free: int, cap: int, busy: Mapping[str, int], lease_seconds: float) -> list[Claimed]:
    """Take up to `free` due deliveries, at most `cap` in flight an endpoint (`busy`: what is in flight already)."""
    parameters = _lease(now, lease_seconds) | {
        "free": free,
        "cap": cap,
        "breaker": BREAKER_FAILURES,
        "slack": PACE_SLACK,
        "busy_ids": list(busy),
        "busy_counts": list(busy.values()),
    }
    return [Claimed(*row) for row in execute(_CLAIM + _WITH_ALL_IT_TAKES, parameters)]


def claim_one(delivery_id: str, *, now: datetime, lease_seconds: float, force: bool = False) -> Claimed | None:
    """Take this delivery, due or not; None while somebody else holds it, or once delivered unless by `force`."""
    parameters = _lease(now, lease_seconds) | {"id": delivery_id, "force": force}
    rows = execute(_CLAIM_ONE + _WITH_ALL_IT_TAKES, parameters)
    return Claimed(*rows[0]) if rows else None


def _lease(now: datetime, seconds: float) -> dict[str, object]:
    return {"now": now, "lease": randbits(62), "leased_until": now + timedelta(seconds=seconds)}


# Endpoints are locked first and in order of their ids: two workers, or a worker and somebody who deactivates, can't
# block each other. Counters follow from what was recorded, so a result that came after its lease counts nowhere.
_RECORD = """
WITH outcome AS MATERIALIZED (
  SELECT * FROM unnest(
    %(id)b::text[], %(lease)b::bigint[], %(webhook_id)b::text[], %(at)b::timestamptz[], %(ok)b::bool[],
    %(gone)b::bool[], %(status)b::text[], %(next_retry_at)b::timestamptz[], %(code)b::int[], %(body)b::text[],
    %(error)b::text[], %(duration_ms)b::int[], %(truncated)b::bool[], %(headers)b::text[], %(timings)b::text[],
    %(remote_ip)b::text[]
  ) WITH ORDINALITY AS outcome (id, lease, webhook_id, at, ok, gone, status, next_retry_at, code, body, error,
                                duration_ms, truncated, headers, timings, remote_ip, position)
), endpoint AS MATERIALIZED (
  SELECT id, active FROM webhooks WHERE id = ANY (%(webhook_id)b) ORDER BY id FOR NO KEY UPDATE
), recorded AS (
  UPDATE webhook_deliveries d
  SET status = outcome.status, attempts = d.attempts + 1, last_attempt_at = outcome.at,
      lease = NULL, leased_until = NULL, next_retry_at = CASE WHEN endpoint.active THEN outcome.next_retry_at END,
      response_code = outcome.code, response_body = outcome.body, error = outcome.error,
      duration_ms = outcome.duration_ms, lane = CASE WHEN d.lane = 3 OR outcome.ok THEN d.lane ELSE 1 END
  FROM outcome JOIN endpoint ON endpoint.id = outcome.webhook_id
  WHERE d.id = outcome.id AND d.lease = outcome.lease
  RETURNING d.id, d.webhook_id, d.event
), logged AS (
  INSERT INTO webhook_delivery_attempts (delivery_id, at, response_code, duration_ms, timings, response_headers,
                                         response_body, truncated, error, remote_ip)
  SELECT id, at, code, duration_ms, timings::jsonb, headers::jsonb, body, truncated, error, remote_ip
  FROM outcome JOIN recorded USING (id) ORDER BY position
), counted AS (
  SELECT webhook_id, bool_or(ok) AS any_ok, bool_or(gone) AS gone,
         count(*) FILTER (WHERE NOT ok AND position > last_ok) AS failures,
         count(*) FILTER (WHERE status = 'failed' AND position > last_ok) AS ended
  FROM (SELECT outcome.*, coalesce(max(position) FILTER (WHERE ok) OVER (PARTITION BY webhook_id), 0) AS last_ok
        FROM outcome JOIN recorded USING (id, webhook_id) WHERE event <> 'webhook.test') AS results
  GROUP BY webhook_id
)
UPDATE webhooks w
SET failure_count = counted.failures + CASE WHEN any_ok THEN 0 ELSE w.failure_count END,
    failed_in_a_row = counted.ended + CASE WHEN any_ok THEN 0 ELSE w.failed_in_a_row END,
    failing_since = CASE WHEN counted.failures = 0 THEN NULL WHEN any_ok THEN %(now)s
                         ELSE coalesce(w.failing_since, %(now)s) END,
    last_triggered_at = CASE WHEN any_ok THEN %(now)s ELSE w.last_triggered_at END
FROM counted WHERE w.id = counted.webhook_id
RETURNING w.id, CASE
  WHEN NOT w.active THEN NULL
  WHEN counted.gone THEN 'The endpoint answered 410 Gone'
  WHEN w.failing_since <= %(now)s - %(disable_hours)s * interval '1 h'
    THEN 'Every attempt has failed for ' || %(disable_hours)s::int || ' hours'
  WHEN w.failed_in_a_row >= %(disable_failed)s AND w.failing_since <= %(now)s - %(disable_minutes)s * interval '1 min'
    THEN w.failed_in_a_row || ' deliveries in a row have failed'
END
"""


class Patience(NamedTuple):
    """When an endpoint that keeps failing is disabled (see the settings WEBHOOK_DISABLE_…)."""

    after_failed: int
    min_minutes: int
    after_hours: int


def record(outcomes: Sequence[Outcome], *, now: datetime, patience: Patience) -> list[Disabled]:
    """Write what became of attempts, and return the endpoints that have failed once too often.

    Outcomes whose lease has passed to somebody else leave no trace.
    """
    columns = zip(Outcome._fields, zip(*outcomes, strict=True), strict=True)
    parameters: dict[str, object] = {name: list(values) for name, values in columns}
    parameters |= {
        "now": now,
        "disable_failed": patience.after_failed,
        "disable_minutes": patience.min_minutes,
        "disable_hours": patience.after_hours,
    }
    return [Disabled(webhook_id, reason) for webhook_id, reason in execute(_RECORD, parameters) if reason]


_HOLD = """
UPDATE webhook_deliveries SET next_retry_at = NULL
WHERE webhook_id = %(webhook_id)s AND next_retry_at IS NOT NULL
"""
# A test is sent by whoever asked for it: one whose process died is nobody's any more, not news for the day of a resume.
_RESUME = """
UPDATE webhook_deliveries SET next_retry_at = %(now)s
WHERE webhook_id = %(webhook_id)s AND next_retry_at IS NULL AND status IN ('pending', 'retrying')
  AND event <> 'webhook.test'
"""


def hold(webhook_id: str) -> None:
    """Keep what waits for an endpoint, without trying it. What is in flight ends as it will."""
    execute(_HOLD, {"webhook_id": webhook_id})


def resume(webhook_id: str, *, now: datetime) -> None:
    """Make due whatever was held for an endpoint."""
    execute(_RESUME, {"webhook_id": webhook_id, "now": now})


_REORDER = """
UPDATE webhook_deliveries SET lane = CASE WHEN %(ordered)s THEN 3 WHEN attempts = 0 THEN 0 ELSE 1 END
WHERE webhook_id = %(webhook_id)s AND status IN ('pending', 'retrying')
"""


def reorder(webhook_id: str, *, ordered: bool) -> None:
    """Let what waits for an endpoint go in strict order, or no longer."""
    execute(_REORDER, {"webhook_id": webhook_id, "ordered": ordered})


def count_due(now: datetime, *, most: int) -> int:
    """How many deliveries are due, counted no further than `most`."""
    statement = """
        SELECT count(*) FROM (
          SELECT FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id AND w.active
          WHERE d.next_retry_at <= %(now)s AND (d.lease IS NULL OR d.leased_until <= %(now)s) LIMIT %(most)s) AS due"""
    [(number,)] = execute(statement, {"now": now, "most": most})
    return int(number)


def next_due(now: datetime) -> datetime | None:
    """The earliest moment after `now` at which something becomes due, or a paced endpoint may get its next."""
    statement = """
        SELECT least((SELECT min(next_retry_at) FROM webhook_deliveries WHERE next_retry_at > %(now)s),
                     (SELECT min(next_slot_at) FROM webhooks WHERE next_slot_at > %(now)s))"""
    [(moment,)] = execute(statement, {"now": now})
    return moment if isinstance(moment, datetime) else None
