"""Today, read once: what the front page's tiles and charts are made of, and the lists behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.urls import reverse

from config.console import state
from config.lib import figures
from config.lib.console import marks
from config.lib.figures import Figure

DAYS = 31
SUBJECTS = ("order", "delivery", "attempt", "attempt_ms", "call", "call_ms")
BY_DAY = ("order", "delivery")
# Lists of the console.
ORDERS, BATCHES = "bulk_orders_order", "bulk_orders_batch"
DELIVERIES, ATTEMPTS, WEBHOOKS = "webhooks_delivery", "webhooks_attempt", "webhooks_webhook"
CALLS = "integrations_usagelog"


@dataclass(frozen=True)
class Today:
    """Everything that the front page knows, read once."""

    now: datetime
    start: datetime
    figures: dict[str, list[Figure]]
    days: dict[str, dict[datetime, tuple[int, int]]]

    @property
    def day(self) -> str:
        """As lists are narrowed by it."""
        return f"{self.start:%Y-%m-%d}"

    def total(self, subject: str) -> tuple[int, int]:
        """(number, bad) of today."""
        found = self.figures[subject]
        return sum(figure.number for figure in found), sum(figure.bad for figure in found)


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


def quantile(times: Sequence[Figure], share: float) -> str:
    value = figures.quantile(times, share)
    return "–" if value is None else marks.duration(value)


def capped(number: int) -> str:
    return f"{number:,}+" if number >= state.MOST else f"{number:,}"
