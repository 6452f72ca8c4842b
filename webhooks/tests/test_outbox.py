import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from config.lib.postgresql.statements import execute
from config.lib.valkey import client
from webhooks import nudge, outbox
from webhooks.events import EventName
from webhooks.models import Delivery, Event, Lane
from webhooks.tests.factories import make_webhook, publish

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def test_records_the_event_and_a_delivery_for_each_endpoint_that_wants_it(owner: User) -> None:
    first, second = (make_webhook(owner, events=["order.created", "order.failed"]) for _ in range(2))
    event_id = outbox.publish(user_id=owner.pk, name=EventName.ORDER_CREATED, data={"orderId": 7}, now=NOW)
    event = Event.objects.get()
    assert (event.id, event.name, event.data, event.created_at) == (event_id, "order.created", {"orderId": 7}, NOW)
    deliveries = Delivery.objects.all()
    assert {delivery.webhook_id for delivery in deliveries} == {first.pk, second.pk}
    for delivery in deliveries:
        assert delivery.id.startswith("del_")
        assert (delivery.source_id, delivery.event, delivery.payload) == (event_id, "order.created", {"orderId": 7})
        assert (delivery.status, delivery.attempts, delivery.next_retry_at) == ("pending", 0, NOW)
        assert (delivery.lane, delivery.lease, delivery.created_at) == (Lane.FIRST, None, NOW)


def test_the_body_is_compact_json_with_the_events_time(owner: User) -> None:
    data = {"amount": Decimal("100.10"), "name": "Zoë"}
    event_id = outbox.publish(user_id=owner.pk, name=EventName.ORDER_CREATED, data=data, now=NOW)
    body = bytes(Event.objects.get().body).decode()
    assert body == (
        f'{{"id":"{event_id}","event":"order.created","timestamp":"2026-01-05T09:30:00Z",'
        '"data":{"amount":100.10,"name":"Zoë"}}'
    )
    assert json.loads(body)["id"] == event_id


def test_endpoints_that_are_inactive_unsubscribed_or_of_others_hear_nothing(owner: User, outsider: User) -> None:
    make_webhook(owner, active=False)
    make_webhook(owner, events=["order.failed"])
    make_webhook(outsider)
    publish(owner, "order.created")
    assert Event.objects.count() == 1
    assert not Delivery.objects.exists()


def test_deliveries_of_an_ordered_endpoint_queue_in_the_order_of_events(owner: User) -> None:
    webhook = make_webhook(owner, ordered=True, events=["order.created", "order.updated"])
    ids = publish(owner, *["order.created", "order.updated"] * 50)
    deliveries = Delivery.objects.filter(webhook=webhook).order_by("sequence")
    assert [delivery.source_id for delivery in deliveries] == ids
    assert {delivery.lane for delivery in deliveries} == {Lane.ORDERED}


def test_publishing_outside_a_transaction_is_refused(transactional_db: None) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        outbox.publish(user_id=1, name=EventName.ORDER_CREATED, data={})
    assert not Event.objects.exists()


def test_what_is_rolled_back_tells_nobody(owner: User) -> None:
    make_webhook(owner)
    with transaction.atomic():
        publish(owner, "order.created")
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_publishing_nothing_does_nothing(owner: User) -> None:
    with transaction.atomic():
        assert outbox.publish_many([]) == []
    assert not Event.objects.exists()


@pytest.mark.parametrize("number", [1, 500])
def test_the_number_of_events_does_not_change_the_number_of_statements(
    owner: User, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_webhook(owner)
    statements: list[str] = []

    def counted(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        statements.append(statement)
        return execute(statement, parameters)

    monkeypatch.setattr(outbox, "execute", counted)
    publish(owner, *["order.created"] * number)
    assert len(statements) == 1
    assert Delivery.objects.count() == number


def test_a_thousand_publishes_in_a_transaction_ring_once(owner: User, django_capture_on_commit_callbacks: type) -> None:
    make_webhook(owner)
    with django_capture_on_commit_callbacks() as callbacks:
        for _ in range(1000):
            publish(owner, "order.created")
    assert callbacks[0] is nudge.ring
    assert len(callbacks) == 2, "the other one tells those who watch"


def test_events_that_nobody_wants_ring_no_bell(owner: User, django_capture_on_commit_callbacks: type) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        publish(owner, "order.created")
    assert nudge.ring not in callbacks


def test_a_commit_is_heard_by_those_who_listen(owner: User, django_capture_on_commit_callbacks: type) -> None:
    make_webhook(owner)
    with client().pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(nudge.CHANNEL)
        pubsub.get_message(timeout=5)
        with django_capture_on_commit_callbacks(execute=True):
            publish(owner, "order.created")
        assert pubsub.get_message(timeout=5)["type"] == "message"
