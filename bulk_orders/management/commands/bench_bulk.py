"""How fast bulk orders go, beside a ceiling measured in the same run. In a database of its own, dropped at the end."""

import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.test import Client

from bulk_orders import intake
from bulk_orders.benchmark import peers, uploads
from bulk_orders.benchmark.ceiling import ceiling
from bulk_orders.benchmark.forms import order_forms
from config.lib import exact_json
from config.lib.spent import peak_mb

SCRATCH, REDIS_NUMBER = "bench_bulk", "/13"
ROUNDS = 3
# What they are called, and which part of the orders they are given.
PEERS = (
    ("nested DRF serializers + bulk_create, orders alone", peers.nested_serializers, 4),
    ("one by one through DRF, orders alone", peers.orders_alone, 20),
    ("one by one through DRF, the same rows", peers.one_by_one, 50),
)


class Command(BaseCommand):
    help = "Measure bulk orders: ceiling, pipeline through a real worker, peers, growth, a POST of 100, and uploads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--orders", type=int, default=20_000)
        parser.add_argument("--growth", type=int, nargs="*", default=[1_000, 10_000, 100_000])
        parser.add_argument("--uploads", type=int, default=0, help="orders in a file of each format, e.g. 100000")
        parser.add_argument("--concurrency", type=int, default=settings.CELERY_WORKER_CONCURRENCY)
        parser.add_argument("--here", action="store_true", help="In the database at hand, which keeps what is made.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["here"]:
            user = subscriber()
            if options["orders"]:
                measure(user, options["orders"], options["growth"], options["concurrency"])
            if options["uploads"]:
                for line in uploads.measure(user, options["uploads"], partial(worker, options["concurrency"])):
                    print(line, flush=True)
            return
        with scratch() as environment:
            for command in (["migrate", "-v0"], [*sys.argv[1:], "--here"]):
                subprocess.run([sys.executable, "manage.py", *command], env=environment, check=True)  # noqa: S603


def subscriber() -> User:
    """Whose orders are told to one webhook."""
    user = User.objects.create_user("bench")
    apps.get_model("webhooks", "Webhook").objects.create(
        user=user, url="http://127.0.0.1:9/", events=["order.created", "bulk_order.completed"], secret="x" * 32
    )
    return user


def measure(user: User, orders: int, growth: list[int], concurrency: int) -> None:
    with worker(concurrency) as pid:
        run(user, intake.CHUNK_ROWS)  # warms up
        # Turn about, and the best of each: what else the machine does falls on both.
        rounds = [(ceiling(user, orders), run(user, orders)) for _ in range(ROUNDS)]
        best = max(rate for rate, _ in rounds)
        taken, total = min((ran for _, ran in rounds), key=itemgetter(1))
        print(f"ceiling, pydantic + COPY in a bare loop, 1 process: {best:8,.0f} orders/s")
        print(
            f"pipeline, {concurrency} worker processes:                    {orders / total:8,.0f} orders/s"
            f" = {orders / total / best:.0%} of the ceiling (intake {taken:.2f} s of {total:.2f} s)"
        )
        compare(user, orders, orders / total)
        for count in growth:
            _, total = run(user, count)
            print(f"growth: {count:>7,} orders in {total:7.2f} s, {count / total:7,.0f}/s, worker {peak_mb(pid)} MB")
    post_of_100(user)


def compare(user: User, orders: int, ours: float) -> None:
    """What others do, which takes so long that a part of the orders must do; the best of each, as of ours."""
    for name, peer, part in PEERS:
        rate = max(peer(user, max(orders // part, 100)) for _ in range(ROUNDS))
        print(f"peer, {name}: {rate:8,.0f} orders/s, the pipeline does {ours / rate:.1f} times as many")


def run(user: User, count: int) -> tuple[float, float]:
    """A batch through intake and workers: seconds until it was taken in, and until it was done."""
    rows = list(order_forms(count))
    started = time.perf_counter()
    with transaction.atomic():
        batch, _ = intake.submit(user_id=user.pk, rows=rows, limit=count, options=intake.Options(), address=None)
    taken = time.perf_counter() - started
    while batch.completed_at is None:
        time.sleep(0.01)
        batch.refresh_from_db()
    assert batch.succeeded == count
    return taken, time.perf_counter() - started


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
