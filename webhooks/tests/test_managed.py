from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.lib.postgresql.statements import execute
from webhooks import managed
from webhooks.models import Delivery, Webhook
from webhooks.tests.calls import call
from webhooks.tests.factories import SECRET, make_delivery, make_managed
from webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
URL = "https://partner.example/hook"


def keep(webhook: Webhook, **changes: Any) -> Webhook | None:
    assert webhook.integration_id
    wanted: dict[str, Any] = {"url": URL, "secret": SECRET, "events": ["order.created"], "active": True}
    return managed.keep_managed(integration_id=webhook.integration_id, user_id=webhook.user_id, **(wanted | changes))


def test_follows_what_the_integration_says(owner: User) -> None:
    webhook = make_managed(owner)
    kept = keep(webhook, url="https://new.example/", secret="x" * 32, events=["order.failed"])
    assert kept
    assert kept.pk == webhook.pk == managed.managed_id(str(webhook.integration_id))
    webhook.refresh_from_db()
    assert (webhook.url, webhook.secret, webhook.events) == ("https://new.example/", "x" * 32, ["order.failed"])


def test_is_created_with_the_integrations_first_url_and_goes_with_its_last(owner: User) -> None:
    webhook = make_managed(owner)
    make_delivery(webhook)
    assert keep(webhook, url=None, secret=None) is None
    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()
    again = keep(webhook)
    assert again
    assert (again.user_id, again.integration_id, again.active) == (owner.pk, webhook.integration_id, True)


def test_an_inactive_integration_holds_its_deliveries(owner: User) -> None:
    webhook = make_managed(owner)
    delivery = make_delivery(webhook)
    keep(webhook, active=False)
    delivery.refresh_from_db()
    assert delivery.next_retry_at is None
    keep(webhook, active=True)
    delivery.refresh_from_db()
    assert delivery.next_retry_at


def test_keeping_it_active_starts_a_disabled_one_anew(owner: User) -> None:
    webhook = make_managed(owner, active=False, disabled_at=timezone.now(), disabled_reason="x", failure_count=9)
    keep(webhook)
    webhook.refresh_from_db()
    assert (webhook.active, webhook.disabled_at, webhook.failure_count) == (True, None, 0)


def test_its_test_tells_the_real_outcome(owner: User, receiver: Receiver) -> None:
    webhook = make_managed(owner, receiver.url)
    assert managed.send_test(webhook.pk)["message"] == "Test event sent successfully"
    assert receiver.received[0].headers["x-webhook-event"] == "webhook.test"


def test_it_is_listed_with_its_integration(as_owner: Client, owner: User) -> None:
    webhook = make_managed(owner)
    assert call(as_owner, "GET", "").json[0]["integrationId"] == webhook.integration_id


def test_rotating_its_secret_writes_the_integrations_column_too(as_owner: Client, owner: User) -> None:
    webhook = make_managed(owner)
    reply = call(as_owner, "POST", f"/{webhook.id}/rotate-secret")
    assert reply.status == 200
    integration = apps.get_model("integrations", "Integration").objects.get()
    assert integration.webhook_secret == reply.json["secret"]
    [(stored,)] = execute("SELECT webhook_secret FROM integrations", {})
    assert reply.json["secret"] not in stored
