"""One record of each kind, tied together as they would be."""

from datetime import timedelta
from typing import Any, NamedTuple

from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from bulk_orders import intake, orders, processing
from bulk_orders.models import Batch, Order, Payment, PaymentStatus, Result
from bulk_orders.tests.forms import order_form
from config.lib.audit import AuditEntry, record
from integrations.models import Integration, Template, UsageLog
from integrations.tests.factories import an_integration
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, Webhook
from webhooks.tests.factories import make_webhook

Rows = dict[type[models.Model], models.Model]


class World(NamedTuple):
    partner: User
    webhook: Webhook
    order: Order
    batch: Batch
    event: Event
    delivery: Delivery
    failed: Delivery
    attempt: Attempt
    payment: Payment
    result: Result
    integration: Integration
    call: UsageLog
    entry: AuditEntry

    def records(self) -> list[models.Model]:
        return [value for name, value in self._asdict().items() if name not in ("partner", "failed")]


def make_world(partner: User, url: str) -> World:
    webhook = make_webhook(partner, url)
    order = orders.submit(user_id=partner.pk, form=order_form(clientRef="single"), address="192.0.2.1")
    batch = make_batch(partner)
    delivery, failed = Delivery.objects.order_by("sequence")[:2]
    attempt = end(delivery, DeliveryStatus.DELIVERED, 200, None)
    end(failed, DeliveryStatus.FAILED, 503, "HTTP 503: Service Unavailable")
    integration = an_integration(partner, name="ERP")
    call = UsageLog.objects.create(
        integration=integration, endpoint="/api/webhooks", method="GET", status_code=200, response_time=12
    )
    record("webhook.created", target=webhook, actor=partner, address="192.0.2.1", after={"url": url})
    return World(
        partner=partner,
        webhook=webhook,
        order=order,
        batch=batch,
        event=delivery.source,
        delivery=delivery,
        failed=failed,
        attempt=attempt,
        payment=Payment.objects.create(order=order, reference="PAY-1", status=PaymentStatus.RECEIVED, amount=5000),
        result=batch.results.order_by("order_index")[0],
        integration=integration,
        call=call,
        entry=AuditEntry.objects.latest("id"),
    )


def make_rows(world: World) -> Rows:
    """One of everything that the console shows."""
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    others: list[models.Model] = [
        interval,
        PeriodicTask.objects.create(name="sweep", task="webhooks.tasks.sweep", interval=interval),
        CrontabSchedule.objects.create(),
        ClockedSchedule.objects.create(clocked_time=timezone.now()),
        AccessAttempt.objects.create(username="guess", ip_address="192.0.2.1", failures_since_start=1),
        Group.objects.create(name="Interns"),
        Template.objects.create(id="nse", type="custom", name="NSE", config_schema={}),
        world.partner,
    ]
    return {type(row): row for row in (*world.records(), *others)}


def make_batch(user: User, *rows: Any) -> Batch:
    """A batch that has been carried out: by default one good row and one bad."""
    forms = rows or (order_form(), order_form(cartItems=[]))
    with transaction.atomic():
        made = intake.submit(user_id=user.pk, rows=forms, limit=100, options=intake.Options(), address="192.0.2.1")
    while processing.process_next_chunk(made.batch.pk):
        pass
    made.batch.refresh_from_db()
    return made.batch


def end(delivery: Delivery, status: str, code: int, error: str | None) -> Attempt:
    now = timezone.now() - timedelta(seconds=1)
    delivery.status, delivery.response_code, delivery.error, delivery.attempts = status, code, error, 1
    delivery.next_retry_at, delivery.last_attempt_at, delivery.duration_ms = None, now, 12
    delivery.save()
    timings = {"name": 1.0, "connect": 2.0, "tls": 0, "reply": 10.5, "total": 12.0}
    return Attempt.objects.create(
        delivery=delivery, at=now, response_code=code, duration_ms=12, error=error, timings=timings
    )
