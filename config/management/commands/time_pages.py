"""``manage.py time_pages``: what each page of the console costs on this database. Run it before and after `fill`."""

import statistics
import time
from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

LISTS = (
    "bulk_orders_order", "bulk_orders_batch", "bulk_orders_result", "bulk_orders_payment", "webhooks_webhook",
    "webhooks_delivery", "webhooks_attempt", "webhooks_event", "integrations_integration", "integrations_usagelog",
    "kernel_auditentry",
)  # fmt: skip
FILTERED = (
    ("bulk_orders_order", "status=Settled"),
    ("bulk_orders_order", "status=Cancelled"),
    ("bulk_orders_order", "q=partner1"),
    ("webhooks_delivery", "status=failed"),
    ("webhooks_delivery", "status=delivered"),
    ("webhooks_delivery", "queue=due"),
    ("webhooks_delivery", "event=order.failed"),
    ("webhooks_attempt", "reply=5xx"),
    ("integrations_usagelog", "outcome=limited"),
)


class Command(BaseCommand):
    help = "Time every list of the console, its front page and a record of each kind: milliseconds, queries."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--times", type=int, default=5, help="each page is asked for so often; the median is told")

    def handle(self, *, times: int, **options: Any) -> None:
        client = Client(headers={"host": "localhost"})
        user, _ = User.objects.get_or_create(username="time-pages", is_staff=True, is_superuser=True)
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        for name, address in _pages():
            client.get(address)
            taken = []
            for _ in range(times):
                start = time.perf_counter()
                reply = client.get(address)
                taken.append((time.perf_counter() - start) * 1000)
            with CaptureQueriesContext(connection) as asked:
                client.get(address)
            slowest = max((float(query["time"]) for query in asked.captured_queries), default=0) * 1000
            median = statistics.median(taken)
            self.stdout.write(
                f"{name:50} {reply.status_code} {median:7.0f} ms {len(asked):3} queries, the slowest {slowest:5.0f} ms"
            )
        user.delete()


def _pages() -> list[tuple[str, str]]:
    today = f"on={timezone.now():%Y-%m-%d}"
    pages = [("dashboard", reverse("admin:index"))]
    pages += [(name, reverse(f"admin:{name}_changelist")) for name in LISTS]
    pages += [(f"{name} ?{query}", f"{reverse(f'admin:{name}_changelist')}?{query}") for name, query in FILTERED]
    dated = ("bulk_orders_order", "webhooks_delivery", "webhooks_attempt", "integrations_usagelog")
    pages += [(f"{name} ?{today}", f"{reverse(f'admin:{name}_changelist')}?{today}") for name in dated]
    return pages + [(f"{name} record", address) for name in LISTS if (address := _newest(name))]


def _newest(name: str) -> str | None:
    """The page of the newest record of a kind."""
    app, model = name.rsplit("_", 1)
    key = apps.get_model(app, model)._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return reverse(f"admin:{name}_change", args=[quote(key)]) if key else None
