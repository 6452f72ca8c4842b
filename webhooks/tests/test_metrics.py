"""What the queue and the endpoints look like to whoever watches, and the counters of attempts."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from config.lib.metrics.scrape import exposition
from config.lib.metrics.truths import DatabaseTruths
from webhooks import metrics, queue
from webhooks.models import DeliveryStatus
from webhooks.tests.factories import make_delivery, make_webhook


def figures() -> dict[str, float]:
    lines = exposition([DatabaseTruths(metrics.TRUTHS)]).decode().splitlines()
    told = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    assert not [name for name in told if name.startswith("gateway_scrape_failed")]
    return told


def waiting(webhook: Any, seconds: float, **fields: Any) -> None:
    due = timezone.now() - timedelta(seconds=seconds)
    make_delivery(webhook, **{"status": DeliveryStatus.PENDING, "next_retry_at": due} | fields)


def test_an_empty_system_has_zeros_and_no_gaps(db: None) -> None:
    told = figures()
    states = {f'gateway_webhook_queue{{state="{state}"}}' for state in ("due", "in_flight", "scheduled")}
    assert {told[state] for state in states} == {0}
    assert told["gateway_webhook_oldest_due_seconds"] == 0
    assert told['gateway_webhook_endpoints{state="broken"}'] == 0


def test_deliveries_are_due_in_flight_or_scheduled(owner: User) -> None:
    webhook = make_webhook(owner)
    waiting(webhook, 30)
    waiting(webhook, 10)
    waiting(webhook, -60, status=DeliveryStatus.RETRYING)
    waiting(webhook, 20, lease=1, leased_until=timezone.now() + timedelta(seconds=9))
    waiting(webhook, 0, status=DeliveryStatus.DELIVERED, next_retry_at=None)
    told = figures()
    counts = [told[f'gateway_webhook_queue{{state="{state}"}}'] for state in ("due", "in_flight", "scheduled")]
    assert counts == [2, 1, 1]
    assert 20 <= told["gateway_webhook_oldest_due_seconds"] < 300


def test_a_broken_or_paced_endpoints_backlog_is_not_ours(owner: User) -> None:
    waiting(make_webhook(owner, failure_count=queue.BREAKER_FAILURES), 9000)
    waiting(make_webhook(owner, rate_limit=1), 8000)
    waiting(make_webhook(owner), 30)
    assert figures()["gateway_webhook_oldest_due_seconds"] < 300


def test_endpoints_are_counted_by_state(owner: User) -> None:
    make_webhook(owner)
    make_webhook(owner, failure_count=1)
    make_webhook(owner, failure_count=queue.BREAKER_FAILURES)
    make_webhook(owner, active=False)
    make_webhook(owner, active=False, disabled_at=timezone.now(), disabled_reason="410")
    told = figures()
    states = ("healthy", "failing", "broken", "inactive", "disabled")
    assert [told[f'gateway_webhook_endpoints{{state="{state}"}}'] for state in states] == [1, 1, 1, 1, 1]


def test_attempts_are_counted_by_what_they_made_of_their_delivery(db: None) -> None:
    now = timezone.now()
    one = queue.Outcome(
        "del_1", 1, "wh_1", now, True, False, "delivered", None, 200, "", None, 40, False, "{}", "{}", None
    )
    before = figures()
    metrics.attempted([one, one._replace(id="del_2"), one._replace(id="del_3", status="retrying", duration_ms=9000)])
    after = figures()

    def more(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert more('gateway_webhook_attempts_total{outcome="delivered"}') == 2
    assert more('gateway_webhook_attempts_total{outcome="retrying"}') == 1
    assert more('gateway_webhook_attempt_seconds_bucket{le="0.05"}') == 2
    assert more("gateway_webhook_attempt_seconds_count") == 3
