from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.utils import timezone

from webhooks import queue
from webhooks.models import Attempt, Delivery, Lane, Webhook
from webhooks.queue import Claimed, Outcome, Patience
from webhooks.tests.factories import make_delivery, make_user, make_webhook, publish

pytestmark = pytest.mark.django_db
PATIENCE = Patience(after_failed=100, min_minutes=60, after_hours=120)


def claim(
    *, now: datetime | None = None, free: int = 100, cap: int = 10, busy: Mapping[str, int] | None = None
) -> list[Claimed]:
    return queue.claim(now=now or timezone.now(), free=free, cap=cap, busy=busy or {}, lease_seconds=20)


def outcome(claimed: Claimed, **fields: Any) -> Outcome:
    """A success, unless told otherwise."""
    ended: dict[str, Any] = {
        "id": claimed.id,
        "lease": claimed.lease,
        "webhook_id": claimed.webhook_id,
        "at": timezone.now(),
        "ok": True,
        "gone": False,
        "status": "delivered",
        "next_retry_at": None,
        "code": 200,
        "body": "ok",
        "error": None,
        "duration_ms": 3,
        "truncated": False,
        "headers": "{}",
        "timings": "{}",
        "remote_ip": "127.0.0.1",
    }
    return Outcome(**(ended | fields))


def failure(claimed: Claimed, **fields: Any) -> Outcome:
    later = timezone.now() + timedelta(hours=1)
    failed: dict[str, Any] = {
        "ok": False,
        "status": "retrying",
        "next_retry_at": later,
        "code": 500,
        "error": "HTTP 500",
    }
    return outcome(claimed, **(failed | fields))


def record(*outcomes: Outcome, now: datetime | None = None) -> list[queue.Disabled]:
    return queue.record(outcomes, now=now or timezone.now(), patience=PATIENCE)


class TestClaiming:
    def test_hands_over_all_that_sending_takes(self, owner: User) -> None:
        webhook = make_webhook(owner, retry_schedule="standard", max_retries=7)
        delivery = make_delivery(webhook, attempts=2)
        (claimed,) = claim()
        assert (claimed.id, claimed.webhook_id, claimed.event_id) == (delivery.id, webhook.id, delivery.source_id)
        assert (claimed.attempts, claimed.schedule, claimed.max_retries) == (2, "standard", 7)
        assert (claimed.url, claimed.former_secret, claimed.event) == (webhook.url, None, "order.created")
        assert claimed.body == bytes(delivery.source.body)
        assert claimed.secret.startswith("gAAAA")

    def test_a_claimed_delivery_is_not_claimed_again_before_its_lease_ends(self, owner: User) -> None:
        delivery = make_delivery(make_webhook(owner))
        now = timezone.now()
        (first,) = claim(now=now)
        assert claim(now=now + timedelta(seconds=19)) == []
        (second,) = claim(now=now + timedelta(seconds=20))
        assert (first.id, second.id) == (delivery.id, delivery.id)
        assert first.lease != second.lease

    def test_a_lease_touches_nothing_that_clients_see(self, owner: User) -> None:
        delivery = make_delivery(make_webhook(owner))
        claim()
        before = delivery.next_retry_at
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts, delivery.next_retry_at) == ("pending", 0, before)

    def test_an_endpoint_gets_no_more_than_its_cap_counting_what_is_in_flight(self, owner: User) -> None:
        webhook = make_webhook(owner)
        publish(owner, *["order.created"] * 20)
        assert len(claim(cap=8, busy={webhook.id: 3})) == 5
        assert claim(cap=8, busy={webhook.id: 8}) == []
        assert len(claim(cap=100)) == 15

    def test_free_places_are_shared_among_those_who_have_something_due(self, owner: User) -> None:
        webhooks = [make_webhook(owner) for _ in range(4)]
        publish(owner, *["order.created"] * 50)
        idle = make_webhook(make_user())
        make_delivery(idle, next_retry_at=timezone.now() + timedelta(hours=1))
        shares = Counter(claimed.webhook_id for claimed in claim(free=40, cap=64))
        assert shares == {webhook.id: 10 for webhook in webhooks}

    def test_no_endpoint_is_always_the_last_where_places_are_few(self, owner: User) -> None:
        for _ in range(4):
            make_webhook(owner)
        publish(owner, *["order.created"] * 40)
        served = {claim(free=1)[0].webhook_id for _ in range(100)}
        assert len(served) == 4

    def test_a_flood_does_not_hide_a_single_delivery_of_another(self, owner: User, outsider: User) -> None:
        make_webhook(owner)
        publish(owner, *["order.created"] * 200)
        single = make_delivery(make_webhook(outsider))
        assert single.id in {claimed.id for claimed in claim(free=20, cap=20)}

    def test_first_attempts_go_before_retries_and_retries_before_replays(self, owner: User) -> None:
        webhook = make_webhook(owner)
        old = timezone.now() - timedelta(hours=1)
        replay = make_delivery(webhook, lane=Lane.REPLAY, next_retry_at=old)
        retry = make_delivery(webhook, lane=Lane.RETRY, next_retry_at=old)
        first = make_delivery(webhook)
        assert [claim(cap=1)[0].id for _ in range(3)] == [first.id, retry.id, replay.id]

    def test_an_endpoint_that_keeps_failing_gets_one_probe_at_a_time(self, owner: User) -> None:
        webhook = make_webhook(owner, failure_count=queue.BREAKER_FAILURES)
        publish(owner, *["order.created"] * 5)
        (probe,) = claim()
        assert claim(busy={webhook.id: 1}) == []
        record(outcome(probe))
        assert len(claim()) == 4

    def test_in_strict_order_one_is_in_flight_and_the_head_blocks_the_rest(self, owner: User) -> None:
        make_webhook(owner, ordered=True)
        ids = publish(owner, *["order.created"] * 3)
        (head,) = claim()
        assert head.event_id == ids[0]
        assert claim() == []
        record(failure(head, next_retry_at=timezone.now() + timedelta(seconds=30)))
        assert claim() == []
        (again,) = claim(now=timezone.now() + timedelta(seconds=31))
        assert again.event_id == ids[0]
        record(outcome(again))
        (following,) = claim()
        assert following.event_id == ids[1]
        record(failure(following, status="failed", next_retry_at=None))
        assert [claimed.event_id for claimed in claim()] == [ids[2]]

    def test_a_paced_endpoint_gets_its_rate_whoever_claims(self, owner: User) -> None:
        make_webhook(owner, rate_limit=10)
        publish(owner, *["order.created"] * 100)
        start = timezone.now()
        per_second = Counter(
            step // 100
            for step in range(300)
            for _ in claim(now=start + timedelta(milliseconds=10 * step), free=100, cap=100)
        )
        assert per_second == {0: 10, 1: 10, 2: 10}

    def test_a_paced_endpoint_does_not_save_up_for_a_burst(self, owner: User) -> None:
        make_webhook(owner, rate_limit=10, next_slot_at=timezone.now() - timedelta(hours=1))
        publish(owner, *["order.created"] * 100)
        assert len(claim()) == 1

    def test_pacing_says_when_to_look_again(self, owner: User) -> None:
        make_webhook(owner, rate_limit=2)
        publish(owner, *["order.created"] * 3)
        now = timezone.now()
        claim(now=now)
        due = queue.next_due(now)
        assert due
        assert 0.4 < (due - now).total_seconds() <= 0.5

    def test_two_workers_never_hold_the_same_delivery(self, transactional_db: None) -> None:
        user = make_user()
        make_webhook(user)
        publish(user, *["order.created"] * 20)
        with transaction.atomic():
            mine = claim(free=5, cap=5)
            other = connections.create_connection("default")
            try:
                with other.cursor() as cursor:
                    cursor.execute(
                        "SELECT id FROM webhook_deliveries WHERE next_retry_at <= now() FOR UPDATE SKIP LOCKED"
                    )
                    theirs = {id_ for (id_,) in cursor.fetchall()}
            finally:
                other.close()
        assert len(theirs) == 15
        assert not theirs & {claimed.id for claimed in mine}
        Webhook.objects.all().delete()

    def test_one_by_id_can_be_claimed_before_it_is_due_but_not_from_other_hands(self, owner: User) -> None:
        later = timezone.now() + timedelta(hours=1)
        delivery = make_delivery(make_webhook(owner), next_retry_at=later)
        claimed = queue.claim_one(delivery.pk, now=timezone.now(), lease_seconds=20)
        assert claimed
        assert queue.claim_one(delivery.pk, now=timezone.now(), lease_seconds=20) is None
        assert queue.claim_one("del_0_0", now=timezone.now(), lease_seconds=20) is None

    def test_the_backlog_of_others_is_not_read(self, owner: User) -> None:
        """The plan, not the clock: whatever the statistics, the claim goes by the queue's own index."""
        make_webhook(owner)
        publish(owner, *["order.created"] * 300)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE webhook_deliveries")
            cursor.execute(f"EXPLAIN {plain(queue._DUE_IN_LANE)} LIMIT 10")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "idx_webhook_deliveries_queue" in plan
        assert "Sort" not in plan


def plain(statement: str) -> str:
    return statement.format(endpoint="'wh_1'").replace("lanes.lane", "0::smallint").replace("%(now)s", "now()")


class TestRecording:
    def test_a_result_under_a_lost_lease_leaves_no_trace(self, owner: User) -> None:
        webhook = make_webhook(owner)
        delivery = make_delivery(webhook)
        now = timezone.now()
        (stopped,) = claim(now=now)  # its process is stopped now, for longer than the lease
        (successor,) = claim(now=now + timedelta(minutes=1))
        record(failure(stopped))
        delivery.refresh_from_db()
        webhook.refresh_from_db()
        assert (delivery.status, delivery.attempts, delivery.lease) == ("pending", 0, successor.lease)
        assert (webhook.failure_count, Attempt.objects.count()) == (0, 0)
        record(outcome(successor))
        record(failure(stopped))
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts, Attempt.objects.count()) == ("delivered", 1, 1)

    def test_counters_follow_the_order_of_results(self, owner: User) -> None:
        webhook = make_webhook(owner, failure_count=7, failed_in_a_row=3, failing_since=timezone.now())
        publish(owner, *["order.created"] * 4)
        a, b, c, d = claim()
        ended = {"status": "failed", "next_retry_at": None}
        record(failure(a, **ended), outcome(b), failure(c, **ended), failure(d))
        webhook.refresh_from_db()
        assert (webhook.failure_count, webhook.failed_in_a_row) == (2, 1)
        assert webhook.failing_since
        assert webhook.last_triggered_at

    def test_failures_add_up_over_batches(self, owner: User) -> None:
        webhook = make_webhook(owner)
        publish(owner, "order.created", "order.created")
        first, second = claim()
        before = timezone.now()
        record(failure(first), now=before)
        record(failure(second), now=before + timedelta(minutes=5))
        webhook.refresh_from_db()
        assert (webhook.failure_count, webhook.failing_since) == (2, before)

    def test_a_retry_of_an_endpoint_deactivated_meanwhile_is_held(self, owner: User) -> None:
        webhook = make_webhook(owner)
        delivery = make_delivery(webhook)
        (claimed,) = claim()
        Webhook.objects.update(active=False)
        record(failure(claimed))
        delivery.refresh_from_db()
        assert (delivery.status, delivery.next_retry_at, delivery.lease) == ("retrying", None, None)

    def test_a_delivery_deleted_meanwhile_is_forgotten(self, owner: User) -> None:
        make_delivery(make_webhook(owner))
        (claimed,) = claim()
        Webhook.objects.all().delete()
        record(outcome(claimed))
        assert not Attempt.objects.exists()

    def test_an_endpoint_is_given_up_after_a_long_streak_of_failed_deliveries(self, owner: User) -> None:
        since = timezone.now() - timedelta(minutes=61)
        webhook = make_webhook(owner, failed_in_a_row=98, failing_since=since, failure_count=490)
        publish(owner, "order.created", "order.created")
        first, second = claim(cap=2, free=2) + claim(cap=2, free=2)
        ended = {"status": "failed", "next_retry_at": None}
        assert record(failure(first, **ended)) == []
        assert record(failure(second, **ended)) == [(webhook.id, "100 deliveries in a row have failed")]

    def test_a_hundred_failures_within_minutes_are_no_reason_yet(self, owner: User) -> None:
        since = timezone.now() - timedelta(minutes=59)
        make_webhook(owner, failed_in_a_row=150, failing_since=since)
        publish(owner, "order.created")
        (claimed,) = claim()
        assert record(failure(claimed, status="failed", next_retry_at=None)) == []

    def test_an_endpoint_is_given_up_after_five_days_without_a_success(self, owner: User) -> None:
        webhook = make_webhook(owner, failing_since=timezone.now() - timedelta(hours=120, minutes=1))
        publish(owner, "order.created", "order.created")
        first, second = claim()
        assert record(failure(first)) == [(webhook.id, "Every attempt has failed for 120 hours")]
        assert record(outcome(second)) == []

    def test_nothing_is_said_twice_of_an_inactive_endpoint(self, owner: User) -> None:
        make_webhook(owner, failing_since=timezone.now() - timedelta(days=9))
        publish(owner, "order.created")
        (claimed,) = claim()
        Webhook.objects.update(active=False)
        assert record(failure(claimed)) == []


def test_what_is_due_is_counted_no_further_than_asked(owner: User) -> None:
    make_webhook(owner)
    publish(owner, *["order.created"] * 5)
    make_delivery(make_webhook(owner, active=False))
    now = timezone.now()
    assert queue.count_due(now, most=100) == 5
    assert queue.count_due(now, most=3) == 3
    claim(now=now)
    assert queue.count_due(now, most=100) == 0
    assert queue.count_due(now + timedelta(seconds=20), most=100) == 5


def test_the_next_moment_of_interest_is_the_earliest_ahead(owner: User) -> None:
    now = timezone.now()
    webhook = make_webhook(owner)
    assert queue.next_due(now) is None
    make_delivery(webhook)
    make_delivery(webhook, next_retry_at=now + timedelta(seconds=9))
    assert queue.next_due(now) == now + timedelta(seconds=9)
    Delivery.objects.all().delete()
    assert queue.next_due(now) is None
