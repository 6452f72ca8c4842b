"""How fast bulk orders go, beside a ceiling measured in the same run. In a database of its own, dropped at the end."""

import csv
import itertools
import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from bulk_orders import intake, processing
from bulk_orders.models import Batch
from bulk_orders.rulebook import judge
from config.lib import exact_json, ids
from config.lib.exact_json import as_utc, dumps
from webhooks.outbox import body

SCRATCH, REDIS_NUMBER = "bench_bulk", "/13"
ROUNDS = 3
SCHEMES = Path(processing.__file__).parent / "data" / "schemes.csv"
CHUNK = intake.CHUNK_ROWS
COPIES = {
    "orders": "id, model_order_id, client_id, order_form_data, status, submitted_at, trace_id",
    "bulk_order_results": "batch_id, order_index, order_id, model_order_id, success, status, run",
    "webhook_events": "id, user_id, name, data, body, created_at",
    "webhook_deliveries": "id, webhook_id, event, payload, status, next_retry_at, created_at, event_id, lane",
}


class Command(BaseCommand):
    help = "Measure bulk orders: the ceiling, the pipeline through a real worker, its growth, and a POST of 100."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--orders", type=int, default=20_000)
        parser.add_argument("--growth", type=int, nargs="*", default=[1_000, 10_000, 100_000])
        parser.add_argument("--concurrency", type=int, default=settings.CELERY_WORKER_CONCURRENCY)
        parser.add_argument("--here", action="store_true", help="In the database at hand, which keeps what is made.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["here"]:
            measure(options["orders"], options["growth"], options["concurrency"])
            return
        with scratch() as environment:
            for command in (["migrate", "-v0"], [*sys.argv[1:], "--here"]):
                subprocess.run([sys.executable, "manage.py", *command], env=environment, check=True)  # noqa: S603


def measure(orders: int, growth: list[int], concurrency: int) -> None:
    user = User.objects.create_user("bench")
    apps.get_model("webhooks", "Webhook").objects.create(
        user=user, url="http://127.0.0.1:9/", events=["order.created", "bulk_order.completed"], secret="x" * 32
    )
    with worker(concurrency) as pid:
        run(user, CHUNK)  # warms up
        # Turn about, and the best of each: what else the machine does falls on both.
        rounds = [(ceiling(user, orders), run(user, orders)) for _ in range(ROUNDS)]
        best = max(rate for rate, _ in rounds)
        taken, total = min((ran for _, ran in rounds), key=itemgetter(1))
        print(f"ceiling, pydantic + COPY in a bare loop, 1 process: {best:8,.0f} orders/s")
        print(
            f"pipeline, {concurrency} worker processes:                    {orders / total:8,.0f} orders/s"
            f" = {orders / total / best:.0%} of the ceiling (intake {taken:.2f} s of {total:.2f} s)"
        )
        for count in growth:
            _, total = run(user, count)
            print(f"growth: {count:>7,} orders in {total:7.2f} s, {count / total:7,.0f}/s, worker {peak_mb(pid)} MB")
    post_of_100(user)


def order_forms(count: int) -> Iterator[dict[str, Any]]:
    """Valid forms over the real schemes; amounts and people are generated."""
    with SCHEMES.open() as file:
        schemes = itertools.cycle(list(csv.DictReader(file)))
    for number, scheme in zip(range(count), schemes, strict=False):
        yield {
            "clientRef": f"R-{number}",
            "cartItems": [
                {
                    "id": "1",
                    "productId": scheme["productId"],
                    "schemeName": scheme["schemeName"],
                    "transactionType": "Purchase",
                    "amount": Decimal(500000 + number) / 100,
                    "orderType": "Additional Purchase",
                }
            ],
            "transactionMode": {"mode": "Email", "email": "investor@example.com", "euin": "E123456"},
            "branchCode": "B001",
            "nominees": [
                {
                    "id": "1",
                    "name": "Asha Rao",
                    "relationship": "Spouse",
                    "dateOfBirth": "1990-04-01",
                    "pan": "ABCDE1234F",
                    "percentage": 100,
                }
            ],
            "optOutOfNomination": False,
        }


def run(user: User, count: int) -> tuple[float, float]:
    """A batch through intake and workers: seconds until it was taken in, and until it was done."""
    started = time.perf_counter()
    with transaction.atomic():
        batch, _ = intake.submit(
            user_id=user.pk, rows=order_forms(count), limit=count, options=intake.Options(), address=None
        )
    taken = time.perf_counter() - started
    while batch.completed_at is None:
        time.sleep(0.01)
        batch.refresh_from_db()
    assert batch.succeeded == count
    return taken, time.perf_counter() - started


def ceiling(user: User, count: int) -> float:
    """Orders a second of the least that could be done: judge, and COPY the same rows of the same four tables."""
    rows = list(order_forms(count))
    now = timezone.now()
    batch = Batch.objects.create(
        batch_id=ids.batch_id(now), user=user, total=count, judged_on=now.date(), trace_id=ids.trace_id()
    )
    webhook_id = apps.get_model("webhooks", "Webhook").objects.values_list("pk", flat=True)[0]
    started = time.perf_counter()
    for first in range(0, count, CHUNK):
        with transaction.atomic(), connection.cursor() as django_cursor:
            cursor: Any = django_cursor  # psycopg's `copy` is not known to Django's stubs
            for table, lines in copied(cursor, batch, webhook_id, first, rows[first : first + CHUNK]).items():
                with cursor.copy(f"COPY {table} ({COPIES[table]}) FROM STDIN") as copy:
                    for line in lines:
                        copy.write_row(line)
    return count / (time.perf_counter() - started)


def copied(cursor: Any, batch: Batch, webhook_id: str, first: int, rows: list[Any]) -> dict[str, list[tuple[Any, ...]]]:
    now, on = timezone.now(), date(2026, 1, 1)
    assert not any(judge(row, on=on) for row in rows)
    cursor.execute("SELECT nextval('orders_id_seq') FROM generate_series(1, %s)", [len(rows)])
    numbers = [number for (number,) in cursor.fetchall()]
    lines: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COPIES}
    made = zip(numbers, ids.model_order_ids(now, len(rows)), ids.new_ids("evt", len(rows)), rows, strict=True)
    for index, (number, name, event_id, row) in enumerate(made, first):
        data = dumps({"orderId": number, "modelOrderId": name, "clientId": batch.user_id, "submittedAt": as_utc(now)})
        text, event, user_id = data.decode(), "order.created", batch.user_id
        lines["orders"].append((number, name, user_id, dumps(row).decode(), "Pending Approval", now, batch.trace_id))
        lines["bulk_order_results"].append((batch.pk, index, number, name, True, "succeeded", 1))
        lines["webhook_events"].append((event_id, user_id, event, text, body(event_id, event, data, now), now))
        lines["webhook_deliveries"].append(
            ("del" + event_id[3:], webhook_id, event, text, "pending", now, now, event_id, 0)
        )
    return lines


def post_of_100(user: User, times: int = 100) -> None:
    client = Client()
    client.force_login(user)
    text = exact_json.dumps({"orders": [*order_forms(100)]})
    calls: dict[str, Callable[[], Any]] = {
        "POST /api/bulk-orders of 100": lambda: client.post("/api/bulk-orders", text, content_type="application/json"),
        "GET /api/auth/me, for comparison": lambda: client.get("/api/auth/me"),
    }
    for name, call in calls.items():
        spent = []
        for _ in range(times):
            started = time.perf_counter()
            assert call().status_code in (200, 202)
            spent.append((time.perf_counter() - started) * 1000)
        print(
            f"{name}, in process: p50 {statistics.median(spent):.1f} ms, p95 {sorted(spent)[times * 95 // 100]:.1f} ms"
        )


@contextmanager
def scratch() -> Iterator[dict[str, str]]:
    """The environment of processes that work in a database made for this run."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {SCRATCH}")
        urls = {"DATABASE_URL": f"/{SCRATCH}", "REDIS_URL": REDIS_NUMBER}
        moved = {name: urlunsplit(urlsplit(os.environ[name])._replace(path=path)) for name, path in urls.items()}
        try:
            yield (
                os.environ
                | moved
                | {"API_RATE_PER_MINUTE": "1000000", "API_RATE_PER_HOUR": "1000000", "LOG_LEVEL": "WARNING"}
            )
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")


@contextmanager
def worker(concurrency: int) -> Iterator[int]:
    """A Celery worker for bulk orders alone: deliveries have their own benchmark. Yields its process id."""
    command = [sys.executable, "-m", "celery", "-q", "-A", "config", "worker", "-Q", "bulk_orders", "-l", "WARNING"]
    process = subprocess.Popen([*command, "--concurrency", str(concurrency)])  # noqa: S603
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def peak_mb(pid: int) -> int:
    """The largest memory that any of the worker's processes has had."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    peaks = [Path(f"/proc/{child}/status").read_text().partition("VmHWM:")[2].split()[0] for child in children]
    return max(map(int, peaks)) // 1024
