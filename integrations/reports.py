"""Figures over an integration's calls: one pass over the log for the whole, each endpoint and each day."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

ENDPOINTS_MAX = 50

# `/api/webhooks/wh_…/test` and its like are one endpoint: ids become {id}.
_SUMMARY = r"""
SELECT grouping(endpoint, day) AS level, endpoint, method, day, count(*),
       count(*) FILTER (WHERE status_code >= 400),
       percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY response_time)
FROM (
  SELECT regexp_replace(endpoint, '/([a-z]+_\d+_[0-9a-f]+|(BATCH|MO)-\d{8}-[0-9A-Z]+|\d+)(?=/|$)', '/{id}', 'g')
           AS endpoint,
         method, ("timestamp" AT TIME ZONE 'UTC')::date AS day, status_code, response_time
  FROM integration_usage_logs WHERE integration_id = %s AND "timestamp" >= %s
) calls
GROUP BY GROUPING SETS ((), (endpoint, method), (day))
ORDER BY level, count(*) DESC, endpoint, method, day"""
_BY_ENDPOINT, _BY_DAY, _WHOLE = 0b01, 0b10, 0b11


def usage_summary(*, integration_id: str, days: int, now: datetime) -> dict[str, Any]:
    """The shape of ``GET …/usage/summary``; times in milliseconds, days in UTC, `errorRate` from 0 to 1."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, [integration_id, now - timedelta(days=days)])
        rows = cursor.fetchall()
    calls, errors, times = next(row[4:] for row in rows if row[0] == _WHOLE)
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
