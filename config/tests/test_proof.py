"""The accounts of a run of chaos: what is whole passes, and every broken promise is named."""

import os
import select
import socket
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from bulk_orders import intake, processing
from config.demo.orders import forms
from config.proof.book import Account, Facts, Seen, recovery_seconds, sent, unfinished
from config.proof.crew import connections_of
from config.proof.receivers import Endpoint, Log
from config.proof.report import table
from webhooks.models import Attempt, Delivery, DeliveryStatus, Webhook

pytestmark = pytest.mark.django_db
ROWS = 50  # of the demo's: two of them wrong


@pytest.fixture
def since() -> datetime:
    return timezone.now()


@pytest.fixture
def batch_id(since: datetime) -> str:
    """A batch that went well, and its deliveries as if they had been sent."""
    user = User.objects.create_user("partner")
    Webhook.objects.create(user=user, url="http://127.0.0.1:9/", events=["order.created", "bulk_order.completed"])
    with transaction.atomic():
        batch, _ = intake.submit(user_id=user.pk, rows=forms(ROWS), limit=ROWS, options=intake.Options(), address=None)
        processing.process_at_once(batch)
    Delivery.objects.update(status=DeliveryStatus.DELIVERED, next_retry_at=None, last_attempt_at=timezone.now())
    return batch.pk


def account(batch_id: str, since: datetime) -> Account:
    must = sent(since)
    seen = Seen.of(must, {webhook: Log(Counter(events), Counter()) for webhook, events in must.items()})
    return Account("test", ROWS, 2, 1, 1, 0, Facts.of([batch_id], since), seen, recovery=1.0)


def test_a_run_without_loss_has_no_faults(batch_id: str, since: datetime) -> None:
    whole = account(batch_id, since)
    assert whole.faults() == []
    assert whole.seen == Seen(requests=49, pairs=49, lost=0, strangers=0)
    assert unfinished() == 0
    assert recovery_seconds(since, timezone.now()) == 0
    assert "test" in table([whole])


def test_what_never_came_and_what_nobody_sent_is_counted() -> None:
    seen = Seen.of({"wh": ["evt_1", "evt_2"]}, {"wh": Log(Counter(evt_2=3, evt_9=1), Counter())})
    assert seen == Seen(requests=4, pairs=2, lost=1, strangers=1)
    assert seen.repeated == 2


def test_what_was_cut_off_is_not_what_was_answered_and_came_again() -> None:
    log = Log(Counter(evt_1=3, evt_2=1, evt_3=2), Counter(evt_1=1, evt_2=1, evt_3=2))
    seen = Seen.of({"wh": ["evt_1", "evt_2", "evt_3"]}, {"wh": log})
    assert (seen.duplicates, seen.cut_off, seen.repeated) == (3, 2, 1)


def test_an_endpoint_knows_which_of_its_answers_nobody_heard() -> None:
    request = b"POST /hook HTTP/1.1\r\nwebhook-id: %s\r\nContent-Length: 2\r\n\r\n{}"
    with Endpoint(delay=0.1) as endpoint:
        host = ("127.0.0.1", int(endpoint.base_url.rpartition(":")[2]))
        with socket.create_connection(host) as patient, socket.create_connection(host) as gone:
            patient.sendall(request % b"evt_1")
            gone.sendall(request % b"evt_2")
            before = endpoint.look()
            gone.close()
            assert patient.recv(4096).startswith(b"HTTP/1.1 200")
            patient.sendall(request % b"evt_1")
            assert patient.recv(4096).startswith(b"HTTP/1.1 200")
            patient.sendall(request % b"evt_3")
            select.select([patient], [], [])  # the answer is there when it dies, but has not been read
        after = endpoint.look()
    assert after.requests == Counter(evt_1=2, evt_2=1, evt_3=1)
    assert after.unheard == Counter(evt_2=1, evt_3=1)
    assert after.since(before).unheard == after.unheard


def test_an_order_without_its_event_is_found(batch_id: str, since: datetime) -> None:
    Delivery.objects.filter(event="order.created").first().source.delete()  # type: ignore[union-attr]
    faults = account(batch_id, since).faults()
    assert "47 events for 48 orders" in faults


def test_a_delivery_that_waits_is_found(batch_id: str, since: datetime) -> None:
    one = Delivery.objects.all()[:1].values("pk")
    Delivery.objects.filter(pk__in=one).update(status=DeliveryStatus.PENDING, next_retry_at=timezone.now())
    assert account(batch_id, since).faults() == ["48 of 49 deliveries are delivered"]
    assert unfinished() == 1


def test_two_recorded_successes_are_a_double_effect(batch_id: str, since: datetime) -> None:
    delivery = Delivery.objects.all()[0]
    for _ in range(2):
        Attempt.objects.create(delivery=delivery, at=timezone.now(), response_code=200, duration_ms=1)
    assert account(batch_id, since).faults() == ["1 deliveries succeeded twice"]


def test_a_batch_that_nobody_submitted_is_found(batch_id: str, since: datetime) -> None:
    lonely = replace(account(batch_id, since), submissions=0)
    assert "0 submissions made 1 batches" in lonely.faults()


def test_what_was_answered_may_not_come_again_whoever_dies(batch_id: str, since: datetime) -> None:
    doubled = replace(account(batch_id, since), seen=Seen(requests=51, pairs=49, lost=0, strangers=0))
    assert doubled.faults() == ["2 answered deliveries came again"]
    assert replace(doubled, kills=1).faults() == ["2 answered deliveries came again"]
    assert replace(doubled, freezes=1, frozen=2).faults() == []


def test_what_is_cut_off_is_excused_by_deaths_and_freezes_only(batch_id: str, since: datetime) -> None:
    doubled = replace(account(batch_id, since), seen=Seen(requests=51, pairs=49, lost=0, strangers=0, cut_off=2))
    assert doubled.faults() == ["2 cut off by 0 deaths, 0 were frozen"]
    assert replace(doubled, kills=1).faults() == []
    many = replace(doubled, kills=1, seen=Seen(requests=149, pairs=49, lost=0, strangers=0, cut_off=100))
    assert many.faults() == ["100 cut off by 1 deaths, 0 were frozen"]


def test_a_freeze_excuses_no_more_than_was_in_flight(batch_id: str, since: datetime) -> None:
    def seen(repeated: int, cut_off: int) -> Seen:
        return Seen(requests=49 + repeated + cut_off, pairs=49, lost=0, strangers=0, cut_off=cut_off)

    frozen = replace(account(batch_id, since), freezes=1, frozen=64, seen=seen(repeated=62, cut_off=2))
    assert frozen.faults() == []
    assert replace(frozen, seen=seen(repeated=62, cut_off=3)).faults() == ["3 cut off by 0 deaths, 64 were frozen"]
    assert replace(frozen, seen=seen(repeated=65, cut_off=0)).faults() == ["65 answered deliveries came again"]


def test_connections_are_counted_by_whose_they_are_and_where_they_lead() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        address, port = server.getsockname(), server.getsockname()[1]
        with socket.create_connection(address), socket.create_connection(address):
            assert connections_of(os.getpid(), {port}) == 2
            assert connections_of(os.getpid(), {other.getsockname()[1]}) == 0
            assert connections_of(os.getppid(), {port}) == 0
        assert connections_of(os.getpid(), {port}) == 0


def test_a_slow_recovery_and_trouble_are_faults(batch_id: str, since: datetime) -> None:
    slow = replace(account(batch_id, since), recovery=31.0, trouble=("it did not drain",))
    assert slow.faults() == ["it did not drain", "recovery took 31.0 s"]
