from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from webhooks.models import Attempt, Delivery, Event, Lane
from webhooks.tests.calls import call
from webhooks.tests.factories import make_delivery, make_webhook, publish, statuses
from webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
SINCE = "2020-01-01T00:00:00Z"


def replay(client: Client, webhook_id: str, **body: Any) -> Any:
    return call(client, "POST", f"/{webhook_id}/replay", {"since": SINCE} | body)


def test_the_same_events_go_again_under_the_same_id_and_row(
    as_owner: Client, owner: User, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    webhook = make_webhook(owner, receiver.url)
    publish(owner, "order.created", "order.created")
    deliver()
    rows = {delivery.pk: delivery.created_at for delivery in Delivery.objects.all()}
    reply = replay(as_owner, webhook.id)
    assert (reply.status, reply.json) == (202, {"count": 2})
    for delivery in Delivery.objects.all():
        assert (delivery.status, delivery.attempts, delivery.lane) == ("pending", 0, Lane.REPLAY)
        assert delivery.created_at == rows[delivery.pk]
    assert deliver() == 2
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert sorted(ids[:2]) == sorted(ids[2:])
    assert Attempt.objects.count() == 4


def test_events_from_while_it_was_inactive_get_their_delivery(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner, active=False)
    (event_id,) = publish(owner, "order.created")
    webhook.active = True
    webhook.save()
    assert replay(as_owner, webhook.id).json == {"count": 1}
    delivery = Delivery.objects.get()
    assert (delivery.source_id, delivery.status, delivery.payload) == (event_id, "pending", {"orderId": 1})
    assert delivery.next_retry_at


def test_a_dry_run_only_counts(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner, active=False)
    publish(owner, "order.created")
    reply = replay(as_owner, webhook.id, dryRun=True)
    assert (reply.status, reply.json) == (202, {"count": 1})
    assert not Delivery.objects.exists()


def test_only_the_span_the_names_and_the_users_own_events_count(as_owner: Client, owner: User, outsider: User) -> None:
    webhook = make_webhook(owner, events=["order.created", "order.failed"])
    publish(owner, "order.created", "order.failed", "order.updated")
    publish(outsider, "order.created")
    make_delivery(webhook, event="webhook.test", status="delivered", next_retry_at=None)
    Event.objects.filter(name="order.failed").update(created_at=timezone.now() - timedelta(days=2))
    assert replay(as_owner, webhook.id, dryRun=True).json == {"count": 2}
    day_ago = (timezone.now() - timedelta(days=1)).isoformat()
    assert replay(as_owner, webhook.id, dryRun=True, until=day_ago).json == {"count": 1}
    assert call(as_owner, "POST", f"/{webhook.id}/replay", {"since": day_ago, "dryRun": True}).json == {"count": 1}
    assert replay(as_owner, webhook.id, dryRun=True, events=["order.updated"]).json == {"count": 1}


@pytest.mark.parametrize("wanted", ["failed", ["failed"]])
def test_with_a_status_only_deliveries_in_it_go_again(as_owner: Client, owner: User, wanted: object) -> None:
    webhook = make_webhook(owner)
    failed = make_delivery(webhook, status="failed", next_retry_at=None, attempts=5, error="HTTP 500")
    delivered = make_delivery(webhook, status="delivered", next_retry_at=None)
    assert replay(as_owner, webhook.id, status=wanted).json == {"count": 1}
    assert statuses([failed, delivered]) == ["pending", "delivered"]
    assert (failed.attempts, failed.error) == (0, None)


def test_what_is_in_flight_is_left_alone(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    make_delivery(webhook, lease=1, leased_until=timezone.now() + timedelta(seconds=9))
    assert replay(as_owner, webhook.id).json == {"count": 0}
    assert Delivery.objects.get().lease == 1


def test_the_replay_to_an_inactive_webhook_is_held(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner, active=False)
    publish(owner, "order.created")
    assert replay(as_owner, webhook.id).json == {"count": 1}
    assert Delivery.objects.get().next_retry_at is None


@pytest.mark.parametrize("flag", [1, "yes", "true", None])
def test_a_dry_run_is_asked_for_by_true_alone(as_owner: Client, owner: User, flag: object) -> None:
    webhook = make_webhook(owner)
    publish(owner, "order.created")
    assert replay(as_owner, webhook.id, dryRun=flag).status == 400


@pytest.mark.parametrize("narrowing", ["status", "events"])
def test_narrowed_to_nothing_is_not_everything(as_owner: Client, owner: User, narrowing: str) -> None:
    webhook = make_webhook(owner)
    delivery = make_delivery(webhook, status="failed", next_retry_at=None)
    assert replay(as_owner, webhook.id, **{narrowing: []}).status == 400
    assert statuses([delivery]) == ["failed"]


def test_since_is_required(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    delivery = make_delivery(webhook, status="failed", next_retry_at=None)
    reply = call(as_owner, "POST", f"/{webhook.id}/replay", {})
    assert (reply.status, reply.json["details"][0]["path"]) == (400, "/since")
    assert statuses([delivery]) == ["failed"]
