"""What an order, a delivery and a call take of processors, log and disk, and how much 1, 2 and 4 worker processes do.

Orders for two endpoints go through real workers, first alone, then their deliveries alone, then both at once.
"An order" of `both` is an order with its deliveries.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from bulk_orders import intake
from bulk_orders import tasks as bulk_tasks
from bulk_orders.benchmark.forms import order_forms
from bulk_orders.models import Batch
from config.benchmark.api import Caller, granian
from config.demo.orders import forms
from config.lib import devservices
from config.lib.spent import cpu_seconds
from webhooks.benchmark import stage
from webhooks.models import Webhook
from webhooks.signing import generate_secret

ENDPOINTS = 2
BATCHES = 4  # at once, for several processes to share
PROCESSES = (1, 2, 4)
BULK, BOTH = "bulk_orders", "bulk_orders,webhooks"
TABLES = ("orders", "bulk_order_results", "webhook_events", "webhook_deliveries", "webhook_delivery_attempts")


@dataclass
class Spent:
    """Seconds of processor, bytes of log and seconds of waiting, until the meter stopped."""

    python: float = 0.0
    postgres: float = 0.0
    log: float = 0.0
    seconds: float = 0.0

    def each(self, number: int) -> str:
        python, postgres = self.python / number * 1e6, self.postgres / number * 1e6
        return f"{python:6,.0f} µs Python, {postgres:6,.0f} µs PostgreSQL, {self.log / number:7,.0f} B of log"


@contextmanager
def metered(python: Callable[[], float]) -> Iterator[Spent]:
    """`python` tells the processor time so far of whoever does the work."""
    postmaster = devservices.Services(devservices.folder()).postgres.pid()
    assert postmaster, "the servers of a benchmark are embedded ones"
    spent, before = Spent(), (python(), cpu_seconds(postmaster), _log_position(), time.perf_counter())
    yield spent
    after = (python(), cpu_seconds(postmaster), _log_position(), time.perf_counter())
    spent.python, spent.postgres, spent.log, spent.seconds = (
        now - then for now, then in zip(after, before, strict=True)
    )


def _log_position() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return float(cursor.fetchone()[0])


def orders_and_deliveries(orders: int) -> Iterator[str]:
    """A line for each measurement."""
    os.environ |= {"WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8", "LOG_LEVEL": "ERROR"}  # for the workers
    call_command("migrate", verbosity=0, interactive=False)
    user = User.objects.create_user("costs")
    with stage.receiver() as url:
        for _ in range(ENDPOINTS):
            Webhook.objects.create(user=user, url=url, events=["order.created"], secret=generate_secret())
        work, before = Work(user, url, orders), _sizes()
        for processes in PROCESSES:
            yield from work.separately(processes)
            if processes == PROCESSES[0]:
                yield _growth(before, orders)
            yield work.at_once(processes)


@dataclass(frozen=True)
class Work:
    """So many orders, and their deliveries to `url`."""

    user: User
    url: str
    orders: int

    def separately(self, processes: int) -> Iterator[str]:
        with metered(time.process_time) as spent:
            self._submit()
        yield f"{'intake':34} {self.orders / spent.seconds:7,.0f}/s {spent.each(self.orders)}"
        with stage.worker(processes, queue=BULK, include="bulk_orders.tasks") as pid, _of(pid) as spent:
            self._carry_out()
        yield f"{named(processes)} orders          {self.orders / spent.seconds:7,.0f}/s {spent.each(self.orders)}"
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        number, until = ENDPOINTS * self.orders, self._all_received()
        with stage.worker(processes) as pid, _of(pid) as spent:
            self._deliver(until)
        yield f"{named(processes)} deliveries      {number / spent.seconds:7,.0f}/s {spent.each(number)}"

    def at_once(self, processes: int) -> str:
        self._submit()
        until, tasks = self._all_received(), "bulk_orders.tasks,webhooks.tasks"
        with stage.worker(processes, queue=BOTH, include=tasks) as pid, _of(pid) as spent:
            self._carry_out()
            self._deliver(until)
        return f"{named(processes)} both            {self.orders / spent.seconds:7,.0f}/s {spent.each(self.orders)}"

    def _submit(self) -> None:
        share = self.orders // BATCHES
        for _ in range(BATCHES):
            with transaction.atomic():
                intake.submit(
                    user_id=self.user.pk, rows=order_forms(share), limit=share, options=intake.Options(), address=None
                )

    def _carry_out(self) -> None:
        open_batches = Batch.objects.filter(completed_at=None)
        for batch_id in open_batches.values_list("batch_id", flat=True):
            bulk_tasks.nudge(batch_id, bulk_tasks.WORKERS_A_BATCH)
        while open_batches.exists():
            time.sleep(0.02)

    def _all_received(self) -> int:
        """What the receiver will have counted in the end."""
        return stage.count(self.url) + ENDPOINTS * self.orders

    def _deliver(self, until: int) -> None:
        stage.sweep_until_received(self.url, until)
        stage.wait_until_recorded()


def named(processes: int) -> str:
    return f"{processes} worker process{'es,' if processes > 1 else ',  '}"


def _of(pid: int) -> AbstractContextManager[Spent]:
    return metered(partial(cpu_seconds, pid))


def _sizes() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, pg_total_relation_size(name::regclass) FROM unnest(%s::text[]) AS name", [list(TABLES)]
        )
        return dict(cursor.fetchall())


def _growth(before: dict[str, int], orders: int) -> str:
    grown = {name: (size - before[name]) / orders for name, size in _sizes().items()}
    told = ", ".join(f"{name} {each:,.0f}" for name, each in grown.items())
    return f"bytes on disk an order, with {ENDPOINTS} deliveries: {told}"


def calls(folder: Path, times: int) -> Iterator[str]:
    """What calls take of the web process, with one client that waits for each reply."""
    with granian(folder) as web:
        partner = Caller(web.port, web.key)
        one, hundred = (json.dumps(body).encode() for body in (forms(1)[0], {"orders": forms(100)}))
        made = partner.call("POST", "/api/bulk-orders", hundred)[1]["batchId"]
        kinds = {
            "GET /api/integrations/me": partial(partner.call, "GET", "/api/integrations/me"),
            "GET of a batch": partial(partner.call, "GET", f"/api/bulk-orders/{made}"),
            "GET of a list of 50": partial(partner.call, "GET", "/api/order-management/orders"),
            "POST of one order": partial(partner.call, "POST", "/api/order-management/orders", one),
            "POST of 100 orders": partial(partner.call, "POST", "/api/bulk-orders", hundred),
        }
        for kind, call in kinds.items():
            with _of(web.pid) as spent:
                for _ in range(times):
                    call()
            yield f"{kind:34} {times / spent.seconds:7,.0f}/s {spent.each(times)}"
