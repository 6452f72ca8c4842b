"""The charts and tables of the front page: the hours of today, the days of a month, who fails and who calls."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.contrib.admin.utils import quote
from django.urls import reverse

from config.console import state
from config.console.today import ATTEMPTS, CALLS, DAYS, DELIVERIES, ORDERS, WEBHOOKS, Today, address
from config.lib import figures
from config.lib.console import charts, marks
from config.lib.console.charts import Series
from config.lib.console.marks import Tone
from config.lib.console.records import Panel, table
from config.lib.figures import Figure


def panels(today: Today) -> Iterator[tuple[str, Panel]]:
    """Each with the list that one must be allowed to see for it."""
    yield ORDERS, _orders_by_hour(today)
    yield DELIVERIES, _deliveries_by_hour(today)
    yield ATTEMPTS, _latency_by_hour(today)
    yield CALLS, _calls_by_hour(today)
    yield WEBHOOKS, _failing(today.now)
    yield CALLS, _callers(today)
    yield ORDERS, _orders_by_day(today)
    yield DELIVERIES, _deliveries_by_day(today)


def _orders_by_hour(today: Today) -> Panel:
    orders, _ = charts.at_hours(today.figures["order"], today.start)
    return charts.columns(
        "Orders by hour",
        charts.hours_of(today.start, today.now, address(ORDERS)),
        [Series("submitted", Tone.WAITING, orders)],
        empty="No order has been submitted today.",
        note="Today, UTC",
    )


def _deliveries_by_hour(today: Today) -> Panel:
    ended, failed = charts.at_hours(today.figures["delivery"], today.start)
    return charts.columns(
        "Deliveries by hour",
        charts.hours_of(today.start, today.now, address(DELIVERIES)),
        [Series("delivered", Tone.GOOD, _without(ended, failed)), Series("given up", Tone.BAD, failed)],
        empty="No delivery has ended today.",
        note="Today, UTC, by the hour in which they ended",
    )


def _latency_by_hour(today: Today) -> Panel:
    return charts.ranges(
        "Latency by hour",
        charts.hours_of(today.start, today.now, address(ATTEMPTS)),
        _spans(today.figures["attempt_ms"], today.start),
        empty="No attempt has been made today.",
        note="Today, UTC; half are faster than p50, 95 % than p95",
    )


def _calls_by_hour(today: Today) -> Panel:
    calls, errors = charts.at_hours(today.figures["call"], today.start)
    return charts.columns(
        "API calls by hour",
        charts.hours_of(today.start, today.now, address(CALLS)),
        [Series("answered", Tone.WAITING, _without(calls, errors)), Series("errors", Tone.BAD, errors)],
        empty="No call has been made today.",
        note="Today, UTC; an error is a reply of 400 or above",
    )


def _orders_by_day(today: Today) -> Panel:
    orders, _ = charts.at_days(today.days["order"], today.now, DAYS)
    return charts.columns(
        "Orders by day",
        charts.days_until(today.now, DAYS, address(ORDERS)),
        [Series("submitted", Tone.WAITING, orders)],
        empty=f"No order in the last {DAYS} days.",
        note=f"The last {DAYS} days",
    )


def _deliveries_by_day(today: Today) -> Panel:
    ended, failed = charts.at_days(today.days["delivery"], today.now, DAYS)
    return charts.columns(
        "Deliveries by day",
        charts.days_until(today.now, DAYS, address(DELIVERIES)),
        [Series("delivered", Tone.GOOD, _without(ended, failed)), Series("given up", Tone.BAD, failed)],
        empty=f"No delivery has ended in the last {DAYS} days.",
        note=f"The last {DAYS} days",
    )


def _failing(now: datetime) -> Panel:
    rows = [
        (
            marks.link(reverse("admin:webhooks_webhook_change", args=[quote(row.id)]), marks.clipped(row.url, 48)),
            marks.number(row.failures), marks.when(row.since, now), marks.clipped(row.error, 60),
        )
        for row in state.failing_endpoints()
    ]  # fmt: skip
    return table(
        "Failing endpoints",
        ("Endpoint", "Failures in a row", "Since", "Last error"),
        rows,
        empty="No active endpoint is failing.",
        link=(address(WEBHOOKS, health="failing"), "All of them"),
        wide=False,
    )


def _callers(today: Today) -> Panel:
    calls: dict[str, tuple[int, int]] = {}
    for figure in today.figures["call"]:
        number, bad = calls.get(figure.key, (0, 0))
        calls[figure.key] = number + figure.number, bad + figure.bad
    busiest = sorted(calls.items(), key=lambda item: -item[1][0])[:6]
    names = state.integration_names([key for key, _ in busiest])
    rows = [
        (_integration(key, names), marks.number(number), marks.number(bad), marks.percent(bad, number))
        for key, (number, bad) in busiest
    ]
    return table(
        "Busiest integrations today",
        ("Integration", "Calls", "Errors", "Error rate"),
        rows,
        empty="No call has been made today.",
        link=(address("integrations_integration"), "All integrations"),
        wide=False,
    )


def _integration(key: str, names: dict[str, str]) -> object:
    return (
        marks.link(reverse("admin:integrations_integration_change", args=[quote(key)]), names[key])
        if key in names
        else key
    )


def _spans(times: Sequence[Figure], start: datetime) -> list[tuple[float, float] | None]:
    by_hour: list[list[Figure]] = [[] for _ in range(24)]
    for figure in times:
        by_hour[int((figure.hour - start).total_seconds() // 3600)].append(figure)
    pairs = [(figures.quantile(found, 0.5), figures.quantile(found, 0.95)) for found in by_hour]
    return [(low, high) if low is not None and high is not None else None for low, high in pairs]


def _without(numbers: Sequence[int], bad: Sequence[int]) -> list[int]:
    return [number - one for number, one in zip(numbers, bad, strict=True)]
