"""What went wrong last at endpoints that fail."""

from collections.abc import Sequence

from django.db import connection

# Looked for among the newest deliveries of each: an endpoint that fails has one with an error there.
_LAST_ERRORS = """
SELECT w.id, said.error
FROM webhooks w CROSS JOIN LATERAL (
  SELECT error FROM (SELECT error FROM webhook_deliveries d WHERE d.webhook_id = w.id
                     ORDER BY created_at DESC, id DESC LIMIT 200) AS newest
  WHERE error IS NOT NULL LIMIT 1) AS said
WHERE w.id = ANY (%(ids)s)"""


def last_errors(webhook_ids: Sequence[str]) -> dict[str, str]:
    """By the endpoint's id, in one query."""
    if not webhook_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LAST_ERRORS, {"ids": list(webhook_ids)})
        return dict(cursor.fetchall())
