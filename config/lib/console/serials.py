"""Time in tables without an index of it: rows get rising keys as they are written, so a moment is found by halving."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models

# Rows are written in the order of time but for what the engines have in hand: a row's moment may lie before those of
# rows with lower keys by as long as an attempt or a transaction takes, which is minutes at most.
DISORDER = timedelta(hours=1)
_FIRST = """
WITH RECURSIVE halving(low, high) AS (
  SELECT min({key})::bigint, max({key})::bigint + 1 FROM {table}
  UNION ALL
  SELECT CASE WHEN middle.at < %(moment)s THEN middle.key + 1 ELSE low END,
         CASE WHEN middle.at < %(moment)s THEN high ELSE (low + high) / 2 END
  FROM halving CROSS JOIN LATERAL (
    SELECT {key} AS key, {column} AS at FROM {table} WHERE {key} >= (low + high) / 2 ORDER BY {key} LIMIT 1) AS middle
  WHERE low < high)
SELECT low FROM halving WHERE low >= high"""


def between(model: type[models.Model], moment: str, start: datetime, end: datetime) -> models.Q:
    """The rows whose column `moment` lies in a span of time, within a range of keys that holds them all."""
    low, high = _first(model, moment, start - DISORDER), _first(model, moment, end + DISORDER)
    return models.Q(**{"pk__gte": low, "pk__lt": high, f"{moment}__gte": start, f"{moment}__lt": end})


def _first(model: type[models.Model], moment: str, at: datetime) -> int:
    """The key from which on rows are of `at` or later: some twenty look-ups among a million, in one query."""
    meta: Any = model._meta
    names = {"table": meta.db_table, "key": meta.pk.column, "column": meta.get_field(moment).column}
    quoted = {part: connection.ops.quote_name(name) for part, name in names.items()}
    with connection.cursor() as cursor:
        cursor.execute(_FIRST.format(**quoted), {"moment": at})
        found = cursor.fetchone()
    return int(found[0]) if found else 0
