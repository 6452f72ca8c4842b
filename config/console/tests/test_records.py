"""Every record's page: who sees it, what it says, and that it gives nothing away."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bulk_orders import orders
from bulk_orders.models import Batch, Order
from bulk_orders.tests.forms import cart_item, order_form
from config.console.tests.world import World
from config.lib.console import marks
from config.lib.console.marks import record_url
from integrations.models import Integration
from webhooks.models import Webhook
from webhooks.tests.factories import make_webhook

Sessions = Callable[[User], Client]


def page(client: Client, record: models.Model) -> str:
    reply = client.get(record_url(record, record.pk))
    assert reply.status_code == 200
    return reply.content.decode()


def test_every_record_has_a_page_without_secrets(admin: User, world: World, session: Sessions) -> None:
    client = session(admin)
    for record in world.records():
        text = page(client, record)
        assert 'class="c-head"' in text, record
        for secret in (world.webhook.secret, world.integration.api_secret):
            assert secret not in text, record


def test_a_role_sees_exactly_the_records_it_may_view(
    support: User, newcomer: User, world: World, session: Sessions
) -> None:
    one, other = session(support), session(newcomer)
    for record in world.records():
        may = support.has_perm(f"{record._meta.app_label}.view_{record._meta.model_name}")
        url = record_url(record, record.pk)
        assert one.get(url).status_code == (200 if may else 403), record
        assert other.get(url).status_code == 403, record


def test_records_are_not_changed_or_deleted_by_forms(admin: User, world: World, session: Sessions) -> None:
    client = session(admin)
    for record in world.records():
        url = record_url(record, record.pk)
        assert client.post(url, {"status": "delivered"}).status_code == 403, record
        assert client.post(url.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403, record
        assert type(record)._default_manager.filter(pk=record.pk).exists()


def order_of(batch: Batch) -> Order:
    order = batch.results.exclude(order=None).get().order
    assert order is not None
    return order


def test_records_link_to_each_other_in_both_directions(admin: User, world: World, session: Sessions) -> None:
    client = session(admin)
    links = (
        (world.order, world.event), (world.event, world.order), (world.event, world.delivery),
        (world.delivery, world.event), (world.delivery, world.webhook), (world.delivery, world.attempt),
        (world.attempt, world.delivery), (world.webhook, world.delivery), (world.batch, world.result),
        (world.result, world.batch), (world.payment, world.order), (world.order, world.payment),
        (world.integration, world.call), (order_of(world.batch), world.result), (world.delivery, world.order),
        (world.call, world.integration),
        (world.entry, world.webhook),
    )  # fmt: skip
    for start, end in links:
        assert f'href="{record_url(end, end.pk)}"' in page(client, start), (start, end)


def test_an_order_tells_its_life(admin: User, partner: User, session: Sessions, db: None) -> None:
    order = orders.submit(user_id=partner.pk, form=order_form(), address="192.0.2.9")
    orders.reject(order_id=order.pk, checker_id=admin.pk, reason="The scheme is closed")
    text = page(session(admin), order)
    assert "It failed: The scheme is closed" in text
    assert "Pending Approval → Failed" in text
    assert "192.0.2.9" in text
    assert text.count("by admin") >= 1


def test_an_amount_sent_as_text_is_a_figure_too(admin: User, partner: User, session: Sessions, db: None) -> None:
    form = order_form(cartItems=[cart_item(amount="3000.50"), cart_item(amount=1)])
    order = orders.submit(user_id=partner.pk, form=form, address=None)
    assert "3,001.50" in page(session(admin), order)


def test_a_delivery_says_what_happens_next(admin: User, world: World, session: Sessions) -> None:
    client = session(admin)
    assert "Given up after 1 attempt: HTTP 503: Service Unavailable." in page(client, world.failed)
    assert "Delivered after 1 attempt." in page(client, world.delivery)


def test_an_endpoint_says_why_it_is_disabled_and_how_long_two_secrets_sign(
    admin: User, world: World, session: Sessions
) -> None:
    now = timezone.now()
    Webhook.objects.filter(pk=world.webhook.pk).update(
        active=False,
        disabled_at=now,
        disabled_reason="They asked us to.",
        previous_secret_until=now + timedelta(hours=1),
    )
    text = page(session(admin), world.webhook)
    assert ": They asked us to. What waits for it is held" in text
    assert f"the former one signs, too, until {now + timedelta(hours=1):%d %b %H:%M} UTC" in text


def test_an_integration_whose_key_has_expired_is_not_called_active(
    admin: User, world: World, session: Sessions
) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    Integration.objects.filter(pk=world.integration.pk).update(expires_at=yesterday)
    client = session(admin)
    for text in (page(client, world.integration), client.get(marks.list_url(Integration)).content.decode()):
        assert ">expired</span>" in text
        assert ">active</span>" not in text


def test_the_history_of_a_record_is_on_its_page(admin: User, newcomer: User, world: World, session: Sessions) -> None:
    url = reverse("admin:webhooks_webhook_history", args=[quote(world.webhook.pk)])
    text = session(admin).get(url, follow=True).content.decode()
    assert "webhook.created" in text
    assert session(newcomer).get(url).status_code == 403


def test_a_batch_shows_its_failed_rows_and_lets_them_be_corrected(admin: User, world: World, session: Sessions) -> None:
    client = session(admin)
    text = page(client, world.batch)
    assert "Cart items are required" in text
    address = f"{record_url(world.batch, world.batch.pk)}failed"
    for extension, begins in {"csv": b"index,error,", "xlsx": b"PK", "jsonl": b'{"'}.items():
        assert f'href="{address}.{extension}"' in text
        reply = client.get(f"{address}.{extension}")
        assert reply["Content-Disposition"] == f'attachment; filename="{world.batch.pk}-failed.{extension}"'
        assert reply.getvalue().startswith(begins)
    reply = client.get(f"{address}.csv")
    lines = b"".join(reply.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[1].startswith("1,Cart items are required")


@pytest.mark.parametrize("extension", ["csv", "xlsx", "jsonl"])
def test_failed_rows_are_for_those_who_see_batches(
    newcomer: User, world: World, session: Sessions, extension: str
) -> None:
    reply = session(newcomer).get(f"{record_url(world.batch, world.batch.pk)}failed.{extension}")
    assert reply.status_code == 403


def test_the_audit_of_a_record_is_for_auditors(auditor: User, support: User, world: World, session: Sessions) -> None:
    assert "webhook.created" in page(session(auditor), world.webhook)
    assert "webhook.created" not in page(session(support), world.webhook)


def test_a_record_that_is_not_there_leads_back_to_the_front_page(admin: User, session: Sessions, db: None) -> None:
    reply = session(admin).get(reverse("admin:webhooks_delivery_change", args=["del_1_0"]))
    assert reply.status_code == 302


@pytest.mark.parametrize("middle", ["_40", "_23", "_5F", "_3A"])
def test_an_id_that_looks_escaped_is_found(admin: User, partner: User, session: Sessions, middle: str) -> None:
    webhook = make_webhook(partner, id=f"wh_1795313637324{middle}362c6b0bf19a")
    assert webhook.url in page(session(admin), webhook)
