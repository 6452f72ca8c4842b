"""No statement of a busy day reads a big table from beginning to end: asked of the planner, with tables of millions."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import models, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from bulk_orders import idempotency, orders
from bulk_orders import tasks as bulk_tasks
from bulk_orders.models import Batch, IdempotencyKey, Order
from bulk_orders.tests.forms import order_form
from config.console.tests.world import World, make_world
from config.lib import ledgers
from config.lib import tasks as kernel_tasks
from config.lib.console import filters
from config.lib.exact_json import dumps
from config.lib.pages import NewestFirst
from config.management.commands.time_pages import FILTERED, LISTS
from config.tests.plans import Finding, at_size, can_watch, watched
from integrations import tasks as integration_tasks
from integrations.models import UsageLog
from integrations.tests.factories import key_of, session_of
from webhooks import backlog, outbox, queue
from webhooks import tasks as webhook_tasks
from webhooks.delivery import conclude, outcome_of
from webhooks.models import Delivery
from webhooks.tests.factories import make_delivery
from webhooks.transport import Reply, Request

URL = "https://partner.example/hook"


@pytest.fixture
def world(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """A row of everything, so that no table is without a page."""
    if not can_watch():
        pytest.skip("this PostgreSQL does not let us load auto_explain")
    monkeypatch.setattr(filters, "NEWEST", 1)  # the console's filters without an index look at these alone
    world = make_world(User.objects.create(username="partner"), URL)
    orders.authorize(order_id=world.order.pk, checker_id=User.objects.create(username="checker").pk)
    IdempotencyKey.objects.create(caller="x", key="x", request_hash="x", status_code=200, headers={}, body=b"{}")
    ledgers.recount(now=timezone.now() + timedelta(minutes=1))
    make_delivery(world.webhook)
    return world


def deliver(world: World) -> None:
    """What an engine does with what is due, the sending apart."""
    now = timezone.now()
    queue.count_due(now, most=10)
    queue.next_due(now)
    claimed = queue.claim(now=now, free=100, cap=10, busy={}, lease_seconds=1)
    assert claimed
    conclude([outcome_of(one, _reply(one), now) for one in claimed], now)
    assert queue.claim_one(world.delivery.pk, now=now, lease_seconds=0, force=True)


def _reply(claimed: queue.Claimed) -> Reply:
    request = Request(claimed, claimed.url, [], claimed.body)
    return Reply(request, 200, {}, b"", False, None, None, 5, {})


def publish(world: World) -> None:
    with transaction.atomic():
        outbox.publish(user_id=world.partner.pk, name="order.created", data={"orderId": 1})


def requeue(world: World) -> None:
    webhook, now = world.webhook, timezone.now()
    backlog.requeue([world.failed.pk], now=now)
    backlog.requeue_failed(webhook, max_retries=None, now=now)
    selection = backlog.Selection(webhook, now - timedelta(hours=1), now, ["order.created"], None)
    backlog.count(selection, now=now)
    backlog.replay(selection, now=now)
    queue.hold(webhook.pk)
    queue.resume(webhook.pk, now=now)
    queue.reorder(webhook.pk, ordered=True)


def read_webhooks(world: World) -> None:
    session, base = session_of(world.partner), f"/api/webhooks/{world.webhook.pk}"
    cursor = NewestFirst().position(world.delivery)
    for path in ("", "?limit=2", "?status=failed", "?status=delivered&event=order.created", f"?cursor={cursor}"):
        _get(session, f"{base}/deliveries{path}")
    _get(session, f"{base}/deliveries/{world.delivery.pk}")
    for days in (1, 7, 90):
        _get(session, f"{base}/analytics?days={days}")


def read_orders(world: World) -> None:
    session, order = session_of(world.partner), world.order
    for query in ("", "?status=Settled", "?status=Cancelled", "?startDate=2026-01-01&endDate=2026-01-31"):
        _get(session, f"/api/order-management/orders{query}")
    for part in (order.pk, order.model_order_id, f"{order.pk}/history"):
        _get(session, f"/api/order-management/orders/{part}")


def read_batches(world: World) -> None:
    session, base = session_of(world.partner), f"/api/bulk-orders/{world.batch.pk}"
    for path in ("", "/results", "/results?status=failed", "/results?cursor=1", "/results.csv"):
        _get(session, base + path)
    for query in ("", "?status=failed"):
        _get(session, f"/api/bulk-orders{query}")


def submit(world: World) -> None:
    """A batch is taken in, found by the sweep, and carried out."""
    form = dumps({"orders": [order_form(), {}]})
    session, headers = session_of(world.partner), {"Idempotency-Key": "once"}
    for _ in range(2):
        reply = session.post("/api/bulk-orders", form, content_type="application/json", headers=headers)
        assert reply.status_code == 202
    Batch.objects.filter(pk=reply.json()["batchId"]).update(created_at=timezone.now() - timedelta(minutes=1))
    bulk_tasks.sweep()
    bulk_tasks.process_batch(reply.json()["batchId"])


def work_on_an_order(world: World) -> None:
    order = orders.submit(user_id=world.partner.pk, form=order_form(), address=None)
    checker = User.objects.get(username="checker").pk
    orders.claim(order_id=order.pk, checker_id=checker)
    orders.authorize(order_id=order.pk, checker_id=checker)


def call_with_a_key(world: World) -> None:
    assert key_of(world.integration).get("/api/integrations/me").status_code == 200
    assert key_of(world.integration).get("/api/webhooks").status_code in (200, 403)
    integration_tasks.roll_up_usage()


def read_usage(world: World) -> None:
    session, base = session_of(world.partner), f"/api/integrations/{world.integration.pk}"
    _get(session, "/api/integrations")
    _get(session, base)
    newest = NewestFirst()
    newest.moment = "timestamp"  # type: ignore[misc]  # of this one list
    for path in ("/usage", f"/usage?cursor={newest.position(world.call)}"):
        _get(session, base + path)
    for days in (1, 7, 35, 365):
        _get(session, f"{base}/usage/summary?days={days}")


def count_figures(world: World) -> None:
    """The next minute, and the end of an hour and a day."""
    for later in (timedelta(minutes=2), timedelta(hours=2), timedelta(days=1)):
        ledgers.roll_up(now=timezone.now() + later)


def forget(world: World) -> None:
    webhook_tasks.delete_old_events()
    integration_tasks.delete_old_usage()
    kernel_tasks.delete_old_audit_entries()
    idempotency.forget_expired(now=timezone.now())


def watch(world: World) -> None:
    _get(Client(REMOTE_ADDR="127.0.0.1"), "/metrics")
    _get(Client(), "/readyz")


def look_at_the_console(world: World) -> None:
    session = session_of(_admin())
    _get(session, reverse("admin:index"))
    for name in LISTS:
        _list(name, "")
    for name, query in FILTERED:
        _list(name, query)
    for name, row in _listed(world):
        _get(session, reverse(f"admin:{name}_change", args=[quote(row.pk)]))


def search_the_console(world: World) -> None:
    for name, row in _listed(world):
        for text in (row.pk, "partner", _parent(row)):
            _list(name, f"q={text}")


def _admin() -> User:
    return User.objects.get_or_create(username="admin", is_staff=True, is_superuser=True)[0]


def _listed(world: World) -> Iterator[tuple[str, models.Model]]:
    for row in world.records():
        name = f"{row._meta.app_label}_{row._meta.model_name}"
        if name in LISTS:
            yield name, row


def _list(name: str, query: str) -> None:
    """The list's queries. What it looks like is left undrawn."""
    app, model = name.rsplit("_", 1)
    request = RequestFactory().get(f"/?{query}")
    request.user = _admin()
    reply = site.get_model_admin(apps.get_model(app, model)).changelist_view(request)
    assert reply.status_code == 200, (name, query)


def _parent(row: models.Model) -> Any:
    """What a record's list is searched by beside its own key."""
    names = ("delivery_id", "webhook_id", "batch_id", "order_id", "model_order_id", "integration_id", "target_id")
    return next((getattr(row, name) for name in names if getattr(row, name, None)), row.pk)


def delete(world: World) -> None:
    """An endpoint and an integration with all that hangs on them."""
    session = session_of(world.partner)
    assert session.delete(f"/api/webhooks/{world.webhook.pk}").status_code == 204
    assert session.delete(f"/api/integrations/{world.integration.pk}").status_code == 204


SCENES: list[Callable[[World], None]] = [
    publish, deliver, requeue, read_webhooks, read_orders, read_batches, submit, work_on_an_order, call_with_a_key,
    read_usage, count_figures, forget, watch, look_at_the_console, search_the_console, delete,
]  # fmt: skip


def test_no_big_table_is_read_as_a_whole(world: World) -> None:
    found: dict[str, list[Finding]] = {}
    with at_size():
        for scene in SCENES:
            with watched() as findings:
                scene(world)
            found[scene.__name__] = findings
    assert {name: findings for name, findings in found.items() if findings} == {}


def test_an_endpoints_deliveries_of_a_rare_event_are_found_at_once(world: World) -> None:
    rare = Delivery.objects.filter(webhook=world.webhook, event="order.failed")
    with at_size():
        plan = NewestFirst().ordered(rare).values("pk")[:51].explain()
    assert "idx_webhook_deliveries_event" in plan


def test_a_query_without_an_index_is_found_out(world: World) -> None:
    with at_size(), watched() as findings:
        list(Delivery.objects.filter(response_code=418))
        list(UsageLog.objects.filter(pk=world.call.pk))
        list(Order.objects.filter(trace_id="x"))
    assert [finding.table for finding in findings] == ["webhook_deliveries", "orders"]


def _get(client: Client, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 200, (path, reply.status_code)
    b"".join(reply) if reply.streaming else reply.content
