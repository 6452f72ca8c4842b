"""Putting deliveries back into the queue: failed ones once more, or all of a span of time again."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from config.lib.postgresql.statements import execute
from webhooks.models import Lane, Webhook

FIRST = 100

_REQUEUE_FAILED = """
WITH due AS (
  UPDATE webhook_deliveries
  SET status = 'retrying', next_retry_at = CASE WHEN %(active)s THEN %(now)s END, lane = %(lane)s
  WHERE webhook_id = %(webhook_id)s AND status = 'failed' AND event <> 'webhook.test'
    AND (lease IS NULL OR leased_until <= %(now)s) AND attempts < coalesce(%(max_retries)s, 2147483647)
  RETURNING id, status, attempts, error, created_at
)
SELECT count(*) OVER (), id, status, attempts, error FROM due ORDER BY created_at, id LIMIT %(first)s
"""


# Endpoints first and in order of their ids, as by whoever records; so one that is being disabled is waited for, too.
_REQUEUE_CHOSEN = """
WITH endpoint AS MATERIALIZED (
  SELECT id, active, ordered FROM webhooks
  WHERE id = ANY (ARRAY(SELECT webhook_id FROM webhook_deliveries WHERE id = ANY (%(ids)s)))
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE webhook_deliveries AS d
SET status = 'retrying', next_retry_at = CASE WHEN w.active THEN %(now)s END,
    lane = CASE WHEN w.ordered THEN 3 ELSE 1 END
FROM endpoint w
WHERE w.id = d.webhook_id AND d.id = ANY (%(ids)s) AND d.status IN ('failed', 'retrying')
  AND (d.lease IS NULL OR d.leased_until <= %(now)s)
RETURNING d.id
"""


def requeue(delivery_ids: Sequence[str], *, now: datetime) -> int:
    """Make these due, where they have failed or wait for their next attempt; returns how many that were."""
    return len(execute(_REQUEUE_CHOSEN, {"ids": list(delivery_ids), "now": now}))


class Requeued(NamedTuple):
    """How many deliveries are due again, and the first hundred of them: (id, status, attempts, error)."""

    number: int
    first: list[tuple[str, str, int, str | None]]


def requeue_failed(webhook: Webhook, *, max_retries: int | None, now: datetime) -> Requeued:
    """Make failed deliveries due (held, while the webhook is inactive); its row is to be locked."""
    parameters = {
        "webhook_id": webhook.pk,
        "active": webhook.active,
        "lane": Lane.ORDERED if webhook.ordered else Lane.RETRY,
        "max_retries": max_retries,
        "now": now,
        "first": FIRST,
    }
    rows = execute(_REQUEUE_FAILED, parameters)
    return Requeued(rows[0][0] if rows else 0, [(id_, status, tries, error) for _, id_, status, tries, error in rows])


class Selection(NamedTuple):
    """What to replay to `webhook`: its user's events of a span, by name; with `statuses`, only deliveries in them."""

    webhook: Webhook
    since: datetime
    until: datetime
    events: Sequence[str]
    statuses: Sequence[str] | None


_SELECTED = """
WITH selected AS MATERIALIZED (
  SELECT e.id, e.name, e.data, d.id AS delivery_id
  FROM webhook_events e
  LEFT JOIN webhook_deliveries d ON d.event_id = e.id AND d.webhook_id = %(webhook_id)s
  WHERE e.user_id = %(user_id)s AND e.created_at >= %(since)s AND e.created_at < %(until)s
    AND e.name = ANY (%(events)s) AND e.name <> 'webhook.test'
    AND (%(statuses)s::text[] IS NULL OR d.status = ANY (%(statuses)s))
    AND (d.lease IS NULL OR d.leased_until <= %(now)s)
  ORDER BY e.created_at, e.id
)
"""
_COUNT = "SELECT count(*) FROM selected"
_REPLAY = """
, again AS (
  UPDATE webhook_deliveries
  SET status = 'pending', attempts = 0, next_retry_at = CASE WHEN %(active)s THEN %(now)s END, lane = %(lane)s,
      response_code = NULL, response_body = NULL, error = NULL, duration_ms = NULL, lease = NULL, leased_until = NULL
  WHERE id IN (SELECT delivery_id FROM selected) AND (lease IS NULL OR leased_until <= %(now)s)
  RETURNING 1
), made AS (
  INSERT INTO webhook_deliveries (id, webhook_id, event, payload, status, next_retry_at, event_id, lane)
  SELECT 'del_' || (extract(epoch FROM %(now)s) * 1000)::bigint || '_'
           || right(replace(gen_random_uuid()::text, '-', ''), 16),
         %(webhook_id)s, name, data, 'pending', CASE WHEN %(active)s THEN %(now)s END, id, %(lane)s
  FROM selected WHERE delivery_id IS NULL
  ON CONFLICT (event_id, webhook_id) DO NOTHING
  RETURNING 1
)
SELECT (SELECT count(*) FROM again) + (SELECT count(*) FROM made)
"""


def count(selection: Selection, *, now: datetime) -> int:
    [(number,)] = execute(_SELECTED + _COUNT, _parameters(selection) | {"now": now})
    return int(number)


def replay(selection: Selection, *, now: datetime) -> int:
    """Queue the selected events again, under the rows they have, else under new ones; the webhook's is to be locked."""
    webhook = selection.webhook
    more = {"active": webhook.active, "now": now, "lane": Lane.ORDERED if webhook.ordered else Lane.REPLAY}
    [(number,)] = execute(_SELECTED + _REPLAY, _parameters(selection) | more)
    return int(number)


def _parameters(selection: Selection) -> dict[str, object]:
    return {
        "webhook_id": selection.webhook.pk,
        "user_id": selection.webhook.user_id,
        "since": selection.since,
        "until": selection.until,
        "events": list(selection.events),
        "statuses": list(selection.statuses) if selection.statuses else None,
    }
