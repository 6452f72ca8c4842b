"""Figures over an integration's calls: what is counted already, and what has been logged since."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from config.lib import histograms
from config.lib.ledgers import counted, execute, start_of
from integrations.figures import CALLS, DAYS, HOURS

Key = TypeVar("Key")
ENDPOINTS_MAX = 50
# Longer periods are summed up from whole days: a year of hours would be eight thousand for each endpoint.
BY_THE_HOUR_UP_TO_DAYS = 35

# By endpoint and by day, in one pass.
_SUMS = f"""
SELECT endpoint, method, date_trunc('day', at, 'UTC')::date AS day, sum(calls)::bigint AS calls,
       sum(errors)::bigint AS errors, {histograms.summed("took")} AS took
FROM ({{rows}}) AS rows
GROUP BY GROUPING SETS ((endpoint, method), (date_trunc('day', at, 'UTC')::date))"""  # noqa: S608
_KNOWN = """
SELECT {step} AS at, endpoint, method, calls, errors, took FROM integration_usage_{step}s
WHERE integration_id = %(integration_id)s AND {step} >= %(since)s"""


class Calls(NamedTuple):
    """Of an endpoint, or of a day."""

    number: int
    errors: int
    took: list[int]


def usage_summary(*, integration_id: str, days: int, now: datetime) -> dict[str, Any]:
    """The shape of ``GET …/usage/summary``; times in milliseconds, days in UTC, `errorRate` from 0 to 1.

    From the beginning of an hour, periods of more than 35 days from that of a day (UTC)."""
    endpoints, by_day = _calls(integration_id, days, now)
    calls = sum(found.number for found in endpoints.values())
    errors = sum(found.errors for found in endpoints.values())
    took = histograms.total(found.took for found in endpoints.values())
    busiest = sorted(endpoints.items(), key=lambda item: (-item[1].number, item[0]))
    return {
        "days": days,
        "calls": calls,
        "errors": errors,
        "errorRate": round(errors / calls, 4) if calls else 0,
        "responseTime": {"p50": histograms.whole_quantile(took, 0.5), "p95": histograms.whole_quantile(took, 0.95)},
        "byEndpoint": [
            {
                "endpoint": endpoint,
                "method": method,
                "calls": found.number,
                "errors": found.errors,
                "p95": histograms.whole_quantile(found.took, 0.95),
            }
            for (endpoint, method), found in busiest[:ENDPOINTS_MAX]
        ],
        "byDay": [{"day": day, "calls": found.number, "errors": found.errors} for day, found in sorted(by_day.items())],
    }


def _calls(integration_id: str, days: int, now: datetime) -> tuple[dict[tuple[str, str], Calls], dict[str, Calls]]:
    """By (endpoint, method), and by day."""
    ledger = HOURS if days <= BY_THE_HOUR_UP_TO_DAYS else DAYS
    since = start_of(ledger.step, now - timedelta(days=days))
    known = _SUMS.format(rows=_KNOWN.format(step=ledger.step))
    mark, rows = counted(ledger, known, since=since, integration_id=integration_id)
    fresh = _SUMS.format(rows=CALLS.format(step="day"))
    rows += execute(fresh, since=mark, until=datetime.max.replace(tzinfo=UTC), integration_id=integration_id)
    by_endpoint = [((endpoint, method), Calls(*found)) for endpoint, method, day, *found in rows if day is None]
    by_day = [(day.isoformat(), Calls(*found)) for _, _, day, *found in rows if day is not None]
    return _together(by_endpoint), _together(by_day)


def _together(found: Iterable[tuple[Key, Calls]]) -> dict[Key, Calls]:
    """What is counted already and what has been logged since may be of the same endpoint, or day."""
    sums: dict[Key, Calls] = {}
    for key, more in found:
        known = sums.get(key, Calls(0, 0, []))
        took = histograms.total(filter(None, (known.took, more.took)))
        sums[key] = Calls(known.number + more.number, known.errors + more.errors, took)
    return sums
