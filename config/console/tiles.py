"""The tiles of the front page: one figure each, and a door to the rows behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.console import state
from config.console.today import (
    ATTEMPTS,
    BATCHES,
    CALLS,
    DELIVERIES,
    ORDERS,
    WEBHOOKS,
    Today,
    address,
    capped,
    quantile,
)
from config.lib.console import marks
from config.lib.console.marks import Tone


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


def tiles(today: Today) -> Iterator[Tile]:
    yield from _order_tiles(today)
    yield _batch_tile(today)
    yield from _delivery_tiles(today)
    yield _queue_tile(today.now)
    yield _endpoint_tile()
    yield _call_tile(today)


def _order_tiles(today: Today) -> Iterator[Tile]:
    submitted, _ = today.total("order")
    yesterday, _ = today.days["order"].get(today.start - timedelta(days=1), (0, 0))
    before = f"{yesterday:,} in all of yesterday"
    yield Tile(ORDERS, "Orders today", f"{submitted:,}", before, address(ORDERS, on=today.day))
    number, oldest = state.awaiting()
    waited = f"the oldest came {marks.relative(oldest, today.now)}" if oldest else "nothing to decide"
    yield Tile(
        ORDERS,
        "Waiting for approval",
        capped(number),
        waited,
        address(ORDERS, status="Pending Approval"),
        Tone.ATTENTION if number else Tone.GOOD,
    )


def _batch_tile(today: Today) -> Tile:
    batches = state.batches(today.start)
    ended = f"{batches.completed:,} completed, {batches.partial:,} partial, {batches.failed:,} failed"
    running = f"{batches.running:,} running, " if batches.running else ""
    return Tile(
        BATCHES,
        "Batches today",
        capped(batches.number),
        running + ended if batches.number else "none has been submitted",
        address(BATCHES, on=today.day),
        hint=f"{batches.rows:,} rows in {'all' if batches.number < state.MOST else 'the newest of them'}",
    )


def _delivery_tiles(today: Today) -> Iterator[Tile]:
    ended, failed = today.total("delivery")
    attempts, bad = today.total("attempt")
    tone = Tone.QUIET if not ended else Tone.GOOD if failed * 100 <= ended else Tone.BAD
    yield Tile(
        DELIVERIES,
        "Delivered today",
        marks.percent(ended - failed, ended),
        f"{ended - failed:,} delivered, {failed:,} given up" if ended else "no delivery has ended",
        address(DELIVERIES, on=today.day),
        tone,
        "The share of deliveries that have ended today.",
    )
    times = today.figures["attempt_ms"]
    yield Tile(
        ATTEMPTS,
        "Latency today",
        quantile(times, 0.95),
        f"p95 of {attempts:,} attempts; p50 {quantile(times, 0.5)}; {bad:,} failed"
        if attempts
        else "no attempt was made",
        address(ATTEMPTS, on=today.day),
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
        capped(queue.due),
        f"{oldest}{queue.in_flight:,} in flight, {capped(queue.scheduled)} scheduled",
        address(DELIVERIES, queue="due"),
        tone,
        "Deliveries whose time has come and that no worker has taken yet.",
    )


def _endpoint_tile() -> Tile:
    active, failing, disabled = state.endpoints()
    return Tile(
        WEBHOOKS,
        "Failing endpoints",
        f"{failing:,}",
        f"of {active:,} active; {disabled:,} disabled by the gateway",
        address(WEBHOOKS, health="failing"),
        Tone.BAD if failing else Tone.GOOD,
        "Active endpoints whose last attempt failed.",
    )


def _call_tile(today: Today) -> Tile:
    calls, errors = today.total("call")
    share = f"{marks.counted(errors, 'error')} ({marks.percent(errors, calls)})"
    return Tile(
        CALLS,
        "API calls today",
        f"{calls:,}",
        f"{share}, p95 {quantile(today.figures['call_ms'], 0.95)}" if calls else "no integration has called yet",
        address(CALLS, on=today.day),
        Tone.ATTENTION if errors else Tone.QUIET,
        "Calls made with integrations' keys; an error is a reply of 400 or above.",
    )
