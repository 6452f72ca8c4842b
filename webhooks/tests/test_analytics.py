from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from webhooks.models import Webhook
from webhooks.tests.calls import call
from webhooks.tests.factories import make_delivery, make_webhook

pytestmark = pytest.mark.django_db


def ended(webhook: Webhook, status: str, **fields: Any) -> None:
    make_delivery(webhook, status=status, next_retry_at=None, **fields)


def test_sums_up_the_last_days(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    for milliseconds in range(1, 101):
        ended(webhook, "delivered", duration_ms=milliseconds, attempts=1)
    for _ in range(25):
        ended(webhook, "failed", duration_ms=500, attempts=5, error="HTTP 500: oops")
    make_delivery(webhook)
    ended(webhook, "failed", event="webhook.test")
    ended(webhook, "delivered", created_at=timezone.now() - timedelta(days=8))
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
        "durationMs": {"p50": 63, "p95": 500, "p99": 500},
        "topErrors": [{"error": "HTTP 500: oops", "count": 25}],
    }
    assert sum(step["delivered"] for step in series) == 100
    assert sum(step["failed"] for step in series) == 25


def test_short_spans_go_by_the_hour_and_longer_ones_by_the_day(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    noon = timezone.now().replace(hour=12, minute=0) - timedelta(days=1)
    for hours in (0, 1):
        ended(webhook, "delivered", created_at=noon + timedelta(hours=hours))
    assert len(call(as_owner, "GET", f"/{webhook.id}/analytics?days=2").json["series"]) == 2
    (day,) = call(as_owner, "GET", f"/{webhook.id}/analytics?days=3").json["series"]
    assert (day["delivered"], day["at"]) == (2, f"{noon:%Y-%m-%d}T00:00:00Z")


def test_an_idle_webhook_has_no_rates(as_owner: Client, owner: User) -> None:
    figures = call(as_owner, "GET", f"/{make_webhook(owner).id}/analytics").json
    assert (figures["total"], figures["successRate"], figures["attemptsPerDelivery"]) == (0, None, None)
    assert (figures["durationMs"], figures["series"]) == ({"p50": None, "p95": None, "p99": None}, [])


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_refuses_spans_that_make_no_sense(as_owner: Client, owner: User, days: str) -> None:
    assert call(as_owner, "GET", f"/{make_webhook(owner).id}/analytics?days={days}").status == 400
