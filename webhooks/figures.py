"""What is counted of deliveries by the hour; see `config.lib.figures`."""

from config.lib.figures import Source, bound_of

# By the key of an endpoint. Attempts know it through their delivery.
_ATTEMPTS = """
SELECT date_trunc('hour', a.at, 'UTC'), d.webhook_id, count(*), count(*) FILTER (WHERE a.error IS NOT NULL)
FROM webhook_delivery_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id
WHERE a.at >= %(since)s AND a.at < %(until)s GROUP BY 1, 2"""
# Deliveries that have had their last attempt: `bad` are those that it left failed.
_ENDED = """
SELECT date_trunc('hour', a.at, 'UTC'), d.webhook_id, count(*), count(*) FILTER (WHERE d.status = 'failed')
FROM webhook_delivery_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id AND d.last_attempt_at = a.at
WHERE a.at >= %(since)s AND a.at < %(until)s AND d.status IN ('delivered', 'failed') GROUP BY 1, 2"""
_DURATIONS = f"""
SELECT date_trunc('hour', at, 'UTC'), {bound_of("duration_ms")}, count(*), 0
FROM webhook_delivery_attempts WHERE at >= %(since)s AND at < %(until)s GROUP BY 1, 2"""  # noqa: S608

SOURCES = (Source("attempt", _ATTEMPTS), Source("delivery", _ENDED), Source("attempt_ms", _DURATIONS))
