"""The log of calls made with keys, and the counters that are rolled up from it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, transaction

from config.lib.exact_json import storable_text
from config.lib.ids import new_id
from config.lib.postgresql.statements import send

ENDPOINT_MAX, ERROR_MAX = 2048, 500
ROLLUP_LOCK = 0x75736167  # "usag": one roll-up at a time
ROLLUP_MAX = 50_000

# From the integration's own row: nothing is written, and nothing fails, where it was deleted meanwhile.
_LOG = b"""
WITH logged AS (
  INSERT INTO integration_usage_logs (id, integration_id, endpoint, method, status_code, response_time, error)
  SELECT $1, id, $2, $3, $4, $5, $6 FROM integrations WHERE id = $7
  RETURNING integration_id, "timestamp"
)
INSERT INTO integration_uncounted_calls (integration_id, at) SELECT integration_id, "timestamp" FROM logged WHERE $8"""
_ROLL_UP = """
WITH counted AS (
  DELETE FROM integration_uncounted_calls WHERE id IN (SELECT id FROM integration_uncounted_calls ORDER BY id LIMIT %s)
  RETURNING integration_id, at
), totals AS (SELECT integration_id, count(*) AS calls, max(at) AS last FROM counted GROUP BY integration_id)
UPDATE integrations
SET usage_count = LEAST(usage_count::bigint + calls, 2147483647), last_used_at = GREATEST(last_used_at, last)
FROM totals WHERE id = integration_id"""

# At most once a minute, and never waiting: a partner in transition is busy, too.
_FORMER_KEY = """
UPDATE integrations SET previous_used_at = now(), previous_used_from = %s
WHERE id = (
  SELECT id FROM integrations
  WHERE id = %s AND previous_api_key IS NOT NULL AND coalesce(previous_used_at < now() - interval '1 minute', true)
  FOR NO KEY UPDATE SKIP LOCKED)"""


@dataclass(frozen=True, slots=True)
class Call:
    """A call made with a key; `error` says what went wrong, None if nothing did."""

    integration_id: str
    endpoint: str
    method: str
    status_code: int
    milliseconds: int
    error: str | None


def log(call: Call, *, counts: bool) -> Callable[[], object]:
    """Write a call down, in one statement: it is there once what is returned has been waited for. A key that was turned
    away is no use of it, and does not count."""
    values = (
        new_id("log"),
        storable_text(call.endpoint)[:ENDPOINT_MAX],
        call.method,
        call.status_code,
        call.milliseconds,
        call.error and call.error[:ERROR_MAX],
        call.integration_id,
        counts,
    )
    return send(_LOG, *values)


def note_former_key(integration_id: str, *, address: str) -> None:
    """The pair that a regeneration has replaced was used, in its grace."""
    with connection.cursor() as cursor:
        cursor.execute(_FORMER_KEY, [address, integration_id])


def roll_up() -> int:
    """Bring logged calls into their integrations' counters; returns how many integrations had any."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ROLLUP_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_ROLL_UP, [ROLLUP_MAX])
        return int(cursor.rowcount)
