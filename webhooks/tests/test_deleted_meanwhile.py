"""An endpoint is deleted between the moment a caller has read it and the moment something is done to it."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as postgresql
from django.utils import timezone

from config.lib.audit import AuditEntry
from config.lib.errors import NotFound
from webhooks import managed, services
from webhooks.models import Delivery, Event, Webhook
from webhooks.tests.factories import make_delivery, make_webhook
from webhooks.tests.receiver import Received, Receiver, Status

DEEDS: dict[str, Callable[[Webhook], Any]] = {
    "update": lambda webhook: services.update(webhook=webhook, changes={"description": "ERP"}),
    "delete": lambda webhook: services.delete(webhook=webhook),
    "rotate": lambda webhook: services.rotate_secret(webhook=webhook),
    "test": lambda webhook: services.send_test(webhook=webhook),
    "test for an integration": lambda webhook: managed.send_test(webhook.pk),
    "retry failed": lambda webhook: services.retry_failed(webhook=webhook),
    "replay": lambda webhook: services.replay(webhook=webhook, since=timezone.now()),
}


@pytest.mark.django_db
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_whoever_comes_too_late_finds_nothing(owner: User, deed: Callable[[Webhook], Any]) -> None:
    webhook = make_webhook(owner)
    Webhook.objects.filter(pk=webhook.pk).delete()
    with pytest.raises(NotFound, match="Webhook not found"):
        deed(webhook)
    assert not Event.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("max_retries", [None, 1])
def test_a_delivery_that_went_with_its_endpoint_is_not_retried(
    owner: User, receiver: Receiver, max_retries: int | None
) -> None:
    delivery = make_delivery(make_webhook(owner, receiver.url), status="failed", attempts=1, next_retry_at=None)
    Delivery.objects.all().delete()
    with pytest.raises(NotFound, match="Delivery not found"):
        services.retry(delivery=delivery, max_retries=max_retries)
    assert receiver.received == []


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_deleted_while_it_takes_its_time(owner: User, receiver: Receiver) -> None:
    webhook = make_webhook(owner, receiver.url)

    def answer(connection: socket.socket, received: Received) -> bool:
        try:
            Webhook.objects.all().delete()
        finally:
            postgresql.close()
        return Status()(connection, received)

    receiver.answers(answer)
    with pytest.raises(NotFound, match="Delivery not found"):
        services.send_test(webhook=webhook)
