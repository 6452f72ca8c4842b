import json
import socket
import threading
import time

import pytest
from django.contrib.auth.models import User
from django.db import connection as postgresql
from django.test import Client
from structlog.contextvars import get_contextvars

from webhooks import sender, services, signing
from webhooks.models import Delivery, Event
from webhooks.tests.calls import call
from webhooks.tests.factories import SECRET, make_webhook
from webhooks.tests.receiver import Received, Receiver, Status
from webhooks.transport import Request, Transport

pytestmark = pytest.mark.django_db


def test_sends_a_signed_test_and_tells_the_real_outcome(as_owner: Client, owner: User, receiver: Receiver) -> None:
    webhook = make_webhook(owner, receiver.url, events=["order.failed"])
    reply = call(as_owner, "POST", f"/{webhook.id}/test")
    delivery = Delivery.objects.get()
    assert reply.status == 200
    assert reply.json == {
        "success": True,
        "message": "Test event sent successfully",
        "delivery": {"id": delivery.id, "status": "delivered", "responseCode": 200, "error": None},
    }
    (received,) = receiver.received
    signing.verify(SECRET, received.headers, received.body)
    body = json.loads(received.body)
    assert (body["event"], body["id"]) == ("webhook.test", received.headers["webhook-id"])
    assert (body["data"]["test"], body["data"]["webhookId"]) == (True, webhook.id)
    assert body["data"]["timestamp"].endswith("Z")
    assert delivery.attempt_log.count() == 1
    assert get_contextvars()["delivery_id"] == delivery.id, "the log of the request names its delivery"


def test_a_failing_target_is_told_with_200_and_never_retried(as_owner: Client, owner: User, receiver: Receiver) -> None:
    webhook = make_webhook(owner, receiver.url)
    receiver.answers(Status(500, b"no"))
    reply = call(as_owner, "POST", f"/{webhook.id}/test")
    assert (reply.status, reply.json["success"]) == (200, False)
    assert reply.json["message"] == "Test event failed: HTTP 500: no"
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.next_retry_at, delivery.attempts) == ("failed", None, 1)


def test_tests_touch_no_counter(as_owner: Client, owner: User, receiver: Receiver) -> None:
    webhook = make_webhook(owner, receiver.url, failure_count=3)
    receiver.answers(Status(200), Status(500))
    for _ in range(2):
        call(as_owner, "POST", f"/{webhook.id}/test")
    webhook.refresh_from_db()
    assert (webhook.failure_count, webhook.last_triggered_at, webhook.failed_in_a_row) == (3, None, 0)


def test_works_while_inactive_and_goes_to_that_endpoint_alone(
    as_owner: Client, owner: User, receiver: Receiver
) -> None:
    webhook = make_webhook(owner, receiver.url, active=False)
    make_webhook(owner, receiver.url, events=["webhook.test"])
    assert call(as_owner, "POST", f"/{webhook.id}/test").json["success"]
    assert [received.headers["x-webhook-id"] for received in receiver.received] == [webhook.id]


def test_a_refused_address_is_told(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner, "http://10.0.0.1/")
    reply = call(as_owner, "POST", f"/{webhook.id}/test")
    assert not reply.json["success"]
    assert "private or reserved" in reply.json["message"]


def test_too_many_at_once_are_turned_away(
    as_owner: Client, owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender.sender(), "_places", threading.BoundedSemaphore(1))
    webhook = make_webhook(owner, receiver.url)
    with sender.sender().place():
        reply = call(as_owner, "POST", f"/{webhook.id}/test")
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (503, "busy", "5")
    assert receiver.received == []
    assert not Event.objects.exists()
    assert call(as_owner, "POST", f"/{webhook.id}/test").status == 200


@pytest.mark.django_db(transaction=True)
def test_no_connection_to_postgresql_is_held_while_an_endpoint_takes_its_time(owner: User, receiver: Receiver) -> None:
    webhook, before, after = make_webhook(owner, receiver.url), _backend(), []

    def answer(connection: socket.socket, received: Received) -> bool:
        after.append(_ends(before))
        return Status()(connection, received)

    receiver.answers(answer)
    assert services.send_test(webhook=webhook).status == "delivered"
    assert after == [True]


def _backend() -> int:
    with postgresql.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _ends(backend: int) -> bool:
    """Whether a server process ends; it is given a moment."""
    try:
        with postgresql.cursor() as cursor:
            for _ in range(200):
                cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [backend])
                if not cursor.fetchall():
                    return True
                time.sleep(0.01)
        return False
    finally:
        postgresql.close()


def test_a_slow_send_does_not_hold_up_another(transport: Transport, receiver: Receiver) -> None:
    with Receiver() as slow:
        slow.answers(Status(delay=1.5))
        one = sender.Sender(transport)
        waiting = threading.Thread(target=one.send, args=(Request(None, slow.url, (), b""),))
        waiting.start()
        slow.wait_for(1)
        assert one.send(Request(None, receiver.url, (), b"")).ok
        assert waiting.is_alive()
        waiting.join()
        one.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_leaves_nobody_waiting_and_the_next_call_works(receiver: Receiver) -> None:
    with Receiver() as slow:
        slow.answers(Status(delay=5))
        one, ended = sender.sender(), []
        waiting = threading.Thread(target=lambda: ended.append(one.send(Request(None, slow.url, (), b""))))
        waiting.start()
        slow.wait_for(1)
        assert one.send(Request(None, receiver.url, [7], b"")).failure == sender.BROKEN  # type: ignore[list-item]
        waiting.join()
    assert [reply.failure for reply in ended] == [sender.BROKEN]
    assert sender.sender().send(Request(None, receiver.url, (), b"")).ok
    one.close()
