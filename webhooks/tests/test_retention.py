"""Old events go with all that hangs on them; what is under way stays, whatever its age."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from webhooks.models import Attempt, Delivery, DeliveryStatus, Event
from webhooks.tasks import delete_old_events
from webhooks.tests.factories import make_delivery, make_user, make_webhook


@pytest.fixture
def owner(transactional_db: None) -> User:
    return make_user("owner")


def aged(owner: User, days: float, **fields: Any) -> Delivery:
    """A delivery with one attempt, of an event so many days old; ended unless `fields` say otherwise."""
    ended = {"status": DeliveryStatus.DELIVERED, "next_retry_at": None}
    delivery = make_delivery(make_webhook(owner), **(ended | fields))
    moment = timezone.now() - timedelta(days=days)
    Event.objects.filter(pk=delivery.source_id).update(created_at=moment)
    Attempt.objects.create(delivery=delivery, at=moment, duration_ms=1)
    return delivery


def test_old_events_go_with_their_deliveries_and_attempts(owner: User, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 90
    aged(owner, 91)
    aged(owner, 400, status=DeliveryStatus.FAILED)
    young = aged(owner, 89)
    delete_old_events()
    assert list(Delivery.objects.all()) == [young]
    assert [event.pk for event in Event.objects.all()] == [young.source_id]
    assert [attempt.delivery_id for attempt in Attempt.objects.all()] == [young.pk]


def test_what_is_under_way_stays_and_what_is_held_for_good_goes(owner: User, settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 90
    waiting = aged(owner, 100, status=DeliveryStatus.RETRYING, next_retry_at=timezone.now() + timedelta(days=1))
    aged(owner, 100, status=DeliveryStatus.PENDING)  # of an endpoint that has been inactive all the time
    delete_old_events()
    assert list(Delivery.objects.all()) == [waiting]
