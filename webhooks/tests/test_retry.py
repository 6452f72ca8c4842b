from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import TextField, Value
from django.db.models.functions import Cast
from django.test import Client
from django.utils import timezone

from webhooks import services
from webhooks.models import Delivery, Webhook
from webhooks.tests.calls import call
from webhooks.tests.factories import make_delivery, make_webhook, statuses
from webhooks.tests.receiver import Receiver, Status

pytestmark = pytest.mark.django_db


def path(delivery: Delivery, query: str = "") -> str:
    return f"/{delivery.webhook_id}/deliveries/{delivery.pk}/retry{query}"


def test_makes_one_attempt_now_and_tells_its_outcome(as_owner: Client, owner: User, receiver: Receiver) -> None:
    later = timezone.now() + timedelta(hours=5)
    delivery = make_delivery(make_webhook(owner, receiver.url), status="retrying", attempts=2, next_retry_at=later)
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.status, reply.json["success"]) == (200, True)
    assert reply.json["message"] == "Webhook retried successfully"
    shown = reply.json["delivery"]
    assert (shown["id"], shown["status"], shown["attempts"]) == (delivery.id, "delivered", 3)
    assert shown["nextRetryAt"] is None
    assert receiver.received[0].headers["webhook-id"] == delivery.source_id
    assert Delivery.objects.count() == 1


def test_after_a_failed_attempt_the_schedule_goes_on(as_owner: Client, owner: User, receiver: Receiver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), attempts=2, status="retrying")
    receiver.answers(Status(500))
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.status, reply.json["success"]) == (200, False)
    assert reply.json["message"] == "Webhook retry failed: HTTP 500: ok"
    assert (reply.json["delivery"]["status"], reply.json["delivery"]["attempts"]) == ("retrying", 3)
    assert reply.json["delivery"]["nextRetryAt"]


def test_beyond_the_schedule_it_stays_failed_and_without_a_cap_is_tried_all_the_same(
    as_owner: Client, owner: User, receiver: Receiver
) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), attempts=7, status="failed", next_retry_at=None)
    receiver.answers(Status(500))
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.json["delivery"]["status"], reply.json["delivery"]["attempts"]) == ("failed", 8)
    assert len(receiver.received) == 1


def test_at_the_cap_no_attempt_is_made(as_owner: Client, owner: User, receiver: Receiver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), attempts=5, status="failed", next_retry_at=None)
    reply = call(as_owner, "POST", path(delivery, "?maxRetries=5"))
    assert (reply.status, reply.json["success"]) == (200, False)
    assert reply.json["message"] == "Webhook retry failed: Max retries (5) exceeded"
    assert (reply.json["delivery"]["status"], reply.json["delivery"]["attempts"]) == ("failed", 5)
    assert reply.json["delivery"]["error"] == "Max retries (5) exceeded"
    assert receiver.received == []
    assert call(as_owner, "POST", path(delivery, "?maxRetries=6")).json["success"]


def test_the_cap_leaves_a_delivery_on_schedule_as_it_is(as_owner: Client, owner: User, receiver: Receiver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), attempts=2, status="retrying", error="HTTP 500")
    reply = call(as_owner, "POST", path(delivery, "?maxRetries=2"))
    assert not reply.json["success"]
    assert reply.json["message"] == "Webhook retry failed: Max retries (2) exceeded"
    assert (reply.json["delivery"]["status"], reply.json["delivery"]["error"]) == ("retrying", "HTTP 500")
    assert receiver.received == []


def test_force_does_not_lift_the_cap_and_claims_no_success(as_owner: Client, owner: User, receiver: Receiver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), status="delivered", attempts=1, next_retry_at=None)
    reply = call(as_owner, "POST", path(delivery, "?force=true&maxRetries=1"))
    assert (reply.status, reply.json["success"]) == (200, False)
    assert reply.json["message"] == "Webhook retry failed: Max retries (1) exceeded"
    assert (reply.json["delivery"]["status"], reply.json["delivery"]["error"]) == ("delivered", None)
    assert receiver.received == []


def test_a_delivered_one_is_sent_again_only_by_force(as_owner: Client, owner: User, receiver: Receiver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), status="delivered", attempts=1, next_retry_at=None)
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.status, reply.json["code"]) == (409, "already_delivered")
    assert receiver.received == []
    reply = call(as_owner, "POST", path(delivery, "?force=true"))
    assert (reply.status, reply.json["success"], reply.json["delivery"]["attempts"]) == (200, True, 2)


def test_what_is_delivered_after_the_caller_has_read_it_is_not_sent_again(owner: User, receiver: Receiver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    Delivery.objects.update(status="delivered", next_retry_at=None)
    with pytest.raises(services.AlreadyDelivered):
        services.retry(delivery=delivery)
    assert receiver.received == []


def test_a_secret_that_no_key_opens_is_a_failed_attempt_that_says_so(
    as_owner: Client, owner: User, receiver: Receiver
) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    Webhook.objects.update(secret=Cast(Value("no token"), TextField()))
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.status, reply.json["success"], reply.json["delivery"]["attempts"]) == (200, False, 1)
    assert reply.json["delivery"]["error"] == "No key in FIELD_ENCRYPTION_KEYS opens this value"
    assert receiver.received == []
    delivery.refresh_from_db()
    assert (delivery.status, delivery.lease) == ("retrying", None)


def test_one_in_flight_is_left_to_its_worker(as_owner: Client, owner: User, receiver: Receiver) -> None:
    until = timezone.now() + timedelta(seconds=20)
    delivery = make_delivery(make_webhook(owner, receiver.url), lease=7, leased_until=until)
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.status, reply.json["code"]) == (409, "in_flight")
    assert receiver.received == []
    delivery.refresh_from_db()
    assert delivery.lease == 7


def test_a_held_delivery_of_an_inactive_webhook_can_be_sent_and_stays_held(
    as_owner: Client, owner: User, receiver: Receiver
) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url, active=False), next_retry_at=None)
    receiver.answers(Status(500), Status(200))
    reply = call(as_owner, "POST", path(delivery))
    assert (reply.json["delivery"]["status"], reply.json["delivery"]["nextRetryAt"]) == ("retrying", None)
    assert call(as_owner, "POST", path(delivery)).json["success"]


@pytest.mark.parametrize(
    "query",
    [f"?maxRetries={number}" for number in ("0", "x", "99999999999", "6.0", "1_0", "%2B6", "٥")] + ["?force=maybe"],
)
def test_refuses_parameters_that_make_no_sense(as_owner: Client, owner: User, receiver: Receiver, query: str) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    assert call(as_owner, "POST", path(delivery, query)).status == 400
    assert receiver.received == []


def test_the_path_must_name_the_deliverys_own_webhook(as_owner: Client, owner: User, receiver: Receiver) -> None:
    delivery, other = make_delivery(make_webhook(owner, receiver.url)), make_webhook(owner, receiver.url)
    reply = call(as_owner, "POST", f"/{other.id}/deliveries/{delivery.id}/retry")
    assert (reply.status, reply.json["message"]) == (404, "Delivery not found")
    assert receiver.received == []


def test_retry_failed_makes_all_failed_ones_due(as_owner: Client, owner: User) -> None:
    webhook, other = make_webhook(owner), make_webhook(owner)
    ended = {"status": "failed", "next_retry_at": None, "error": "HTTP 500"}
    failed = [make_delivery(webhook, attempts=number, **ended) for number in (1, 2, 5)]
    elsewhere = make_delivery(other, **ended)
    a_test = make_delivery(webhook, event="webhook.test", **ended)
    reply = call(as_owner, "POST", f"/{webhook.id}/retry-failed")
    assert (reply.status, reply.json["success"]) == (200, True)
    assert reply.json["message"] == "Retried 3 failed deliveries"
    assert reply.json["results"] == [
        {"id": one.id, "status": "retrying", "attempts": one.attempts, "error": "HTTP 500"} for one in failed
    ]
    assert statuses([*failed, elsewhere, a_test]) == ["retrying"] * 3 + ["failed"] * 2
    assert all(one.next_retry_at and one.next_retry_at <= timezone.now() for one in failed)


def test_retry_failed_can_be_capped(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    failed = [make_delivery(webhook, attempts=n, status="failed", next_retry_at=None) for n in (4, 5)]
    reply = call(as_owner, "POST", f"/{webhook.id}/retry-failed?maxRetries=5")
    assert reply.json["message"] == "Retried 1 failed deliveries"
    assert statuses(failed) == ["retrying", "failed"]


@pytest.mark.parametrize("query", ["maxRetries=abc", "maxRetries=0", "maxRetries=1.5", "maxRetries=", "force=abc"])
def test_retry_failed_refuses_parameters_that_make_no_sense(as_owner: Client, owner: User, query: str) -> None:
    webhook = make_webhook(owner)
    delivery = make_delivery(webhook, status="failed", next_retry_at=None)
    reply = call(as_owner, "POST", f"/{webhook.id}/retry-failed?{query}")
    assert (reply.status, reply.json["code"]) == (400, "validation_error")
    assert statuses([delivery]) == ["failed"]


def test_retry_failed_of_an_inactive_webhook_is_held(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner, active=False)
    delivery = make_delivery(webhook, status="failed", next_retry_at=None)
    call(as_owner, "POST", f"/{webhook.id}/retry-failed")
    assert statuses([delivery]) == ["retrying"]
    assert delivery.next_retry_at is None


def test_retry_failed_lists_the_first_hundred_only(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    for _ in range(120):
        make_delivery(webhook, status="failed", next_retry_at=None)
    reply = call(as_owner, "POST", f"/{webhook.id}/retry-failed")
    assert reply.json["message"] == "Retried 120 failed deliveries"
    assert len(reply.json["results"]) == 100


def test_retry_failed_with_nothing_failed(as_owner: Client, owner: User) -> None:
    reply = call(as_owner, "POST", f"/{make_webhook(owner).id}/retry-failed")
    assert (reply.json["message"], reply.json["results"]) == ("Retried 0 failed deliveries", [])
