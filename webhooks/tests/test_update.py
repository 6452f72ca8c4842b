from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.lib.audit import AuditEntry
from webhooks.models import Delivery, Lane
from webhooks.tests.calls import call
from webhooks.tests.factories import make_delivery, make_managed, make_webhook

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changes_only_what_is_given(as_owner: Client, owner: User, method: str) -> None:
    webhook = make_webhook(owner, description="ERP", updated_at=timezone.now() - timedelta(days=1))
    reply = call(as_owner, method, f"/{webhook.id}", {"events": ["order.failed"], "maxRetries": 3})
    assert reply.status == 200
    assert (reply.json["events"], reply.json["maxRetries"]) == (["order.failed"], 3)
    assert (reply.json["url"], reply.json["description"]) == (webhook.url, "ERP")
    before, secret = webhook.updated_at, webhook.secret
    webhook.refresh_from_db()
    assert (webhook.events, webhook.max_retries, webhook.secret) == (["order.failed"], 3, secret)
    assert webhook.updated_at > before
    assert AuditEntry.objects.get(action="webhook.updated").after["events"] == ["order.failed"]


def test_null_returns_to_the_default(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner, max_retries=3, rate_limit=5)
    reply = call(as_owner, "PATCH", f"/{webhook.id}", {"maxRetries": None, "rateLimit": None})
    assert (reply.json["maxRetries"], reply.json["rateLimit"]) == (5, None)


def test_an_empty_change_is_fine(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    assert call(as_owner, "PATCH", f"/{webhook.id}", {}).status == 200


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"events": []}, "At least one event type is required"),
        ({"url": "http://169.254.169.254/"}, "URL must not point to a private or reserved address"),
        ({"url": "file:///etc/passwd"}, "URL must be a valid http or https address"),
        ({"active": 0}, "active: Must be a valid boolean."),
        ({"maxRetries": "3"}, "maxRetries: A valid integer is required."),
    ],
)
def test_refuses_what_breaks_the_rules(as_owner: Client, owner: User, wrong: dict[str, Any], message: str) -> None:
    webhook = make_webhook(owner)
    reply = call(as_owner, "PATCH", f"/{webhook.id}", {"description": "new"} | wrong)
    assert (reply.status, reply.json["message"]) == (400, message)
    webhook.refresh_from_db()
    assert (webhook.description, webhook.url) == ("", "https://partner.example/hook")


def test_secrets_and_owners_are_not_changed_here(as_owner: Client, owner: User, outsider: User) -> None:
    webhook = make_webhook(owner)
    secret = webhook.secret
    call(as_owner, "PATCH", f"/{webhook.id}", {"secret": "another secret, longer", "userId": outsider.pk})
    webhook.refresh_from_db()
    assert (webhook.secret, webhook.user_id) == (secret, owner.pk)


def test_deactivating_holds_what_waits_and_activating_makes_it_due(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    later = timezone.now() + timedelta(hours=3)
    pending = make_delivery(webhook)
    retrying = make_delivery(webhook, status="retrying", attempts=2, next_retry_at=later)
    in_flight = make_delivery(webhook, lease=7, leased_until=later, next_retry_at=later)
    failed = make_delivery(webhook, status="failed", next_retry_at=None)
    call(as_owner, "PATCH", f"/{webhook.id}", {"active": False})
    held = {delivery.pk: delivery for delivery in Delivery.objects.all()}
    assert [held[one.pk].next_retry_at for one in (pending, retrying, in_flight, failed)] == [None] * 4
    assert (held[retrying.pk].status, held[in_flight.pk].lease) == ("retrying", 7)
    before = timezone.now()
    call(as_owner, "PATCH", f"/{webhook.id}", {"active": True})
    due = {delivery.pk: delivery.next_retry_at for delivery in Delivery.objects.all()}
    for delivery in (pending, retrying):
        moment = due[delivery.pk]
        assert moment
        assert before <= moment <= timezone.now()
    assert due[failed.pk] is None


def test_a_test_that_was_never_finished_is_not_sent_when_its_endpoint_starts_anew(
    as_owner: Client, owner: User
) -> None:
    left = make_delivery(make_webhook(owner, active=False), event="webhook.test", next_retry_at=None)
    call(as_owner, "PATCH", f"/{left.webhook_id}", {"active": True})
    left.refresh_from_db()
    assert left.next_retry_at is None


def test_activating_forgets_past_failures(as_owner: Client, owner: User) -> None:
    now = timezone.now()
    webhook = make_webhook(
        owner,
        active=False,
        failure_count=150,
        failed_in_a_row=100,
        failing_since=now,
        disabled_at=now,
        disabled_reason="100 deliveries in a row have failed",
    )
    reply = call(as_owner, "PUT", f"/{webhook.id}", {"active": True})
    assert (reply.json["active"], reply.json["failureCount"]) == (True, 0)
    assert (reply.json["disabledAt"], reply.json["disabledReason"]) == (None, None)
    webhook.refresh_from_db()
    assert (webhook.failed_in_a_row, webhook.failing_since) == (0, None)


def test_deactivating_forgets_nothing(as_owner: Client, owner: User) -> None:
    now = timezone.now()
    webhook = make_webhook(owner, failure_count=7, failed_in_a_row=2, failing_since=now)
    disabled = make_webhook(owner, active=False, failure_count=9, disabled_at=now, disabled_reason="410 Gone")
    assert call(as_owner, "PUT", f"/{webhook.id}", {"active": False}).json["failureCount"] == 7
    reply = call(as_owner, "PUT", f"/{disabled.id}", {"active": False})
    assert (reply.json["failureCount"], reply.json["disabledReason"]) == (9, "410 Gone")
    webhook.refresh_from_db()
    assert (webhook.failed_in_a_row, webhook.failing_since) == (2, now)


def test_strict_order_can_be_switched_with_deliveries_waiting(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    first, tried = make_delivery(webhook), make_delivery(webhook, attempts=1, status="retrying", lane=Lane.RETRY)
    ended = make_delivery(webhook, status="delivered", next_retry_at=None)
    call(as_owner, "PATCH", f"/{webhook.id}", {"ordered": True})
    assert lanes(first, tried, ended) == [Lane.ORDERED, Lane.ORDERED, Lane.FIRST]
    call(as_owner, "PATCH", f"/{webhook.id}", {"ordered": False})
    assert lanes(first, tried, ended) == [Lane.FIRST, Lane.RETRY, Lane.FIRST]


def lanes(*deliveries: Delivery) -> list[int]:
    for delivery in deliveries:
        delivery.refresh_from_db()
    return [delivery.lane for delivery in deliveries]


def test_deleting_takes_the_deliveries_along(as_owner: Client, owner: User) -> None:
    webhook, other = make_webhook(owner), make_webhook(owner)
    make_delivery(webhook)
    kept = make_delivery(other)
    reply = call(as_owner, "DELETE", f"/{webhook.id}")
    assert (reply.status, reply.json) == (204, None)
    assert list(Delivery.objects.values_list("pk", flat=True)) == [kept.pk]
    assert call(as_owner, "GET", f"/{webhook.id}").status == 404
    assert AuditEntry.objects.filter(action="webhook.deleted", target_id=webhook.id).exists()


@pytest.mark.parametrize(("method", "body"), [("PUT", {"active": False}), ("PATCH", {"url": "x"}), ("DELETE", None)])
def test_an_integrations_own_webhook_is_changed_there(as_owner: Client, owner: User, method: str, body: Any) -> None:
    webhook = make_managed(owner)
    if body and "url" in body:
        body = {"url": "https://8.8.8.8/"}
    reply = call(as_owner, method, f"/{webhook.id}", body)
    assert (reply.status, reply.json["code"]) == (409, "managed_by_integration")
    webhook.refresh_from_db()
    assert (webhook.active, webhook.url) == (True, "https://partner.example/hook")
