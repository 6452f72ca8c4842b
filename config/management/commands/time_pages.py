"""``manage.py time_pages``: what the console's pages and the API's heavier calls cost on this database; see `fill`."""

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse
from django.utils import timezone

from bulk_orders.models import Batch, Order
from config.lib.pages import NewestFirst
from integrations.models import UsageLog
from webhooks.models import Delivery

LISTS = (
    "bulk_orders_order", "bulk_orders_batch", "bulk_orders_result", "bulk_orders_payment", "webhooks_webhook",
    "webhooks_delivery", "webhooks_attempt", "webhooks_event", "integrations_integration", "integrations_usagelog",
    "integrations_template", "kernel_auditentry", "auth_user", "auth_group", "django_celery_beat_periodictask",
    "axes_accessattempt",
)  # fmt: skip
# Lists that grow with the partners' work. A day of the beginning is far from where their indexes are read from.
GROWING = (
    "bulk_orders_order", "bulk_orders_batch", "bulk_orders_result", "bulk_orders_payment", "webhooks_delivery",
    "webhooks_attempt", "webhooks_event", "integrations_usagelog", "kernel_auditentry",
)  # fmt: skip
LONG_AGO = timedelta(days=25)
MIDDLE = 50_000
UNLIMITED = 1_000_000_000
DELIVERIES = ("status=failed", "status=pending", "status=delivered", "event=order.failed")
ORDERS = ("status=Settled", "status=Cancelled", "startDate=2026-01-01&endDate=2026-02-01")
BATCHES = ("status=failed", "status=completed")
FILTERED = (
    ("bulk_orders_order", "status=Settled"),
    ("bulk_orders_order", "status=Cancelled"),
    ("bulk_orders_order", "q=partner1"),
    ("bulk_orders_batch", "status=partial"),
    ("bulk_orders_result", "status=failed"),
    ("bulk_orders_payment", "status=failed"),
    ("webhooks_delivery", "status=failed"),
    ("webhooks_delivery", "status=delivered"),
    ("webhooks_delivery", "queue=due"),
    ("webhooks_delivery", "event=order.failed"),
    ("webhooks_attempt", "reply=5xx"),
    ("integrations_usagelog", "outcome=limited"),
)


class Command(BaseCommand):
    help = "Time the console's lists, front page and records, and lists and sums of the API: milliseconds, queries."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--times", type=int, default=5, help="each page is asked for so often")

    @override_settings(API_RATE_PER_MINUTE=UNLIMITED, API_RATE_PER_HOUR=UNLIMITED)
    def handle(self, *, times: int, **options: Any) -> None:
        staff, _ = User.objects.get_or_create(username="time-pages", is_staff=True, is_superuser=True)
        for name, address in _pages():
            self._time(_client(staff), name, address, times)
        staff.delete()
        for name, owner, address in _calls():
            self._time(_client(owner), name, address, times)

    def _time(self, client: Client, name: str, address: str, times: int) -> None:
        client.get(address)
        taken, spent = [], []
        for _ in range(times):
            start, before = time.perf_counter(), _processor()
            reply = client.get(address)
            taken.append((time.perf_counter() - start) * 1000)
            spent.append(_processor() - before)
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        slowest = max((float(query["time"]) for query in asked.captured_queries), default=0) * 1000
        self.stdout.write(
            f"{name:50} {reply.status_code} {statistics.median(taken):7.0f} ms {min(spent):7.0f} ms of CPU"
            f" {len(asked):3} queries, the slowest {slowest:5.0f} ms{_drawn(reply)}"
        )


def _processor() -> float:
    """Milliseconds that this process has had of a processor, and its session of PostgreSQL, where that runs here: what
    a page costs whatever else the machine does."""
    session = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat") if connection.connection else None
    theirs = int(session.read_text().split()[0]) / 1e6 if session and session.exists() else 0
    return time.process_time() * 1000 + theirs


def _drawn(reply: Any) -> str:
    """How many rows a list shows: most of its time goes into them."""
    context = getattr(reply, "context_data", None) or {}
    shown = context["cl"].result_list if "cl" in context else reply.json() if "json" in reply["Content-Type"] else None
    return f", {len(shown)} rows" if isinstance(shown, list) else ""


def _client(user: User) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def _pages() -> list[tuple[str, str]]:
    now = timezone.now()
    days = [f"on={day:%Y-%m-%d}" for day in (now, now - LONG_AGO)]
    queries = [*FILTERED, *((name, day) for name in GROWING for day in days)]
    pages = [("dashboard", reverse("admin:index"))]
    pages += [(name, reverse(f"admin:{name}_changelist")) for name in LISTS]
    pages += [(f"{name} ?{query}", f"{reverse(f'admin:{name}_changelist')}?{query}") for name, query in queries]
    return pages + [(f"{name} record", address) for name in LISTS if (address := _newest(name))]


def _newest(name: str) -> str | None:
    """The page of the newest record of a kind."""
    app, model = name.rsplit("_", 1)
    key = apps.get_model(app, model)._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return reverse(f"admin:{name}_change", args=[quote(key)]) if key else None


def _calls() -> Iterator[tuple[str, User, str]]:
    """Of the API, as (name, owner, address): the sums; the lists from their beginning, filtered, and far down."""
    if delivery := Delivery.objects.select_related("webhook__user").order_by("-pk").first():
        webhook = delivery.webhook
        base, owner = f"/api/webhooks/{webhook.pk}", webhook.user
        yield "webhooks", owner, "/api/webhooks"
        yield from ((f"analytics of {days} days", owner, f"{base}/analytics?days={days}") for days in (1, 7, 90))
        sent = Delivery.objects.filter(webhook=webhook)
        yield from _list("deliveries", owner, f"{base}/deliveries", sent, "created_at", DELIVERIES)
    if call := UsageLog.objects.select_related("integration__user").order_by("-timestamp").first():
        integration = call.integration
        base, owner = f"/api/integrations/{integration.pk}", integration.user
        yield "integrations", owner, "/api/integrations"
        yield from ((f"usage of {days} days", owner, f"{base}/usage/summary?days={days}") for days in (1, 7, 30, 365))
        yield from _list("calls", owner, f"{base}/usage", UsageLog.objects.filter(integration=integration), "timestamp")
    if order := Order.objects.select_related("client").order_by("-pk").first():
        address, own = "/api/order-management/orders", Order.objects.filter(client=order.client)
        yield from _list("orders", order.client, address, own, "submitted_at", ORDERS)
        batches = Batch.objects.filter(user=order.client)
        yield from _list("batches", order.client, "/api/bulk-orders", batches, "created_at", BATCHES)
        if batch := batches.order_by("-created_at").first():
            yield "results of a batch", order.client, f"/api/bulk-orders/{batch.pk}/results"


def _list(
    name: str, owner: User, address: str, rows: QuerySet[Any], moment: str, filters: Sequence[str] = ()
) -> Iterator[tuple[str, User, str]]:
    yield name, owner, address
    yield from ((f"{name} ?{query}", owner, f"{address}?{query}") for query in filters)
    order = NewestFirst()
    order.moment = moment  # type: ignore[misc]  # of this one list
    middle = rows.order_by(f"-{moment}", "-pk")[MIDDLE : MIDDLE + 1].first()
    if middle:
        yield f"{name}, {MIDDLE:,} rows down", owner, f"{address}?cursor={order.position(middle)}"
