"""Figures over an integration's calls: one pass over the log for the whole, each endpoint and each day."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

ENDPOINTS_MAX = 50

# Equal calls are counted together before anything else is done with them: ids in paths are looked for once a path
# (`/api/webhooks/wh_…/test` and its like are one endpoint), and percentiles are found among counts. 600,000 calls took
# a quarter of the time that sorting each of them took.
_SUMMARY = r"""
WITH calls AS MATERIALIZED (
  SELECT endpoint AS path, method, ("timestamp" AT TIME ZONE 'UTC')::date AS day, status_code >= 400 AS bad,
         response_time, count(*) AS n
  FROM integration_usage_logs WHERE integration_id = %s AND "timestamp" >= %s GROUP BY 1, 2, 3, 4, 5
), endpoints AS (
  SELECT path, regexp_replace(path, '/([a-z]+_\d+_[0-9a-f]+|(BATCH|MO)-\d{8}-[0-9A-Z]+|\d+)(?=/|$)', '/{id}', 'g')
                 AS endpoint
  FROM (SELECT DISTINCT path FROM calls) AS paths
), counts AS (
  SELECT grouping(endpoint, day) AS level, endpoint, method, day, response_time, sum(n) AS n,
         coalesce(sum(n) FILTER (WHERE bad), 0) AS bad
  FROM calls JOIN endpoints USING (path)
  GROUP BY GROUPING SETS ((response_time), (endpoint, method, response_time), (day, response_time))
), ranks AS (
  SELECT *, sum(n) OVER (PARTITION BY level, endpoint, method, day ORDER BY response_time) AS up_to,
         sum(n) OVER (PARTITION BY level, endpoint, method, day) AS total
  FROM counts
)
SELECT level, endpoint, method, day, sum(n)::bigint, sum(bad)::bigint,
       ARRAY[min(response_time) FILTER (WHERE up_to >= 0.5 * total),
             min(response_time) FILTER (WHERE up_to >= 0.95 * total)]
FROM ranks GROUP BY level, endpoint, method, day
ORDER BY level, sum(n) DESC, endpoint, method, day"""
_BY_ENDPOINT, _BY_DAY, _WHOLE = 0b01, 0b10, 0b11


def usage_summary(*, integration_id: str, days: int, now: datetime) -> dict[str, Any]:
    """The shape of ``GET …/usage/summary``; times in milliseconds, days in UTC, `errorRate` from 0 to 1."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, [integration_id, now - timedelta(days=days)])
        rows = cursor.fetchall()
    calls, errors, times = next((row[4:] for row in rows if row[0] == _WHOLE), (0, 0, None))
    endpoints = [row[1:3] + row[4:] for row in rows if row[0] == _BY_ENDPOINT][:ENDPOINTS_MAX]
    by_day = sorted(row[3:6] for row in rows if row[0] == _BY_DAY)
    return {
        "days": days,
        "calls": calls,
        "errors": errors,
        "errorRate": round(errors / calls, 4) if calls else 0,
        "responseTime": {"p50": times and times[0], "p95": times and times[1]},
        "byEndpoint": [
            {"endpoint": endpoint, "method": method, "calls": count, "errors": bad, "p95": spread[1]}
            for endpoint, method, count, bad, spread in endpoints
        ],
        "byDay": [{"day": day.isoformat(), "calls": count, "errors": bad} for day, count, bad in by_day],
    }
