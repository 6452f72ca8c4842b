from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from webhooks.tests.calls import call
from webhooks.tests.factories import make_delivery, make_webhook
from webhooks.tests.receiver import Receiver, Status

pytestmark = pytest.mark.django_db


def test_lists_newest_first_with_every_field(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    now = timezone.now()
    old = make_delivery(webhook, created_at=now - timedelta(hours=1))
    new = make_delivery(webhook, payload={"orderId": 7}, created_at=now)
    make_delivery(make_webhook(owner))
    reply = call(as_owner, "GET", f"/{webhook.id}/deliveries")
    assert (reply.status, reply.headers["X-Total-Count"]) == (200, "2")
    assert [delivery["id"] for delivery in reply.json] == [new.id, old.id]
    assert set(reply.json[0]) == {
        *("id", "webhookId", "eventId", "event", "payload", "status", "attempts", "lastAttemptAt", "nextRetryAt"),
        *("responseCode", "responseBody", "error", "durationMs", "createdAt"),
    }
    assert (reply.json[0]["payload"], reply.json[0]["eventId"]) == ({"orderId": 7}, new.source_id)
    assert reply.json[0]["nextRetryAt"].endswith("Z")


def test_filters_by_status_and_event(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    failed = make_delivery(webhook, status="failed", next_retry_at=None)
    other = make_delivery(webhook, event="order.updated")
    assert ids(as_owner, webhook.id, "?status=failed") == [failed.id]
    assert ids(as_owner, webhook.id, "?event=order.updated") == [other.id]
    assert ids(as_owner, webhook.id, "?status=failed&event=order.updated") == []
    assert set(ids(as_owner, webhook.id, "?status=&event=&limit=50")) == {failed.id, other.id}


def ids(client: Client, webhook_id: str, query: str) -> list[str]:
    return [delivery["id"] for delivery in call(client, "GET", f"/{webhook_id}/deliveries{query}").json]


@pytest.mark.parametrize("query", ["?status=lost", "?event=order.exploded", "?limit=x"])
def test_refuses_filters_that_make_no_sense(as_owner: Client, owner: User, query: str) -> None:
    assert call(as_owner, "GET", f"/{make_webhook(owner).id}/deliveries{query}").status == 400


def test_the_next_retry_is_null_while_in_flight(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    make_delivery(webhook, lease=1)
    assert call(as_owner, "GET", f"/{webhook.id}/deliveries").json[0]["nextRetryAt"] is None


def test_pages_are_bare_arrays_with_links(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    for _ in range(3):
        make_delivery(webhook)
    reply = call(as_owner, "GET", f"/{webhook.id}/deliveries?limit=2")
    assert (len(reply.json), 'rel="next"' in reply.headers["Link"]) == (2, True)


def test_the_number_of_queries_does_not_grow(
    as_owner: Client, owner: User, django_assert_max_num_queries: Callable[..., Callable[[], None]]
) -> None:
    webhook = make_webhook(owner)
    for _ in range(20):
        make_delivery(webhook)
    with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
        assert len(call(as_owner, "GET", f"/{webhook.id}/deliveries").json) == 20


def test_the_detail_shows_every_attempt(as_owner: Client, owner: User, receiver: Receiver) -> None:
    webhook = make_webhook(owner, receiver.url)
    delivery = make_delivery(webhook)
    receiver.answers(Status(500, b"x" * 20_000, (("X-Trace", "1"),)), Status(200, b"fine"))
    path = f"/{webhook.id}/deliveries/{delivery.id}"
    for _ in range(2):
        call(as_owner, "POST", f"{path}/retry")
    reply = call(as_owner, "GET", path)
    assert (reply.status, reply.json["status"], reply.json["attempts"]) == (200, "delivered", 2)
    first, second = reply.json["attemptLog"]
    assert set(first) == {
        *("at", "responseCode", "durationMs", "responseHeaders", "responseBody", "truncated", "error", "remoteIp")
    }
    assert (first["responseCode"], first["truncated"], first["responseHeaders"]["x-trace"]) == (500, True, "1")
    assert first["error"].startswith("HTTP 500: xxx")
    assert (second["responseCode"], second["responseBody"], second["error"]) == (200, "fine", None)
    assert second["remoteIp"] == "127.0.0.1"


def test_unknown_deliveries_are_404(as_owner: Client, owner: User) -> None:
    webhook, elsewhere = make_webhook(owner), make_delivery(make_webhook(owner))
    for id_ in ("del_1_0", elsewhere.id):
        reply = call(as_owner, "GET", f"/{webhook.id}/deliveries/{id_}")
        assert (reply.status, reply.json["message"]) == (404, "Delivery not found")
