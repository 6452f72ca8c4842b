"""Figures of one endpoint: what has ended, how fast, and what went wrong, whether counted already or not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.lib import ledgers
from webhooks.analytics import analytics
from webhooks.figures import ERRORS_AN_HOUR
from webhooks.models import Attempt, Delivery, Webhook, WebhookHour
from webhooks.tests.calls import call
from webhooks.tests.factories import make_delivery, make_webhook

pytestmark = pytest.mark.django_db


NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def ended(webhook: Webhook, status: str, *, at: datetime | None = None, took: int = 5, **fields: Any) -> Delivery:
    """A delivery that ended with an attempt at `at`."""
    at = at or timezone.now()
    delivery = make_delivery(webhook, status=status, next_retry_at=None, last_attempt_at=at, **fields)
    Attempt.objects.create(delivery=delivery, at=at, duration_ms=took, error=fields.get("error"))
    return delivery


def test_sums_up_the_last_days(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    for milliseconds in range(1, 101):
        ended(webhook, "delivered", took=milliseconds, attempts=1)
    for _ in range(25):
        ended(webhook, "failed", took=500, attempts=5, error="HTTP 500: oops")
    make_delivery(webhook)
    ended(webhook, "failed", event="webhook.test")
    ended(webhook, "delivered", at=timezone.now() - timedelta(days=8))
    ended(make_webhook(owner), "failed")
    reply = call(as_owner, "GET", f"/{webhook.id}/analytics")
    assert reply.status == 200
    figures = reply.json
    series = figures.pop("series")
    assert figures == {
        "days": 7,
        "total": 126,
        "delivered": 100,
        "failed": 25,
        "pending": 1,
        "successRate": 0.8,
        "attemptsPerDelivery": 1.8,
        "durationMs": {"p50": 62, "p95": 450, "p99": 490},
        "topErrors": [{"error": "HTTP 500: oops", "count": 25}],
    }
    assert sum(step["delivered"] for step in series) == 100
    assert sum(step["failed"] for step in series) == 25


def test_short_spans_go_by_the_hour_and_longer_ones_by_the_day(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    noon = timezone.now().replace(hour=12, minute=0) - timedelta(days=1)
    for hours in (0, 1):
        ended(webhook, "delivered", at=noon + timedelta(hours=hours))
    assert len(call(as_owner, "GET", f"/{webhook.id}/analytics?days=2").json["series"]) == 2
    (day,) = call(as_owner, "GET", f"/{webhook.id}/analytics?days=3").json["series"]
    assert (day["delivered"], day["at"]) == (2, f"{noon:%Y-%m-%d}T00:00:00Z")


def test_they_are_the_same_before_and_after_they_are_counted(owner: User) -> None:
    webhook = make_webhook(owner)
    for hours in (0, 1, 1, 30, 200):
        ended(webhook, "delivered", at=NOW - timedelta(hours=hours, seconds=30), took=hours, attempts=1)
    for minutes in (1, 2, 100):
        ended(webhook, "failed", at=NOW - timedelta(minutes=minutes), attempts=5, error=f"HTTP {500 + minutes % 2}")
    told = analytics(webhook, days=7, now=NOW)
    assert (told["total"], told["delivered"], told["attemptsPerDelivery"]) == (7, 4, 2.71)
    assert told["topErrors"] == [{"error": "HTTP 500", "count": 2}, {"error": "HTTP 501", "count": 1}]
    for minutes in (-3, -1, 0, 1, 34, 70, 1500):
        ledgers.roll_up(now=NOW + timedelta(minutes=minutes))
        assert analytics(webhook, days=7, now=NOW) == told
    assert WebhookHour.objects.count() == 5


def test_an_hour_keeps_its_most_frequent_errors_only(owner: User) -> None:
    webhook = make_webhook(owner)
    for number in range(ERRORS_AN_HOUR + 5):
        ended(webhook, "failed", at=NOW, error=f"HTTP 500: {number:02}")
    ended(webhook, "failed", at=NOW, error="HTTP 500: 24")
    ledgers.roll_up(now=NOW + timedelta(hours=1))
    assert len(WebhookHour.objects.get().errors) == ERRORS_AN_HOUR
    assert analytics(webhook, days=1, now=NOW)["topErrors"][0] == {"error": "HTTP 500: 24", "count": 2}


def test_what_waits_is_counted_whether_due_or_held(owner: User) -> None:
    webhook = make_webhook(owner)
    make_delivery(webhook)
    make_delivery(webhook, status="retrying", next_retry_at=None)
    make_delivery(webhook, event="webhook.test", next_retry_at=None)
    figures = analytics(webhook, days=7)
    assert (figures["total"], figures["pending"], figures["delivered"]) == (2, 2, 0)


def test_the_figures_of_an_endpoint_go_with_it(owner: User) -> None:
    webhook = make_webhook(owner)
    ended(webhook, "delivered", at=NOW)
    ledgers.roll_up(now=NOW + timedelta(hours=1))
    webhook.delete()
    ledgers.roll_up(now=NOW + timedelta(hours=2))
    assert not WebhookHour.objects.exists()


def test_an_idle_webhook_has_no_rates(as_owner: Client, owner: User) -> None:
    figures = call(as_owner, "GET", f"/{make_webhook(owner).id}/analytics").json
    assert (figures["total"], figures["successRate"], figures["attemptsPerDelivery"]) == (0, None, None)
    assert (figures["durationMs"], figures["series"]) == ({"p50": None, "p95": None, "p99": None}, [])


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_refuses_spans_that_make_no_sense(as_owner: Client, owner: User, days: str) -> None:
    assert call(as_owner, "GET", f"/{make_webhook(owner).id}/analytics?days={days}").status == 400
