"""What the console says where something fails, is lacking or is taken away, and that it is written down."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.console import state
from config.console.tests.test_deeds import audited, deed_url, list_url, said
from config.console.tests.world import World
from config.lib import health
from config.lib.audit import AuditEntry
from config.lib.tests.own_valkey import no_valkey
from config.lib.valkey import client as valkey
from webhooks.models import Delivery, DeliveryStatus
from webhooks.tests.receiver import Receiver, Status

Sessions = Callable[[User], Client]


def test_what_an_endpoint_refused_is_told_as_a_failure(
    admin: User, world: World, receiver: Receiver, session: Sessions
) -> None:
    receiver.answers(Status(500))
    client = session(admin)
    assert "The test event failed after" in said(client.post(deed_url(world.webhook, "test")))
    assert "The delivery failed after" in said(client.post(deed_url(world.delivery, "send-again")))


def test_the_failed_deliveries_of_an_endpoint_are_made_due(operations: User, world: World, session: Sessions) -> None:
    reply = session(operations).post(deed_url(world.webhook, "retry-failed"))
    assert "1 failed delivery due again" in said(reply)
    world.failed.refresh_from_db()
    assert world.failed.status == DeliveryStatus.RETRYING


def test_a_signing_secret_is_revealed_with_a_reason_that_stays(admin: User, world: World, session: Sessions) -> None:
    reply = session(admin).post(deed_url(world.webhook, "reveal-secret"), {"reason": "lost by its owner"})
    assert world.webhook.secret in reply.content.decode()
    assert audited("webhook.secret_revealed").reason == "lost by its owner"


def test_an_integration_without_a_url_cannot_be_tested(operations: User, world: World, session: Sessions) -> None:
    reply = session(operations).post(deed_url(world.integration, "test"))
    assert "no URL to be told at" in said(reply)
    assert not Delivery.objects.filter(event="webhook.test").exists()


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("due", {"next_retry_at": -1}),
        ("later", {"next_retry_at": 60}),
        ("flight", {"next_retry_at": -1, "leased_until": 60}),
        ("held", {}),
    ],
)
def test_unfinished_deliveries_are_found_where_they_are(
    place: str, changes: dict[str, int], support: User, world: World, session: Sessions
) -> None:
    now = timezone.now()
    times = {name: now + timedelta(seconds=seconds) for name, seconds in changes.items()}
    Delivery.objects.update(status=DeliveryStatus.DELIVERED, next_retry_at=None, leased_until=None)
    Delivery.objects.filter(pk=world.failed.pk).update(status=DeliveryStatus.RETRYING, **times)
    client = session(support)
    for asked in ("due", "later", "flight", "held"):
        page: Any = client.get(list_url(world.failed), {"queue": asked})
        found = [row.pk for row in page.context_data["cl"].result_list]
        assert found == ([world.failed.pk] if asked == place else [])


@pytest.mark.parametrize("how", ["alone", "selected"])
def test_a_schedule_that_is_deleted_leaves_an_entry(how: str, admin: User, session: Sessions) -> None:
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    task = PeriodicTask.objects.create(name="sweep by hand", task="webhooks.tasks.sweep", interval=interval)
    if how == "alone":
        url = reverse("admin:django_celery_beat_periodictask_delete", args=[task.pk])
        session(admin).post(url, {"post": "yes"})
    else:
        asked = {"action": "delete_selected", "_selected_action": [task.pk], "post": "yes"}
        session(admin).post(list_url(task), asked)
    assert not PeriodicTask.objects.filter(pk=task.pk).exists()
    entry = audited("periodictask.deleted")
    assert (entry.actor, entry.target_id) == ("admin", str(task.pk))
    assert "sweep by hand" in str(entry.before)


def test_who_may_not_delete_deletes_nothing(support: User, world: World, session: Sessions) -> None:
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    task = PeriodicTask.objects.create(name="sweep by hand", task="webhooks.tasks.sweep", interval=interval)
    url = reverse("admin:django_celery_beat_periodictask_delete", args=[task.pk])
    assert session(support).post(url, {"post": "yes"}).status_code == 403
    assert PeriodicTask.objects.filter(pk=task.pk).exists()
    assert not AuditEntry.objects.filter(action="periodictask.deleted").exists()


def test_without_valkey_it_is_said_what_cannot_be_known(db: None, settings: Any) -> None:
    with no_valkey(settings):
        alive = {pulse.name: pulse.is_alive for pulse in state.pulses(timezone.now())}
    assert alive == {"PostgreSQL": True, "Valkey": False, "Workers": False, "Scheduler": False}


def test_a_process_is_alive_as_long_as_its_pulse_is(db: None) -> None:
    health.beat(health.WORKER_BEAT)
    valkey().delete(health.BEAT_BEAT)
    alive = {pulse.name: pulse.is_alive for pulse in state.pulses(timezone.now())}
    assert alive == {"PostgreSQL": True, "Valkey": True, "Workers": True, "Scheduler": False}
