"""Who waits for whom: publishers, engines and people want an endpoint's row at the same time."""

from collections.abc import Callable
from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import TextField, Value
from django.db.models.functions import Cast
from django.utils import timezone

from webhooks import managed, outbox, services
from webhooks.disabling import disable
from webhooks.models import Webhook
from webhooks.queue import claim
from webhooks.tests.factories import SECRET, make_delivery, make_managed, make_webhook

pytestmark = pytest.mark.django_db(transaction=True)
WAITS_FOR_A_ROW = "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"


def beside_us(deed: Callable[[], object]) -> Thread:
    """Begin a deed on a connection of its own; return when it has ended, or waits for a row."""

    def run() -> None:
        try:
            with transaction.atomic():
                deed()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    while thread.is_alive() and not _somebody_waits():
        pass
    return thread


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITS_FOR_A_ROW)
        return bool(cursor.fetchall())


def _publish(owner: User) -> None:
    outbox.publish(user_id=owner.pk, name="order.created", data={"orderId": 1})


def _keep(webhook: Webhook) -> None:
    managed.keep_managed(
        integration_id=str(webhook.integration_id),
        user_id=webhook.user_id,
        url=webhook.url,
        secret=SECRET,
        events=["order.failed"],
        active=True,
    )


DEEDS: dict[str, Callable[[Webhook], object]] = {
    "disable": lambda webhook: disable(webhook_id=webhook.pk, reason="410", now=timezone.now()),
    "rotate": lambda webhook: services.rotate_secret(webhook=webhook),
    "keep": _keep,
    "retry failed": lambda webhook: services.retry_failed(webhook=webhook),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_whoever_changes_an_endpoint_waits_for_no_publisher(owner: User, deed: Callable[[Webhook], object]) -> None:
    webhook = make_managed(owner)
    with transaction.atomic():
        _publish(owner)
        thread = beside_us(lambda: deed(webhook))
        waits = thread.is_alive()
    thread.join()
    assert not waits


def test_an_endpoint_whose_secret_no_key_opens_can_be_disabled(owner: User) -> None:
    webhook = make_webhook(owner)
    Webhook.objects.update(secret=Cast(Value("no token"), TextField()))
    with transaction.atomic():
        disable(webhook_id=webhook.pk, reason="Every attempt has failed for 120 hours", now=timezone.now())
    assert not Webhook.objects.values_list("active", flat=True).get()


def test_what_is_requeued_while_its_endpoint_is_being_disabled_is_held(owner: User) -> None:
    webhook = make_webhook(owner)
    delivery = make_delivery(webhook, status="failed", next_retry_at=None)
    with transaction.atomic():
        disable(webhook_id=webhook.pk, reason="410", now=timezone.now())
        thread = beside_us(lambda: services.retry_soon(delivery_ids=[delivery.pk]))
        assert thread.is_alive()
    thread.join()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.next_retry_at) == ("retrying", None)


def test_who_claims_for_paced_endpoints_locks_them_in_order_as_those_who_record(owner: User) -> None:
    webhooks = [make_webhook(owner, rate_limit=1) for _ in range(30)]
    for webhook in webhooks:
        make_delivery(webhook)
    first, *others = sorted(webhook.pk for webhook in webhooks)
    Webhook.objects.filter(pk=first).update(description="its row is the last of the table now")
    with transaction.atomic():
        _lock(first)
        thread = beside_us(lambda: claim(now=timezone.now(), free=100, cap=10, busy={}, lease_seconds=20))
        waits = thread.is_alive()
        for other in others:
            _lock(other)
    thread.join()
    assert waits
    assert Webhook.objects.filter(next_slot_at__isnull=False).count() == 30


def _lock(webhook_id: str) -> None:
    Webhook.objects.select_for_update(nowait=True).defer("secret").get(pk=webhook_id)
