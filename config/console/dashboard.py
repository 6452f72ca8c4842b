"""The front page: how the day goes, true to the moment, and each figure a door to the rows behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.console import state
from config.lib import figures
from config.lib.console import charts, marks
from config.lib.console.charts import Series
from config.lib.console.marks import Tone
from config.lib.console.records import Panel, table
from config.lib.figures import Figure

DAYS = 31
REFRESH_SECONDS = 15
SUBJECTS = ("order", "delivery", "attempt", "attempt_ms", "call", "call_ms")
BY_DAY = ("order", "delivery")
ORDERS, BATCHES = "bulk_orders_order", "bulk_orders_batch"
DELIVERIES, ATTEMPTS, WEBHOOKS = "webhooks_delivery", "webhooks_attempt", "webhooks_webhook"
CALLS = "integrations_usagelog"
VIEW = {
    ORDERS: "bulk_orders.view_order", BATCHES: "bulk_orders.view_batch", DELIVERIES: "webhooks.view_delivery",
    ATTEMPTS: "webhooks.view_attempt", WEBHOOKS: "webhooks.view_webhook", CALLS: "integrations.view_usagelog",
}  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """One figure: what it is, its value, what more there is to know, and the list behind it."""

    of: str
    label: str
    value: str
    detail: str
    href: str
    tone: Tone = Tone.QUIET
    hint: str = ""


@dataclass(frozen=True)
class Today:
    """Everything that the front page knows, read once."""

    now: datetime
    start: datetime
    figures: dict[str, list[Figure]]
    days: dict[str, dict[datetime, tuple[int, int]]]

    def total(self, subject: str) -> tuple[int, int]:
        """(number, bad) of today."""
        found = self.figures[subject]
        return sum(figure.number for figure in found), sum(figure.bad for figure in found)


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Called by unfold for the admin's index."""
    user = request.user
    assert isinstance(user, AbstractUser)
    seen = {name for name, permission in VIEW.items() if user.has_perm(permission)}
    today = read(timezone.now())
    tiles = [tile for tile in _tiles(today) if tile.of in seen]
    panels = [panel for name, panel in _panels(today) if name in seen]
    pulses = state.pulses(today.now)
    dashboard = {"tiles": tiles, "panels": panels, "pulses": pulses, "now": today.now, "refresh": REFRESH_SECONDS}
    return context | {"dashboard": dashboard, "title": "Dashboard"}


def read(now: datetime) -> Today:
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = figures.by_hour(SUBJECTS, since=start)
    days: dict[str, dict[datetime, tuple[int, int]]] = {subject: {} for subject in BY_DAY}
    for figure in figures.by_day(BY_DAY, since=start - timedelta(days=DAYS - 1), until=start):
        days[figure.key][figure.hour] = figure.number, figure.bad
    for subject in BY_DAY:
        found = today[subject]
        days[subject][start] = sum(figure.number for figure in found), sum(figure.bad for figure in found)
    return Today(now, start, today, days)


def address(name: str, **filters: str) -> str:
    return reverse(f"admin:{name}_changelist", query=filters or None)


def _tiles(today: Today) -> Iterator[Tile]:
    day = f"{today.start:%Y-%m-%d}"
    yield from _order_tiles(today, day)
    yield from _delivery_tiles(today, day)
    yield _queue_tile(today.now)
    active, failing, disabled = state.endpoints()
    yield Tile(
        WEBHOOKS,
        "Failing endpoints",
        f"{failing:,}",
        f"of {active:,} active; {disabled:,} disabled by the gateway",
        address(WEBHOOKS, health="failing"),
        Tone.BAD if failing else Tone.GOOD,
        "Active endpoints whose last attempt failed.",
    )
    calls, errors = today.total("call")
    yield Tile(
        CALLS,
        "API calls today",
        f"{calls:,}",
        f"{errors:,} {_errors(errors)} ({marks.percent(errors, calls)}), p95 {_p(today.figures['call_ms'], 0.95)}",
        address(CALLS, on=day),
        Tone.ATTENTION if errors else Tone.QUIET,
        "Calls made with integrations' keys; an error is a reply of 400 or above.",
    )


def _order_tiles(today: Today, day: str) -> Iterator[Tile]:
    submitted, _ = today.total("order")
    yesterday, _ = today.days["order"].get(today.start - timedelta(days=1), (0, 0))
    yield Tile(ORDERS, "Orders today", f"{submitted:,}", f"{yesterday:,} in all of yesterday", address(ORDERS, on=day))
    number, oldest = state.awaiting()
    waited = f"the oldest since {marks.relative(oldest, today.now)}" if oldest else "nothing to decide"
    yield Tile(
        ORDERS,
        "Waiting for approval",
        _capped(number),
        waited,
        address(ORDERS, status="Pending Approval"),
        Tone.ATTENTION if number else Tone.GOOD,
    )
    batches = state.batches(today.start)
    ended = f"{batches.completed:,} completed, {batches.partial:,} partial, {batches.failed:,} failed"
    running = f"{batches.running:,} running, " if batches.running else ""
    yield Tile(
        BATCHES,
        "Batches today",
        f"{batches.number:,}",
        running + ended,
        address(BATCHES, on=day),
        hint=f"{batches.rows:,} rows in all",
    )


def _delivery_tiles(today: Today, day: str) -> Iterator[Tile]:
    ended, failed = today.total("delivery")
    attempts, bad = today.total("attempt")
    tone = Tone.QUIET if not ended else Tone.GOOD if failed * 100 <= ended else Tone.BAD
    yield Tile(
        DELIVERIES,
        "Delivered today",
        marks.percent(ended - failed, ended),
        f"{ended - failed:,} delivered, {failed:,} given up",
        address(DELIVERIES, on=day),
        tone,
        "The share of deliveries that have ended today.",
    )
    times = today.figures["attempt_ms"]
    yield Tile(
        ATTEMPTS,
        "Latency today",
        _p(times, 0.95),
        f"p95 of {attempts:,} attempts; p50 {_p(times, 0.5)}; {bad:,} failed",
        address(ATTEMPTS, on=day),
        hint="From the start of an attempt to its end, within the width of the histogram's steps.",
    )


def _queue_tile(now: datetime) -> Tile:
    queue = state.queue(now)
    late = (now - queue.oldest).total_seconds() if queue.oldest and queue.oldest <= now else 0
    oldest = f"the oldest for {marks.duration(late * 1000)}; " if late else ""
    tone = Tone.GOOD if late < 10 else Tone.ATTENTION if late < 60 else Tone.BAD
    return Tile(
        DELIVERIES,
        "Due now",
        _capped(queue.due),
        f"{oldest}{queue.in_flight:,} in flight, {_capped(queue.scheduled)} scheduled",
        address(DELIVERIES, queue="due"),
        tone,
        "Deliveries whose time has come and that no worker has taken yet.",
    )


def _panels(today: Today) -> Iterator[tuple[str, Panel]]:
    now, start = today.now, today.start
    orders, _ = charts.at_hours(today.figures["order"], start)
    yield (
        ORDERS,
        charts.columns(
            "Orders by hour",
            charts.hours_of(start, now, address(ORDERS)),
            [Series("submitted", Tone.WAITING, orders)],
            empty="No order has been submitted today.",
            note="Today, UTC",
        ),
    )
    ended, failed = charts.at_hours(today.figures["delivery"], start)
    good = [number - bad for number, bad in zip(ended, failed, strict=True)]
    yield (
        DELIVERIES,
        charts.columns(
            "Deliveries by hour",
            charts.hours_of(start, now, address(DELIVERIES)),
            [Series("delivered", Tone.GOOD, good), Series("given up", Tone.BAD, failed)],
            empty="No delivery has ended today.",
            note="Today, UTC, by the hour in which they ended",
        ),
    )
    yield (
        ATTEMPTS,
        charts.ranges(
            "Latency by hour",
            charts.hours_of(start, now, address(ATTEMPTS)),
            _spans(today.figures["attempt_ms"], start),
            empty="No attempt has been made today.",
            note="Today, UTC; half of the attempts are faster than p50, 95 % faster than p95",
        ),
    )
    calls, errors = charts.at_hours(today.figures["call"], start)
    fine = [number - bad for number, bad in zip(calls, errors, strict=True)]
    yield (
        CALLS,
        charts.columns(
            "API calls by hour",
            charts.hours_of(start, now, address(CALLS)),
            [Series("answered", Tone.WAITING, fine), Series("errors", Tone.BAD, errors)],
            empty="No call has been made today.",
            note="Today, UTC",
        ),
    )
    yield WEBHOOKS, _failing(now)
    yield CALLS, _callers(today)
    yield from _month(today)


def _month(today: Today) -> Iterator[tuple[str, Panel]]:
    now = today.now
    orders, _ = charts.at_days(today.days["order"], now, DAYS)
    yield (
        ORDERS,
        charts.columns(
            "Orders by day",
            charts.days_until(now, DAYS, address(ORDERS)),
            [Series("submitted", Tone.WAITING, orders)],
            empty=f"No order in the last {DAYS} days.",
            note=f"The last {DAYS} days",
        ),
    )
    ended, failed = charts.at_days(today.days["delivery"], now, DAYS)
    good = [number - bad for number, bad in zip(ended, failed, strict=True)]
    yield (
        DELIVERIES,
        charts.columns(
            "Deliveries by day",
            charts.days_until(now, DAYS, address(DELIVERIES)),
            [Series("delivered", Tone.GOOD, good), Series("given up", Tone.BAD, failed)],
            empty=f"No delivery has ended in the last {DAYS} days.",
            note=f"The last {DAYS} days",
        ),
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
        empty="Every active endpoint answered its last delivery.",
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


def _p(times: Sequence[Figure], share: float) -> str:
    value = figures.quantile(times, share)
    return "–" if value is None else marks.duration(value)


def _errors(number: int) -> str:
    return "error" if number == 1 else "errors"


def _capped(number: int) -> str:
    return f"{number:,}+" if number >= state.MOST else f"{number:,}"
