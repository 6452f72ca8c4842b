"""The log of calls: its list, its roll-up, its retention"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from config.lib import ledgers
from integrations import usage
from integrations.models import Integration, UncountedCall, UsageDay, UsageHour, UsageLog
from integrations.reports import usage_summary
from integrations.tasks import delete_old_usage, roll_up_usage
from integrations.tests.factories import an_integration, key_of


def a_call(integration: Integration, *, counts: bool = True, **facts: Any) -> None:
    values: dict[str, Any] = {
        "endpoint": "/api/orders",
        "method": "GET",
        "status_code": 200,
        "milliseconds": 5,
        "error": None,
        **facts,
    }
    usage.log(usage.Call(integration_id=integration.pk, **values), counts=counts)()


def test_lists_calls_newest_first(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    a_call(integration, endpoint="/api/first")
    a_call(integration, endpoint="/api/second", method="POST", status_code=409, milliseconds=12, error="Conflict")
    UsageLog.objects.filter(endpoint="/api/first").update(timestamp=timezone.now() - timedelta(hours=1))
    body = as_owner.get(f"/api/integrations/{integration.pk}/usage").json()
    assert body[0] == {
        "id": body[0]["id"],
        "integrationId": integration.pk,
        "endpoint": "/api/second",
        "method": "POST",
        "statusCode": 409,
        "responseTime": 12,
        "timestamp": body[0]["timestamp"],
        "error": "Conflict",
    }
    assert (body[1]["endpoint"], body[1]["error"]) == ("/api/first", None)


def test_a_page_holds_100_unless_asked_otherwise(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    for _ in range(101):
        a_call(integration)
    path = f"/api/integrations/{integration.pk}/usage"
    page = as_owner.get(path)
    assert (len(page.json()), page.headers["X-Total-Count"]) == (100, "101")
    assert len(as_owner.get(f"{path}?limit=2").json()) == 2


@pytest.mark.parametrize("path", ["usage", "usage/summary"])
def test_an_outsider_reads_nothing(as_outsider: Client, owner: User, path: str) -> None:
    integration = an_integration(owner)
    a_call(integration)
    assert as_outsider.get(f"/api/integrations/{integration.pk}/{path}").status_code == 404
    assert key_of(integration).get(f"/api/integrations/{integration.pk}/{path}").status_code == 403
    assert Client().get(f"/api/integrations/{integration.pk}/{path}").status_code == 401


def test_the_roll_up_counts_every_call_once(owner: User) -> None:
    busy, idle = an_integration(owner), an_integration(owner)
    updated_at = busy.updated_at
    for _ in range(3):
        a_call(busy)
    a_call(busy, counts=False, status_code=401)
    roll_up_usage()
    roll_up_usage()
    busy.refresh_from_db()
    idle.refresh_from_db()
    last = UsageLog.objects.filter(status_code=200).latest("timestamp").timestamp
    assert (busy.usage_count, busy.last_used_at, busy.updated_at) == (3, last, updated_at)
    assert (idle.usage_count, idle.last_used_at) == (0, None)
    assert not UncountedCall.objects.exists()


def test_a_later_roll_up_never_dates_the_last_use_back(owner: User) -> None:
    integration = an_integration(owner, last_used_at=timezone.now() + timedelta(hours=1), usage_count=2_147_483_646)
    for _ in range(3):
        a_call(integration)
    usage.roll_up()
    last_used_at = integration.last_used_at
    integration.refresh_from_db()
    assert (integration.last_used_at, integration.usage_count) == (last_used_at, 2_147_483_647)


def test_two_roll_ups_do_not_meet(owner: User, transactional_db: None) -> None:
    a_call(an_integration(owner))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [usage.ROLLUP_LOCK])
        assert usage.roll_up() == 0
        assert UncountedCall.objects.exists()
    finally:
        other.close()


def test_a_call_of_an_integration_that_is_gone_is_dropped(owner: User) -> None:
    integration = an_integration(owner)
    Integration.objects.all().delete()
    a_call(integration)
    assert not UsageLog.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_old_calls_are_deleted(owner: User, settings: Any) -> None:
    settings.USAGE_RETENTION_DAYS = 30
    integration = an_integration(owner)
    for _ in range(5):
        a_call(integration, endpoint="/api/old")
    UsageLog.objects.update(timestamp=timezone.now() - timedelta(days=30, seconds=1))
    a_call(integration, endpoint="/api/new")
    delete_old_usage()
    assert UsageLog.objects.get().endpoint == "/api/new"


def test_the_summary_counts_by_endpoint_and_day(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    for milliseconds in range(1, 101):
        a_call(integration, milliseconds=milliseconds)
    for ident in ("wh_1767225600000_0123456789abcdef", "wh_1767225600001_0123456789abcdef"):
        a_call(integration, endpoint=f"/api/webhooks/{ident}/test", method="POST", status_code=500, milliseconds=300)
    a_call(integration, endpoint="/api/too/old")
    UsageLog.objects.filter(endpoint="/api/too/old").update(timestamp=timezone.now() - timedelta(days=8))
    today = timezone.now().date().isoformat()
    assert as_owner.get(f"/api/integrations/{integration.pk}/usage/summary").json() == {
        "days": 7,
        "calls": 102,
        "errors": 2,
        "errorRate": 0.0196,
        "responseTime": {"p50": 51, "p95": 97},
        "byEndpoint": [
            {"endpoint": "/api/orders", "method": "GET", "calls": 100, "errors": 0, "p95": 95},
            {"endpoint": "/api/webhooks/{id}/test", "method": "POST", "calls": 2, "errors": 2, "p95": 295},
        ],
        "byDay": [{"day": today, "calls": 102, "errors": 2}],
    }


NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def calls_at(integration: Integration, **hours: tuple[float, ...]) -> None:
    """Calls of paths, so many hours before NOW; the first of each went well."""
    for path, all_ago in hours.items():
        for number, ago in enumerate(all_ago):
            UsageLog.objects.create(
                integration=integration,
                endpoint=f"/api/{path}/{number}",
                method="GET",
                status_code=200 + 200 * bool(number),
                response_time=20 * number,
                timestamp=NOW - timedelta(hours=ago),
            )


@pytest.mark.parametrize(("days", "calls"), [(1, 5), (7, 6), (35, 7), (36, 8), (365, 8)])
def test_the_summary_is_the_same_before_and_after_calls_are_counted(owner: User, days: int, calls: int) -> None:
    integration, other = an_integration(owner), an_integration(owner)
    calls_at(integration, orders=(0.01, 0.02, 3, 30), batches=(0.01, 5, 300, 860))
    calls_at(other, orders=(0.01, 5))
    told = usage_summary(integration_id=integration.pk, days=days, now=NOW)
    assert told["calls"] == sum(day["calls"] for day in told["byDay"]) == calls
    assert {(row["endpoint"], row["method"]) for row in told["byEndpoint"]} <= {
        ("/api/orders/{id}", "GET"),
        ("/api/batches/{id}", "GET"),
    }
    for minutes in (-3, -1, 0, 1, 34, 70, 1500):
        ledgers.roll_up(now=NOW + timedelta(minutes=minutes))
        assert usage_summary(integration_id=integration.pk, days=days, now=NOW) == told


def test_the_figures_of_an_integration_go_with_it(owner: User) -> None:
    integration = an_integration(owner)
    calls_at(integration, orders=(1, 30))
    ledgers.roll_up(now=NOW + timedelta(days=1))
    assert (UsageHour.objects.count(), UsageDay.objects.count()) == (2, 2)
    integration.delete()
    ledgers.roll_up(now=NOW + timedelta(days=2))
    assert not UsageHour.objects.exists()
    assert not UsageDay.objects.exists()


def test_figures_are_kept_as_long_as_they_are_asked_for(owner: User) -> None:
    integration = an_integration(owner)
    calls_at(integration, orders=(1,))
    for days, hours_and_days in ((1, (1, 1)), (37, (0, 1)), (369, (0, 0))):
        ledgers.roll_up(now=NOW + timedelta(days=days))
        assert (UsageHour.objects.count(), UsageDay.objects.count()) == hours_and_days


def test_a_path_without_end_is_cut(owner: User) -> None:
    integration = an_integration(owner)
    a_call(integration, endpoint="/api/" + "é" * 5000)
    ledgers.roll_up(now=timezone.now() + timedelta(hours=1))
    assert len(UsageHour.objects.get().endpoint) == 200


def test_the_summary_of_no_calls_is_empty(as_owner: Client, owner: User) -> None:
    response = as_owner.get(f"/api/integrations/{an_integration(owner).pk}/usage/summary?days=30")
    assert response.json() == {
        "days": 30,
        "calls": 0,
        "errors": 0,
        "errorRate": 0,
        "responseTime": {"p50": None, "p95": None},
        "byEndpoint": [],
        "byDay": [],
    }


@pytest.mark.parametrize("days", ["0", "366", "x", "-1", "1.5", "%F0%9F%98%80"])
def test_the_summary_refuses_other_periods(as_owner: Client, owner: User, days: str) -> None:
    path = f"/api/integrations/{an_integration(owner).pk}/usage/summary?days={days}"
    assert as_owner.get(path).status_code == 400
