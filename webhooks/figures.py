"""What is counted of deliveries, for the console (`config.lib.figures`) and for the analytics of one endpoint."""

from datetime import datetime, timedelta

from config.lib.figures import Source
from config.lib.histograms import both, bound_of, collected, step_of
from config.lib.ledgers import Ledger, execute
from webhooks.models import Lane

# By the key of an endpoint. Attempts know it through their delivery.
_ATTEMPTS = """
SELECT date_trunc('hour', a.at, 'UTC'), d.webhook_id, count(*), count(*) FILTER (WHERE a.error IS NOT NULL)
FROM webhook_delivery_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id
WHERE a.at >= %(since)s AND a.at < %(until)s GROUP BY 1, 2"""
# How an attempt has ended its delivery, if it has: the first that succeeded, or the last, where none did. What is sent
# again ends again, and is not counted again. The log is looked into where there may be more than one attempt.
_SUCCEEDED = (
    "(SELECT min(s.at) FROM webhook_delivery_attempts s WHERE s.delivery_id = a.delivery_id AND s.error IS NULL)"
)
_ENDING = f"""
CASE WHEN a.error IS NULL AND (d.lane = {Lane.FIRST} AND d.attempts = 1 OR a.at = {_SUCCEEDED}) THEN 'delivered'
     WHEN d.status = 'failed' AND d.last_attempt_at = a.at AND {_SUCCEEDED} IS NULL THEN 'failed' END"""
# Deliveries by the attempt that has ended them: `bad` are those that were given up.
_ENDED = f"""
SELECT hour, webhook_id, count(*), count(*) FILTER (WHERE ended = 'failed')
FROM (SELECT date_trunc('hour', a.at, 'UTC') AS hour, d.webhook_id, {_ENDING} AS ended
      FROM webhook_delivery_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id
      WHERE a.at >= %(since)s AND a.at < %(until)s) AS tried
WHERE ended IS NOT NULL GROUP BY 1, 2"""  # noqa: S608  # made of constants
_DURATIONS = f"""
SELECT date_trunc('hour', at, 'UTC'), {bound_of("duration_ms")}, count(*), 0
FROM webhook_delivery_attempts WHERE at >= %(since)s AND at < %(until)s GROUP BY 1, 2"""  # noqa: S608

SOURCES = (Source("attempt", _ATTEMPTS), Source("delivery", _ENDED), Source("attempt_ms", _DURATIONS))

# An endpoint that puts something new into every reply must not fill the table.
ERRORS_AN_HOUR = 20
ERROR_CHARACTERS = 200

# The attempts of the span, to one endpoint or to all, by the hour. Tests tell nothing about how an endpoint does. Those
# of the span are found first: a minute's are few, while a planner would rather look at all that an endpoint ever got.
TRIED = f"""
WITH recent AS MATERIALIZED (
  SELECT delivery_id, at, duration_ms, error FROM webhook_delivery_attempts WHERE at >= %(since)s AND at < %(until)s
), tried AS MATERIALIZED (
  SELECT d.webhook_id, date_trunc('hour', a.at, 'UTC') AS hour, {step_of("a.duration_ms")} AS step,
         left(a.error, {ERROR_CHARACTERS}) AS error,
         {_ENDING} AS ended,
         d.attempts
  FROM recent a JOIN webhook_deliveries d ON d.id = a.delivery_id
  WHERE d.event <> 'webhook.test' AND (%(webhook_id)s::text IS NULL OR d.webhook_id = %(webhook_id)s)
), steps AS (
  SELECT webhook_id, hour, step, count(*) AS n, count(*) FILTER (WHERE ended = 'delivered') AS delivered,
         count(*) FILTER (WHERE ended = 'failed') AS failed, sum(attempts) FILTER (WHERE ended IS NOT NULL) AS attempts
  FROM tried GROUP BY 1, 2, 3
), wrong AS (
  SELECT *, row_number() OVER (PARTITION BY webhook_id, hour ORDER BY n DESC, error) AS place
  FROM (SELECT webhook_id, hour, error, count(*) AS n FROM tried WHERE error IS NOT NULL GROUP BY 1, 2, 3) AS errors
), frequent AS (
  SELECT webhook_id, hour, jsonb_object_agg(error, n) AS errors FROM wrong WHERE place <= {ERRORS_AN_HOUR}
  GROUP BY 1, 2
)
SELECT webhook_id, hour, sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed,
       coalesce(sum(attempts), 0)::bigint AS attempts, {collected("n", "step")} AS took,
       coalesce(max(errors::text)::jsonb, '{{}}') AS errors
FROM steps LEFT JOIN frequent USING (webhook_id, hour) GROUP BY 1, 2"""  # noqa: S608  # made of constants
# Of what has been deleted meanwhile there are no figures any more.
_ADD = f"""
INSERT INTO webhook_hours AS known (webhook_id, hour, delivered, failed, attempts, took, errors)
SELECT found.* FROM ({TRIED}) AS found JOIN webhooks ON webhooks.id = found.webhook_id
ON CONFLICT (webhook_id, hour) DO UPDATE
SET delivered = known.delivered + excluded.delivered, failed = known.failed + excluded.failed,
    attempts = known.attempts + excluded.attempts, took = {both("known.took", "excluded.took")},
    errors = (SELECT coalesce(jsonb_object_agg(error, n), '{{}}') FROM (
      SELECT key AS error, sum(value::bigint) AS n
      FROM (SELECT * FROM jsonb_each_text(known.errors) UNION ALL SELECT * FROM jsonb_each_text(excluded.errors)) AS two
      GROUP BY key) AS one)"""  # noqa: S608


def _add(since: datetime, until: datetime) -> None:
    execute(_ADD, since=since, until=until, webhook_id=None)


LEDGER = Ledger(4, ("webhook_hours",), "hour", timedelta(days=92), timedelta(days=92), _add)
