"""What is counted of calls by the hour; see `config.lib.figures`."""

from config.lib.figures import Source, bound_of

_SPAN = 'FROM integration_usage_logs WHERE "timestamp" >= %(since)s AND "timestamp" < %(until)s GROUP BY 1, 2'
_CALLS = f"""
SELECT date_trunc('hour', "timestamp", 'UTC'), integration_id, count(*), count(*) FILTER (WHERE status_code >= 400)
{_SPAN}"""
_DURATIONS = f"""
SELECT date_trunc('hour', "timestamp", 'UTC'), {bound_of("response_time")}, count(*), 0 {_SPAN}"""

SOURCES = (Source("call", _CALLS), Source("call_ms", _DURATIONS))
