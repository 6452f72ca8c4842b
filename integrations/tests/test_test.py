"""POST /api/integrations/{id}/test, and the managed webhook behind an integration's URL"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.models import Integration
from integrations.tests.factories import an_integration, key_of
from webhooks import signing
from webhooks.models import Delivery, Webhook
from webhooks.tests.receiver import Receiver, Status


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with Receiver() as receiver:
        yield receiver


def with_url(client: Client, integration: Integration, url: str) -> dict[str, Any]:
    path = f"/api/integrations/{integration.pk}"
    body: dict[str, Any] = client.put(path, {"webhookUrl": url}, content_type="application/json").json()
    return body


def test_sends_a_signed_test_and_tells_the_outcome(as_owner: Client, owner: User, receiver: Receiver) -> None:
    integration = an_integration(owner)
    secret = with_url(as_owner, integration, receiver.url)["webhookSecret"]
    response = as_owner.post(f"/api/integrations/{integration.pk}/test")
    body = response.json()
    assert (response.status_code, body["success"], body["message"]) == (200, True, "Test event sent successfully")
    assert body["delivery"]["status"] == "delivered"
    received = receiver.received[0]
    signing.verify(secret, received.headers, received.body)
    webhook_id = Webhook.objects.get().pk
    assert json.loads(received.body)["data"]["webhookId"] == webhook_id


def test_tells_a_failure_too(as_owner: Client, owner: User, receiver: Receiver) -> None:
    receiver.answers(Status(500))
    integration = an_integration(owner, status="pending")
    with_url(as_owner, integration, receiver.url)
    body = as_owner.post(f"/api/integrations/{integration.pk}/test").json()
    assert (body["success"], body["delivery"]["responseCode"]) == (False, 500)
    assert body["message"].startswith("Test event failed: ")


def test_without_a_url_there_is_nothing_to_test(as_owner: Client, owner: User) -> None:
    response = as_owner.post(f"/api/integrations/{an_integration(owner).pk}/test")
    assert (response.status_code, response.json()["code"]) == (409, "no_webhook_url")


def test_an_outsider_and_a_key_send_nothing(
    as_owner: Client, as_outsider: Client, owner: User, receiver: Receiver
) -> None:
    integration = an_integration(owner)
    with_url(as_owner, integration, receiver.url)
    assert as_outsider.post(f"/api/integrations/{integration.pk}/test").status_code == 404
    assert key_of(integration).post(f"/api/integrations/{integration.pk}/test").status_code == 403
    assert not receiver.received
    assert not Delivery.objects.exists()


def test_the_managed_webhook_is_shown_and_changed_through_its_integration_only(
    as_owner: Client, owner: User, receiver: Receiver
) -> None:
    integration = an_integration(owner)
    with_url(as_owner, integration, receiver.url)
    webhook_id = as_owner.get(f"/api/integrations/{integration.pk}").json()["webhookId"]
    path = f"/api/webhooks/{webhook_id}"
    assert as_owner.get(path).json()["integrationId"] == integration.pk
    for reply in (as_owner.put(path, {"active": False}, content_type="application/json"), as_owner.delete(path)):
        assert (reply.status_code, reply.json()["code"]) == (409, "managed_by_integration")
    assert Webhook.objects.get().active


def test_a_rotation_writes_both_columns(as_owner: Client, owner: User, receiver: Receiver) -> None:
    integration = an_integration(owner)
    first = with_url(as_owner, integration, receiver.url)["webhookSecret"]
    webhook = Webhook.objects.get()
    secret = as_owner.post(f"/api/webhooks/{webhook.pk}/rotate-secret", {}, content_type="application/json").json()[
        "secret"
    ]
    integration.refresh_from_db()
    webhook.refresh_from_db()
    assert secret != first
    assert integration.webhook_secret == webhook.secret == secret
    # A later change of the integration keeps it so.
    with_url(as_owner, integration, f"{receiver.url}/other")
    webhook.refresh_from_db()
    assert webhook.secret == secret
