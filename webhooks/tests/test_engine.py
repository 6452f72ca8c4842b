import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from webhooks import metrics, signing
from webhooks.models import Attempt, Delivery, DeliveryStatus, Lane, Webhook
from webhooks.tests.factories import SECRET, make_delivery, make_webhook, publish, statuses
from webhooks.tests.receiver import Raw, Receiver, Status, reset

pytestmark = pytest.mark.django_db
Deliver = Callable[[], int]


def make_due(*deliveries: Delivery) -> None:
    """What waiting would do."""
    ids = [delivery.pk for delivery in deliveries]
    Delivery.objects.filter(pk__in=ids, next_retry_at__isnull=False).update(next_retry_at=timezone.now())


def delay_of(delivery: Delivery) -> float:
    """Seconds from the last attempt to the next."""
    assert delivery.next_retry_at
    assert delivery.last_attempt_at
    return (delivery.next_retry_at - delivery.last_attempt_at).total_seconds()


def test_the_id_of_the_request_travels_to_the_endpoint(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    make_webhook(owner, receiver.url)
    with bound_contextvars(request_id="from-the-partner"):
        publish(owner, "order.created")
    with bound_contextvars(request_id=None):
        publish(owner, "order.created")
    assert deliver() == 2
    assert {received.headers.get("x-request-id") for received in receiver.received} == {"from-the-partner", None}


def test_the_log_leads_from_the_request_to_its_deliveries(
    owner: User, receiver: Receiver, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "webhooks.delivery")
    webhook = make_webhook(owner, receiver.url)
    with bound_contextvars(request_id="from-the-partner"):
        publish(owner, "order.created")
    receiver.answers(Status(410, b"none of a log's business"))
    assert deliver() == 1
    (line,) = [vars(record) for record in caplog.records if record.getMessage() == "webhook_attempt"]
    assert (line["request_id"], line["delivery_id"]) == ("from-the-partner", webhook.deliveries.get().pk)
    assert (line["levelname"], line["status"], line["response_code"]) == ("WARNING", "failed", 410)
    assert "business" not in str(line)


def test_attempts_are_counted_once_they_are_recorded(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    make_webhook(owner, receiver.url)
    publish(owner, "order.created")
    count = metrics.ATTEMPTS.labels("delivered")._value
    before = count.get()
    assert deliver() == 1
    assert count.get() == before + 1


def test_delivers_a_signed_request(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    webhook = make_webhook(owner, receiver.url)
    (event_id,) = publish(owner, "order.created")
    assert deliver() == 1
    (received,) = receiver.received
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-webhook-event"] == "order.created"
    assert received.headers["x-webhook-id"] == webhook.id
    assert received.headers["webhook-id"] == event_id
    assert received.headers["x-webhook-timestamp"] == received.headers["webhook-timestamp"]
    assert received.headers["x-webhook-signature"] == signing.sign_body(SECRET, received.body)
    assert received.headers["user-agent"].startswith("PartnerGateway")
    signing.verify(SECRET, received.headers, received.body)
    assert json.loads(received.body)["data"] == {"orderId": 1}


def test_a_success_ends_the_delivery_and_is_logged(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    webhook = make_webhook(owner, receiver.url, failure_count=3, failing_since=timezone.now(), failed_in_a_row=2)
    delivery = make_delivery(webhook)
    receiver.answers(Status(201, b"thanks", (("X-Trace", "7"),)))
    before = timezone.now()
    assert deliver() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.next_retry_at, delivery.lease) == ("delivered", 1, None, None)
    assert (delivery.response_code, delivery.response_body, delivery.error) == (201, "thanks", None)
    assert delivery.last_attempt_at
    assert before <= delivery.last_attempt_at <= timezone.now()
    (attempt,) = Attempt.objects.all()
    assert (attempt.delivery_id, attempt.response_code, attempt.response_body) == (delivery.pk, 201, "thanks")
    assert (attempt.response_headers["x-trace"], attempt.remote_ip) == ("7", "127.0.0.1")
    assert (attempt.truncated, attempt.error, attempt.at) == (False, None, delivery.last_attempt_at)
    assert set(attempt.timings) == {"name", "connect", "tls", "reply", "total"}
    webhook.refresh_from_db()
    assert (webhook.failure_count, webhook.failed_in_a_row, webhook.failing_since) == (0, 0, None)
    assert webhook.last_triggered_at
    assert webhook.last_triggered_at >= before


def test_a_failure_is_retried_after_its_delay(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    webhook = make_webhook(owner, receiver.url)
    delivery = make_delivery(webhook)
    receiver.answers(Status(500, b"oh no"))
    assert deliver() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.lease, delivery.lane) == ("retrying", 1, None, Lane.RETRY)
    assert (delivery.response_code, delivery.error) == (500, "HTTP 500: oh no")
    assert 1 <= delay_of(delivery) <= 1.2
    webhook.refresh_from_db()
    assert (webhook.failure_count, webhook.last_triggered_at) == (1, None)
    assert webhook.failing_since


def test_an_exponential_schedule_ends_after_five_attempts(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(500))
    delays = []
    for _ in range(10):
        make_due(delivery)
        deliver()
        delivery.refresh_from_db()
        if delivery.next_retry_at:
            delays.append(delay_of(delivery))
    assert (delivery.status, delivery.attempts, delivery.next_retry_at) == ("failed", 5, None)
    assert len(receiver.received) == Attempt.objects.count() == 5
    for delay, planned in zip(delays, [1, 2, 4, 8], strict=True):
        assert planned <= delay <= planned * 1.2
    webhook = Webhook.objects.get()
    assert (webhook.failure_count, webhook.failed_in_a_row, webhook.active) == (5, 1, True)


def test_every_attempt_has_the_same_id_and_its_own_timestamp(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(500), Status(200))
    deliver()
    make_due(delivery)
    deliver()
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.source_id
    assert first.body == second.body
    signing.verify(SECRET, second.headers, second.body)
    assert statuses([delivery]) == ["delivered"]


@pytest.mark.parametrize(("schedule", "maximum"), [("exponential", 2), ("standard", 3)])
def test_the_webhooks_own_maximum_counts(
    owner: User, receiver: Receiver, deliver: Deliver, schedule: str, maximum: int
) -> None:
    webhook = make_webhook(owner, receiver.url, retry_schedule=schedule, max_retries=maximum)
    delivery = make_delivery(webhook, attempts=maximum - 2)
    receiver.answers(Status(500))
    deliver()
    assert statuses([delivery]) == ["retrying"]
    make_due(delivery)
    deliver()
    assert statuses([delivery]) == ["failed"]


def test_the_standard_schedule_waits_by_its_steps(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url, retry_schedule="standard"), attempts=2)
    receiver.answers(Status(500))
    deliver()
    delivery.refresh_from_db()
    assert 1800 <= delay_of(delivery) <= 2160


@pytest.mark.parametrize(("code", "waits"), [(429, True), (503, True), (500, False)])
def test_retry_after_is_obeyed_with_429_and_503(
    owner: User, receiver: Receiver, deliver: Deliver, code: int, waits: bool
) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(code, b"", (("Retry-After", "3600"),)))
    deliver()
    delivery.refresh_from_db()
    assert delay_of(delivery) == 3600 if waits else delay_of(delivery) < 2
    assert delivery.error == f"HTTP {code}"


def test_410_disables_the_endpoint_and_holds_the_rest(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    webhook = make_webhook(owner, receiver.url, ordered=True)
    first, second = (make_delivery(webhook, lane=Lane.ORDERED) for _ in range(2))
    receiver.answers(Status(410))
    assert deliver() == 1
    webhook.refresh_from_db()
    assert (webhook.active, webhook.disabled_reason) == (False, "The endpoint answered 410 Gone")
    assert webhook.disabled_at
    assert statuses([first, second]) == ["failed", "pending"]
    assert second.next_retry_at is None
    assert first.next_retry_at is None


def test_the_owners_other_endpoints_hear_of_a_disabled_one(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    other = make_webhook(owner, events=["webhook.disabled"], url="https://nowhere.invalid/")
    webhook = make_webhook(owner, receiver.url, events=["order.created", "webhook.disabled"])
    make_delivery(webhook)
    receiver.answers(Status(410))
    deliver()
    (told,) = Delivery.objects.filter(event="webhook.disabled")
    assert told.webhook_id == other.id
    assert told.payload["webhookId"] == webhook.id
    assert told.payload["reason"] == "The endpoint answered 410 Gone"


def test_an_address_that_may_not_be_called_fails_for_good(owner: User, deliver: Deliver, receiver: Receiver) -> None:
    webhook = make_webhook(owner, f"http://10.255.255.1:{receiver.port}/")
    delivery = make_delivery(webhook)
    assert deliver() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.next_retry_at) == ("failed", 1, None)
    assert "private or reserved" in (delivery.error or "")
    assert receiver.received == []


@pytest.mark.parametrize("answer", [reset, Raw((b"garbage\r\n",))])
def test_broken_replies_are_retried(
    owner: User, receiver: Receiver, deliver: Deliver, answer: Callable[..., bool]
) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(answer)
    deliver()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.response_code, delivery.response_body) == ("retrying", None, None)
    assert delivery.error


def test_cookies_that_an_endpoint_sets_are_not_kept(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(headers=(("Set-Cookie", "session=of-our-partner"), ("X-Trace", "7"))))
    deliver()
    headers = Attempt.objects.get().response_headers
    assert (headers["set-cookie"], headers["x-trace"]) == ("[redacted]", "7")


def test_replies_that_no_column_can_hold_are_mended(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(500, b"a\x00b\xff\xed\xa0\x80", (("X-Odd", "caf\xe9"),)))
    deliver()
    delivery.refresh_from_db()
    assert delivery.response_body == "a\ufffdb\ufffd\ufffd\ufffd\ufffd"
    assert Attempt.objects.get().response_headers["x-odd"] == "café"


@pytest.mark.parametrize(
    "head", [b"X-Nul: a\x00b", b"X-\x00: 1", b"X-Raw: \xff\xfe\x01", b"X-Fold: a\r\n \x00b", b"\xed\xa0\x80: 1"]
)
def test_no_header_is_too_odd_to_be_recorded(owner: User, receiver: Receiver, deliver: Deliver, head: bytes) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Raw((b"HTTP/1.1 500 Oh\xff\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n",)))
    assert deliver() == 1
    assert statuses([delivery]) == ["retrying"]


def test_a_long_reply_is_cut_and_marked(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(500, b"x" * 100_000))
    deliver()
    delivery.refresh_from_db()
    assert delivery.response_body == "x" * 16384
    assert delivery.error == "HTTP 500: " + "x" * 200
    assert Attempt.objects.get().truncated


def test_only_what_is_due_is_sent(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    webhook = make_webhook(owner, receiver.url)
    later = timezone.now() + timedelta(hours=1)
    waiting = make_delivery(webhook, status=DeliveryStatus.RETRYING, next_retry_at=later)
    held = make_delivery(webhook, next_retry_at=None)
    inactive = make_delivery(make_webhook(owner, receiver.url, active=False))
    assert deliver() == 0
    assert receiver.received == []
    assert statuses([waiting, held, inactive]) == ["retrying", "pending", "pending"]


def test_a_delivery_in_other_hands_is_left_alone_until_its_lease_ends(
    owner: User, receiver: Receiver, deliver: Deliver
) -> None:
    webhook = make_webhook(owner, receiver.url)
    soon = timezone.now() + timedelta(seconds=20)
    delivery = make_delivery(webhook, lease=1, leased_until=soon)
    assert deliver() == 0
    Delivery.objects.update(leased_until=timezone.now())  # its worker was killed, and time has passed
    assert deliver() == 1
    assert statuses([delivery]) == ["delivered"]


def test_a_backlog_over_many_endpoints_is_worked_off_whole(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    for _ in range(5):
        make_webhook(owner, receiver.url)
    publish(owner, *["order.created"] * 300)
    assert deliver() == 1500
    assert Delivery.objects.filter(status="delivered").count() == Attempt.objects.count() == 1500
    assert len(receiver.received) == 1500
    assert Webhook.objects.filter(failure_count=0).count() == 5


def test_both_secrets_sign_until_the_grace_ends(owner: User, receiver: Receiver, deliver: Deliver) -> None:
    former = signing.generate_secret()
    now = timezone.now()
    graced = make_webhook(owner, receiver.url, previous_secret=former, previous_secret_until=now + timedelta(hours=1))
    expired = make_webhook(owner, receiver.url, previous_secret=former, previous_secret_until=now)
    make_delivery(graced)
    make_delivery(expired)
    deliver()
    by_webhook = {received.headers["x-webhook-id"]: received for received in receiver.received}
    signing.verify(former, by_webhook[graced.id].headers, by_webhook[graced.id].body)
    for webhook in (graced, expired):
        signing.verify(SECRET, by_webhook[webhook.id].headers, by_webhook[webhook.id].body)
    with pytest.raises(signing.InvalidSignature):
        signing.verify(former, by_webhook[expired.id].headers, by_webhook[expired.id].body)


def test_a_secret_that_no_key_opens_fails_its_delivery_and_no_other(
    owner: User, receiver: Receiver, deliver: Deliver, settings: Any
) -> None:
    lost = make_delivery(make_webhook(owner, receiver.url))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    sent = make_delivery(make_webhook(owner, receiver.url))
    assert deliver() == 2
    assert statuses([lost, sent]) == ["retrying", "delivered"]
    assert len(receiver.received) == 1
    assert "key" in str(Attempt.objects.get(delivery=lost).error)
