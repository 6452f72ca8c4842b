"""What is counted of calls, for the console (`config.lib.figures`) and for summaries of one integration's usage."""

from datetime import datetime, timedelta

from config.lib.figures import Source
from config.lib.histograms import both, bound_of, collected, step_of
from config.lib.ledgers import Ledger, execute

_SPAN = 'FROM integration_usage_logs WHERE "timestamp" >= %(since)s AND "timestamp" < %(until)s GROUP BY 1, 2'
_CALLS = f"""
SELECT date_trunc('hour', "timestamp", 'UTC'), integration_id, count(*), count(*) FILTER (WHERE status_code >= 400)
{_SPAN}"""
_DURATIONS = f"""
SELECT date_trunc('hour', "timestamp", 'UTC'), {bound_of("response_time")}, count(*), 0 {_SPAN}"""

SOURCES = (Source("call", _CALLS), Source("call_ms", _DURATIONS))

# Calls of the span, of one integration or of all. Equal ones are counted together first, and ids in paths looked for
# once a path: `/api/webhooks/wh_…/test` and its like are one endpoint. A path may be anything that a caller makes up;
# beyond its first characters it tells nothing, and would be too long for an index.
CALLS = rf"""
WITH calls AS MATERIALIZED (
  SELECT integration_id, date_trunc('{{step}}', "timestamp", 'UTC') AS at, endpoint AS path, method,
         status_code >= 400 AS bad, {step_of("response_time")} AS step, count(*) AS n
  FROM integration_usage_logs
  WHERE "timestamp" >= %(since)s AND "timestamp" < %(until)s
    AND (%(integration_id)s::text IS NULL OR integration_id = %(integration_id)s)
  GROUP BY 1, 2, 3, 4, 5, 6
), endpoints AS (
  SELECT path, left(regexp_replace(path, '/([a-z]+_\d+_[0-9a-f]+|(BATCH|MO)-\d{{{{8}}}}-[0-9A-Z]+|\d+)(?=/|$)',
                                   '/{{{{id}}}}', 'g'), 200) AS endpoint
  FROM (SELECT DISTINCT path FROM calls) AS paths
)
SELECT integration_id, at, endpoint, method, sum(n)::bigint AS calls,
       coalesce(sum(n) FILTER (WHERE bad), 0)::bigint AS errors, {collected("n", "step")} AS took
FROM calls JOIN endpoints USING (path) GROUP BY 1, 2, 3, 4"""  # noqa: S608  # made of constants
# Of what has been deleted meanwhile there are no figures any more.
_ADD = f"""
INSERT INTO integration_usage_{{step}}s AS known (integration_id, {{step}}, endpoint, method, calls, errors, took)
SELECT found.* FROM ({CALLS}) AS found
JOIN integrations ON integrations.id = found.integration_id
ON CONFLICT (integration_id, {{step}}, endpoint, method) DO UPDATE
SET calls = known.calls + excluded.calls, errors = known.errors + excluded.errors,
    took = {both("known.took", "excluded.took")}"""  # noqa: S608


def _ledger(mark: int, step: str, kept: timedelta) -> Ledger:
    statement = _ADD.format(step=step)

    def add(since: datetime, until: datetime) -> None:
        execute(statement, since=since, until=until, integration_id=None)

    return Ledger(mark, (f"integration_usage_{step}s",), step, kept, kept, add)


HOURS = _ledger(2, "hour", timedelta(days=36))
DAYS = _ledger(3, "day", timedelta(days=367))
