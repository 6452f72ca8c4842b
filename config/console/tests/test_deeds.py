"""What staff do: who may, what it calls, what is written down, and that a refusal changes nothing."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bulk_orders.models import Batch, Order
from bulk_orders.states import Status
from bulk_orders.tests.forms import order_form
from config.console.tests.conftest import make_staff
from config.console.tests.world import World, make_batch
from config.lib.audit import AuditEntry
from integrations.models import Integration, IntegrationStatus
from integrations.tests.factories import key_of
from webhooks.models import Delivery, DeliveryStatus, Webhook
from webhooks.tests.receiver import Receiver

Sessions = Callable[[User], Client]


def deed_url(record: models.Model, deed: str) -> str:
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_deed", args=[record.pk, deed])


def list_url(record: models.Model) -> str:
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_changelist")


def said(reply: object) -> str:
    return " ".join(str(message) for message in get_messages(reply.wsgi_request))  # type: ignore[attr-defined]


def order_of(batch: Batch) -> Order:
    """The order of a batch's only row."""
    order = batch.results.get().order
    assert order is not None
    return order


def audited(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


DEEDS = (
    ("webhook", "test", "operations"), ("webhook", "edit", "operations"), ("webhook", "retry-failed", "operations"),
    ("webhook", "replay", "operations"), ("webhook", "rotate-secret", "operations"),
    ("webhook", "disable", "operations"), ("webhook", "reveal-secret", None), ("delivery", "send-again", "support"),
    ("failed", "retry", "support"),
    ("order", "claim", "operations"), ("order", "authorize", "operations"), ("order", "reject", "operations"),
    ("batch", "retry", "operations"), ("integration", "suspend", "operations"), ("integration", "grant", "operations"),
    ("integration", "guard", "operations"), ("integration", "regenerate", "operations"),
    ("integration", "reveal-secret", None),
)  # fmt: skip


def test_deeds_are_for_their_roles_only(request: pytest.FixtureRequest, world: World, session: Sessions) -> None:
    clients = {
        name: session(request.getfixturevalue(name)) for name in ("operations", "support", "auditor", "newcomer")
    }
    stranger = session(world.partner)
    for kind, deed, role in DEEDS:
        url = deed_url(getattr(world, kind), deed)
        for name, client in clients.items():
            may = role is not None and name in ("operations", role)
            assert client.get(url).status_code == (200 if may else 403), (kind, deed, name)
        assert stranger.get(url).status_code == 302
    assert not AuditEntry.objects.exclude(pk=world.entry.pk).exists()


def test_an_unknown_deed_is_not_found(admin: User, world: World, session: Sessions) -> None:
    assert session(admin).get(deed_url(world.webhook, "explode")).status_code == 404


def test_a_failed_delivery_is_retried_at_once(
    support: User, world: World, receiver: Receiver, session: Sessions
) -> None:
    reply = session(support).post(deed_url(world.failed, "retry"))
    assert "was answered with HTTP 200" in said(reply)
    world.failed.refresh_from_db()
    assert world.failed.status == DeliveryStatus.DELIVERED
    assert audited("delivery.retried").actor == "support"


def test_selected_deliveries_are_made_due(support: User, world: World, session: Sessions) -> None:
    asked = {"action": "retry", "_selected_action": [world.failed.pk, world.delivery.pk]}
    reply = session(support).post(list_url(world.failed), asked)
    assert "1 of 2 due now; the others" in said(reply)
    world.failed.refresh_from_db()
    assert world.failed.status == DeliveryStatus.RETRYING
    assert world.failed.next_retry_at is not None


def test_a_replay_is_counted_before_it_is_done(operations: User, world: World, session: Sessions) -> None:
    client, url = session(operations), deed_url(world.webhook, "replay")
    answers = {"since": f"{world.event.created_at:%Y-%m-%d} 00:00"}
    assert "Count first" in client.get(url).content.decode()
    page = client.post(url, answers | {"preview": "yes"}).content.decode()
    assert "2 events would be sent again" in page
    assert Delivery.objects.filter(status=DeliveryStatus.FAILED).exists()
    assert "2 events queued" in said(client.post(url, answers))
    assert not Delivery.objects.filter(status=DeliveryStatus.FAILED).exists()
    assert audited("webhook.replayed").target_id == world.webhook.pk


def test_a_new_secret_is_shown_once_and_kept_by_nobody(operations: User, world: World, session: Sessions) -> None:
    client = session(operations)
    reply = client.post(deed_url(world.webhook, "rotate-secret"), {"grace_hours": 1})
    secret = Webhook.objects.get(pk=world.webhook.pk).secret
    assert secret in reply.content.decode()
    assert "no-store" in reply["Cache-Control"]
    assert secret not in client.get(reverse("admin:webhooks_webhook_change", args=[world.webhook.pk])).content.decode()
    assert secret not in str(AuditEntry.objects.values_list("after", "before", "reason"))


def test_a_secret_is_revealed_to_who_may_and_that_is_written_down(
    operations: User, world: World, session: Sessions
) -> None:
    url = deed_url(world.integration, "reveal-secret")
    assert session(operations).post(url, {"reason": "curiosity"}).status_code == 403
    assert not AuditEntry.objects.filter(action="integration.secret_revealed").exists()
    operations.user_permissions.add(
        Permission.objects.get(codename="reveal_secret", content_type__app_label="integrations")
    )
    page = session(User.objects.get(pk=operations.pk)).post(url, {"reason": "lost by its owner"}).content.decode()
    assert world.integration.api_secret in page
    assert audited("integration.secret_revealed").reason == "lost by its owner"


def test_an_endpoint_is_disabled_with_a_reason_and_enabled_again(
    operations: User, world: World, session: Sessions
) -> None:
    client = session(operations)
    assert client.post(deed_url(world.webhook, "disable"), {"reason": ""}).status_code == 200
    assert Webhook.objects.get(pk=world.webhook.pk).active
    client.post(deed_url(world.webhook, "disable"), {"reason": "It floods them"})
    webhook = Webhook.objects.get(pk=world.webhook.pk)
    assert (webhook.active, webhook.disabled_reason) == (False, "It floods them")
    client.post(deed_url(world.webhook, "enable"))
    webhook = Webhook.objects.get(pk=world.webhook.pk)
    assert (webhook.active, webhook.disabled_reason) == (True, None)


def test_settings_of_an_endpoint_are_edited_through_its_service(
    operations: User, world: World, session: Sessions
) -> None:
    answers = {"url": world.webhook.url, "events": ["order.failed"], "retry_schedule": "standard", "rate_limit": 5}
    session(operations).post(deed_url(world.webhook, "edit"), answers)
    webhook = Webhook.objects.get(pk=world.webhook.pk)
    assert (webhook.events, webhook.retry_schedule, webhook.rate_limit) == (["order.failed"], "standard", 5)
    assert audited("webhook.updated").actor == "operations"


def test_a_test_event_tells_its_real_outcome(
    operations: User, world: World, receiver: Receiver, session: Sessions
) -> None:
    assert "The test event was answered with HTTP 200" in said(
        session(operations).post(deed_url(world.webhook, "test"))
    )


def test_an_order_is_authorized_by_another_than_its_maker(operations: User, world: World, session: Sessions) -> None:
    session(operations).post(deed_url(world.order, "authorize"))
    order = Order.objects.get(pk=world.order.pk)
    assert (order.status, order.authorized_by) == (Status.IN_PROGRESS, operations.pk)
    assert audited("order.authorized").target_id == str(order.pk)


def test_nobody_authorizes_an_order_of_their_own(operations: User, world: World, session: Sessions) -> None:
    Order.objects.filter(pk=world.order.pk).update(client=operations)
    reply = session(operations).post(deed_url(world.order, "authorize"))
    assert "someone other than its submitter" in said(reply)
    assert Order.objects.get(pk=world.order.pk).status == Status.PENDING_APPROVAL
    assert not AuditEntry.objects.filter(action="order.authorized").exists()


def test_nobody_authorizes_an_order_that_they_have_keyed_in(operations: User, world: World, session: Sessions) -> None:
    batch = make_batch(world.partner, order_form())
    Batch.objects.filter(pk=batch.pk).update(entered_by=operations.pk)
    order = order_of(batch)
    session(operations).post(deed_url(order, "authorize"))
    assert Order.objects.get(pk=order.pk).status == Status.PENDING_APPROVAL


def test_selected_orders_are_decided_one_by_one_after_a_confirmation(
    operations: User, world: World, session: Sessions
) -> None:
    client, theirs = session(operations), order_of(make_batch(operations, order_form()))
    asked = {"action": "reject", "_selected_action": [world.order.pk, theirs.pk]}
    page = client.post(list_url(world.order), asked)
    assert page.status_code == 200
    assert Order.objects.get(pk=world.order.pk).status == Status.PENDING_APPROVAL
    reply = client.post(list_url(world.order), asked | {"confirmed": "yes", "reason": "Scheme is closed"})
    assert "done for 1" in said(reply)
    assert "refused for 1" in said(reply)
    assert Order.objects.get(pk=world.order.pk).rejected_reason == "Scheme is closed"
    assert Order.objects.get(pk=theirs.pk).status == Status.PENDING_APPROVAL


def test_a_list_offers_only_what_one_may_do(support: User, operations: User, world: World, session: Sessions) -> None:
    asked = {"action": "authorize", "_selected_action": [world.order.pk]}
    session(support).post(list_url(world.order), asked | {"confirmed": "yes"})
    assert Order.objects.get(pk=world.order.pk).status == Status.PENDING_APPROVAL


def test_claimed_orders_are_released_by_their_claimer(operations: User, world: World, session: Sessions) -> None:
    client = session(operations)
    client.post(deed_url(world.order, "claim"))
    assert Order.objects.get(pk=world.order.pk).claimed_by == operations.pk
    another = session(make_staff("colleague", "Operations"))
    assert "Only the checker who claimed" in said(another.post(deed_url(world.order, "release")))
    client.post(deed_url(world.order, "release"))
    assert Order.objects.get(pk=world.order.pk).status == Status.PENDING


def test_failed_rows_of_a_batch_run_again(operations: User, world: World, session: Sessions) -> None:
    session(operations).post(deed_url(world.batch, "retry"))
    batch = Batch.objects.get(pk=world.batch.pk)
    assert (batch.run, batch.failed) == (2, 0)
    assert audited("batch.retried").actor == "operations"
    session(operations).post(deed_url(world.batch, "cancel"))
    assert Batch.objects.get(pk=world.batch.pk).cancelled_at is not None


def test_a_suspended_integration_is_refused_from_its_next_call(
    operations: User, world: World, session: Sessions
) -> None:
    partner = key_of(world.integration)
    assert partner.get("/api/integrations/me").status_code == 200
    session(operations).post(deed_url(world.integration, "suspend"), {"reason": "Key on a public page"})
    assert partner.get("/api/integrations/me").status_code == 401
    assert Integration.objects.get(pk=world.integration.pk).suspended_reason == "Key on a public page"
    session(operations).post(deed_url(world.integration, "activate"))
    assert Integration.objects.get(pk=world.integration.pk).status == IntegrationStatus.ACTIVE
    assert partner.get("/api/integrations/me").status_code == 200


def test_scopes_limits_and_guards_of_an_integration_are_set(operations: User, world: World, session: Sessions) -> None:
    client, until = session(operations), timezone.now().replace(year=2100, microsecond=0)
    granted = {"scopes": ["orders:read"], "acts_for": f" {world.partner.username},", "rate_per_minute": 7}
    client.post(deed_url(world.integration, "grant"), granted)
    guarded = {
        "allowed_networks": "192.0.2.0/24",
        "expires_at": f"{until:%Y-%m-%d %H:%M:%S}",
        "require_signature": "on",
    }
    client.post(deed_url(world.integration, "guard"), guarded)
    row = Integration.objects.get(pk=world.integration.pk)
    assert (row.scopes, row.acts_for, row.rate_per_minute) == (["orders:read"], [world.partner.pk], 7)
    assert (row.allowed_networks, row.expires_at, row.require_signature) == (["192.0.2.0/24"], until, True)


def test_what_makes_no_sense_is_asked_again(operations: User, world: World, session: Sessions) -> None:
    client = session(operations)
    page = client.post(deed_url(world.integration, "guard"), {"allowed_networks": "everywhere"}).content.decode()
    assert "everywhere" in page
    page = client.post(deed_url(world.integration, "grant"), {"acts_for": "me"}).content.decode()
    assert "No user has the name me" in page
    Integration.objects.filter(pk=world.integration.pk).update(acts_for=[world.partner.pk])
    assert f'value="{world.partner.username}"' in client.get(deed_url(world.integration, "grant")).content.decode()
    assert not AuditEntry.objects.exclude(pk=world.entry.pk).exists()


def test_regenerated_keys_are_shown_once(operations: User, world: World, session: Sessions) -> None:
    reply = session(operations).post(deed_url(world.integration, "regenerate"), {"grace_hours": 0})
    row = Integration.objects.get(pk=world.integration.pk)
    page = reply.content.decode()
    assert row.api_key in page
    assert row.api_secret in page
    assert row.api_key != world.integration.api_key
