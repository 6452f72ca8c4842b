"""Figures by the hour: what is counted, once, and true to the moment."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from bulk_orders import orders
from bulk_orders.models import Batch, Order
from bulk_orders.tests.forms import order_form
from config.console import state, tiles
from config.console.tests.world import World, make_batch
from config.console.today import read
from config.lib import figures, ledgers
from config.lib.figures import Figure, HourFigure
from config.lib.ledgers import FigureMark
from config.lib.tasks import roll_up_figures
from webhooks import services
from webhooks.models import Attempt, Delivery, DeliveryStatus


def submitted(user: User, at: datetime) -> None:
    order = orders.submit(user_id=user.pk, form=order_form(), address=None)
    Order.objects.filter(pk=order.pk).update(submitted_at=at)


def total(subject: str, since: datetime) -> tuple[int, int]:
    found = figures.by_hour([subject], since=since)[subject]
    return sum(figure.number for figure in found), sum(figure.bad for figure in found)


NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


def test_figures_are_true_before_and_after_they_are_counted(partner: User) -> None:
    for minutes in (0, 5, 90, 600):
        submitted(partner, NOW - timedelta(minutes=minutes))
    assert total("order", MIDNIGHT) == (3, 0)
    for later in (0, 1, 70, 600):
        ledgers.roll_up(now=NOW + timedelta(minutes=later))
        assert total("order", MIDNIGHT) == (3, 0)
        assert total("order", MIDNIGHT - timedelta(days=1)) == (4, 0)


def test_what_is_committed_late_is_counted_when_its_hour_is_sealed(partner: User) -> None:
    ledgers.roll_up(now=NOW)
    submitted(partner, NOW - timedelta(minutes=1))  # behind the mark
    assert total("order", MIDNIGHT) == (0, 0)
    ledgers.roll_up(now=NOW + timedelta(minutes=36))
    assert total("order", MIDNIGHT) == (1, 0)


def test_a_day_is_the_sum_of_its_hours(partner: User) -> None:
    for hours in (25, 26, 30, 60):
        submitted(partner, NOW - timedelta(hours=hours))
    ledgers.roll_up(now=NOW)
    days = figures.by_day(["order"], since=MIDNIGHT - timedelta(days=5), until=MIDNIGHT)
    assert [(figure.hour, figure.number) for figure in days] == [
        (MIDNIGHT - timedelta(days=3), 1),
        (MIDNIGHT - timedelta(days=1), 3),
    ]


def test_deliveries_attempts_and_calls_are_counted_by_whose_they_are(world: World) -> None:
    since = timezone.now() - timedelta(hours=2)
    found = figures.by_hour(["delivery", "attempt", "call"], since=since)
    assert [(f.key, f.number, f.bad) for f in found["delivery"]] == [(world.webhook.pk, 2, 1)]
    assert [(f.key, f.number, f.bad) for f in found["attempt"]] == [(world.webhook.pk, 2, 1)]
    assert [(f.key, f.number, f.bad) for f in found["call"]] == [(world.integration.pk, 1, 0)]
    assert figures.by_hour(["call"], since=since, key="another")["call"] == []


def test_a_replayed_delivery_is_counted_once_whenever_figures_are_rolled_up(world: World) -> None:
    since, now = timezone.now() - timedelta(hours=2), timezone.now()
    ledgers.roll_up(now=now)
    services.replay(webhook=world.webhook, since=since)
    tried = [(now + timedelta(seconds=1), "HTTP 503"), (now + timedelta(seconds=2), None)]
    for at, error in tried:
        Attempt.objects.create(delivery=world.delivery, at=at, duration_ms=5, error=error)
    again = Delivery.objects.filter(pk=world.delivery.pk)
    again.update(status=DeliveryStatus.DELIVERED, attempts=2, last_attempt_at=tried[1][0], next_retry_at=None)
    once = (1, 0)  # the one that had failed waits to be sent again
    assert total("delivery", since) == once
    ledgers.roll_up(now=now + timedelta(hours=2))
    assert total("delivery", since) == once
    ledgers.recount(now=now)
    assert total("delivery", since) == once


@pytest.mark.parametrize(
    ("took", "bound"), [(0, 1), (1, 1), (2, 2), (4, 5), (12, 15), (30_000, 30_000), (99_999, 30_000)]
)
def test_durations_are_counted_below_their_bound(world: World, took: int, bound: int) -> None:
    Attempt.objects.all().update(duration_ms=took)
    found = figures.by_hour(["attempt_ms"], since=timezone.now() - timedelta(hours=2))["attempt_ms"]
    assert [(figure.key, figure.number) for figure in found] == [(str(bound), 2)]


def test_quantiles_lie_between_the_bounds() -> None:
    spread = [Figure(NOW, "10", 50, 0), Figure(NOW, "100", 50, 0)]
    assert figures.quantile(spread, 0.5) == 10
    assert figures.quantile(spread, 0.95) == pytest.approx(97)
    assert figures.quantile([], 0.5) is None


def test_counting_again_starts_from_nothing(partner: User) -> None:
    roll_up_figures()
    HourFigure.objects.create(subject="order", hour=ledgers.start_of("hour", timezone.now()), key="", number=9, bad=0)
    submitted(partner, timezone.now() - timedelta(days=3))
    call_command("recount_figures")
    assert total("order", timezone.now() - timedelta(days=4)) == (1, 0)
    assert FigureMark.objects.count() == len(ledgers.ledgers())


def test_of_endless_batches_the_front_page_counts_the_newest(partner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def tile() -> tiles.Tile:
        return next(each for each in tiles.tiles(read(timezone.now())) if each.label == "Batches today")

    make_batch(partner, order_form(), order_form())
    newest = make_batch(partner, order_form())
    Batch.objects.filter(pk=newest.pk).update(created_at=newest.created_at + timedelta(seconds=1))
    assert (tile().value, tile().hint) == ("2", "3 rows in all")
    monkeypatch.setattr(state, "MOST", 1)
    assert (tile().value, tile().hint) == ("1+", "1 rows in the newest of them")
