"""An integration and its webhook are locked in one order, whoever begins: the integration first."""

from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from config.lib.database import count_under_lock
from integrations import services, usage
from integrations.models import Integration, UsageLog
from integrations.tests.factories import a_user, an_integration
from webhooks import services as webhook_services
from webhooks.models import Webhook

WAITS_FOR_A_LOCK = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"


def with_url(owner: User) -> Integration:
    integration = an_integration(owner)
    changes = {"webhook_url": "https://93.184.215.14/hook"}
    return services.update(integration=integration, actor=owner, changes=changes)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITS_FOR_A_LOCK)
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_rotation_waits_for_the_integration_before_it_holds_the_webhook() -> None:
    owner = a_user()
    integration = with_url(owner)
    webhook = Webhook.objects.get(integration_id=integration.pk)

    def rotate() -> None:
        try:
            webhook_services.rotate_secret(webhook=webhook, actor=owner)
        finally:
            connection.close()

    rotation = Thread(target=rotate)
    with transaction.atomic():
        Integration.objects.select_for_update().get(pk=integration.pk)
        rotation.start()
        while rotation.is_alive() and not somebody_waits():
            pass
        # What an update of the integration does next; it would wait for ever if the rotation held this.
        Webhook.objects.select_for_update(nowait=True).get(pk=webhook.pk)
    rotation.join()
    row = Integration.objects.get()
    assert row.webhook_secret == Webhook.objects.get().secret != integration.webhook_secret


@pytest.mark.django_db(transaction=True)
def test_a_user_who_creates_waits_for_another_call_of_theirs_and_counts_what_it_made() -> None:
    owner = a_user()
    counted: list[int] = []

    def count() -> None:
        with transaction.atomic():
            counted.append(count_under_lock("integrations", owner.pk))
        connection.close()

    second = Thread(target=count)
    with transaction.atomic():
        assert count_under_lock("integrations", owner.pk) == 0
        second.start()
        while second.is_alive() and not somebody_waits():
            pass
        an_integration(owner)
    second.join()
    assert counted == [1]


def _log_a_call(integration: Integration) -> None:
    call = usage.Call(integration.pk, "/api/webhooks", "GET", 200, 3, None)
    usage.log(call, counts=True)()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_whole", [False, True], ids=["changed", "regenerated"])
def test_a_call_waits_only_for_who_takes_its_key_away(is_whole: bool) -> None:
    owner = a_user()
    integration = an_integration(owner)

    def log() -> None:
        try:
            _log_a_call(integration)
        finally:
            connection.close()

    call = Thread(target=log)
    with transaction.atomic():
        if is_whole:
            services.regenerate(integration=integration, actor=owner)
        else:
            services.update(integration=integration, actor=owner, changes={"name": "Another"})
        call.start()
        while call.is_alive() and not somebody_waits():
            pass
        assert somebody_waits() is is_whole
    call.join()
    assert UsageLog.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_neither_is_lost() -> None:
    owner = a_user()
    integration = an_integration(owner, config={"first": 1})

    def change() -> None:
        try:
            services.update(integration=integration, actor=owner, changes={"config": {"second": 2}})
        finally:
            connection.close()

    other = Thread(target=change)
    with transaction.atomic():
        services.update(integration=integration, actor=owner, changes={"config": {"third": 3}})
        other.start()
        while other.is_alive() and not somebody_waits():
            pass
    other.join()
    assert Integration.objects.get().config == {"first": 1, "second": 2, "third": 3}
