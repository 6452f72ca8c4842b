"""How fast deliveries go, against the least they can cost on this machine, and how soon after a commit they arrive.

Works in a database of its own, which it drops at the end. Sends only to a receiver on the loopback.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, transaction

from config.lib.valkey import client
from webhooks import nudge, tasks
from webhooks.benchmark import ceiling
from webhooks.models import Webhook
from webhooks.outbox import NewEvent, publish, publish_many
from webhooks.signing import generate_secret, signing_key
from webhooks.sql import execute

DATABASE = "gateway_bench"
VALKEY_DATABASE = 9
CHUNK = 500
EVENT = "order.created"
DATA = {
    "orderId": 1042,
    "modelOrderId": "MO-20260105-7K2M9QXW4B1C",
    "clientId": 7,
    "status": "Pending Approval",
    "submittedAt": "2026-01-05T09:30:00Z",
    "remarks": "x" * 300,  # bodies of about 500 bytes
}
TICKS = os.sysconf("SC_CLK_TCK")


class Run(NamedTuple):
    number: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.number / self.seconds


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deliveries", type=int, default=50_000)
        parser.add_argument("--endpoints", type=int, default=10)
        parser.add_argument("--seconds", type=int, default=20, help="Length of each latency run.")
        parser.add_argument("--receiver-delay", type=float, default=0, help="Seconds until the receiver answers.")
        parser.add_argument("--workers", default="1,2", help="How many processes a worker has, run by run.")
        parser.add_argument("--inside", action="store_true", help="Work in the database that the environment names.")

    def handle(self, **options: Any) -> None:
        if options["inside"]:
            call_command("migrate", verbosity=0)
            self._measure(**options)
        else:
            names = ("deliveries", "endpoints", "seconds", "receiver_delay", "workers")
            _in_a_database_of_its_own([f"--{name.replace('_', '-')}={options[name]}" for name in names])

    def _measure(
        self, deliveries: int, endpoints: int, seconds: int, receiver_delay: float, workers: str, **_: Any
    ) -> None:
        secret, events = generate_secret(), deliveries // endpoints
        user = User.objects.create(username="bench")
        self.stdout.write(f"{deliveries:,} deliveries over {endpoints} endpoints, bodies of about 500 bytes")
        with receiver(receiver_delay) as url:
            for _number in range(endpoints):
                Webhook.objects.create(user=user, url=url, events=[EVENT], secret=secret)
            fill(user, events)
            least = self._ceiling(secret)
            for processes in map(int, workers.split(",")):
                fill(user, events)
                with worker(processes) as pid:
                    run = self._engine(events * endpoints, pid, url)
                self._say(f"engine, {processes} worker process{'es' if processes > 1 else ''}", run)
                self.stdout.write(f"  = {run.rate / least.rate:.0%} of the bare loop")
            execute("DELETE FROM webhooks WHERE id <> (SELECT min(id) FROM webhooks)", {})
            with worker(1):
                for rate in (50, 200):
                    self._latency(user, rate, seconds, url)

    def _ceiling(self, secret: str) -> Run:
        started, cpu = time.perf_counter(), time.process_time()
        number = ceiling.deliver_all(signing_key(secret))
        run = Run(number, time.perf_counter() - started, time.process_time() - cpu)
        self._say("bare loop, 1 process", run)
        return run

    def _engine(self, number: int, pid: int, url: str) -> Run:
        before, cpu = count(url), cpu_seconds(pid)
        started = time.perf_counter()
        nudge.ring()
        tasks.sweep()  # as beat does every two seconds: it calls further processes to a deep backlog
        while count(url) < before + number:
            time.sleep(0.02)
        wait_until_recorded()
        return Run(number, time.perf_counter() - started, cpu_seconds(pid) - cpu)

    def _say(self, what: str, run: Run) -> None:
        each = run.cpu_seconds / run.number * 1e6
        self.stdout.write(f"{what}: {run.rate:,.0f}/s ({run.seconds:.1f} s), {each:.0f} µs CPU a delivery")

    def _latency(self, user: User, rate: int, seconds: int, url: str) -> None:
        fetch(url, "/log")
        ids: list[str] = []
        committed: list[float] = []
        next_at = time.time()
        for _ in range(rate * seconds):
            next_at += 1 / rate
            time.sleep(max(0.0, next_at - time.time()))
            with transaction.atomic():
                # Before anything that publishing hangs on the commit.
                transaction.on_commit(lambda: committed.append(time.time()))
                ids.append(publish(user_id=user.pk, name=EVENT, data=DATA))
        wait_until_recorded()
        received = dict(line.split() for line in fetch(url, "/log").splitlines())
        waits = sorted((float(received[id_]) - at) * 1000 for id_, at in zip(ids, committed, strict=True))
        points = statistics.quantiles(waits, n=100)
        figures = f"p50 {points[49]:.1f} ms, p95 {points[94]:.1f} ms, p99 {points[98]:.1f} ms"
        self.stdout.write(f"commit → received at {rate}/s: {figures}, max {waits[-1]:.1f} ms")


def _in_a_database_of_its_own(arguments: list[str]) -> None:
    """Run this command once more, in a child, with everything pointing there."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    database, valkey = urlsplit(settings.DATABASE_URL), urlsplit(settings.REDIS_URL)
    environment = {
        "DATABASE_URL": urlunsplit(database._replace(path=f"/{DATABASE}")),
        "REDIS_URL": urlunsplit(valkey._replace(path=f"/{VALKEY_DATABASE}")),
        "WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    try:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench_deliveries", "--inside", *arguments]
        subprocess.run(command, env=os.environ | environment, check=True)  # noqa: S603
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


@contextmanager
def receiver(delay: float) -> Iterator[str]:
    command = [sys.executable, "-m", "webhooks.benchmark.receiver", "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        process.kill()


@contextmanager
def worker(processes: int) -> Iterator[int]:
    """A real Celery worker that waits for its first message; its process id."""
    client().flushdb()
    command = [sys.executable, "-m", "celery", "-q", "-A", "config", "worker", "-Q", "webhooks", "-l", "ERROR"]
    command += ["--concurrency", str(processes), "--without-gossip", "--without-mingle"]
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603
        while not any(each["cmd"] == "brpop" for each in client().client_list()):
            time.sleep(0.1)
        yield process.pid
        process.send_signal(signal.SIGTERM)


def fill(user: User, events: int) -> None:
    """A backlog for every endpoint, published in silence."""
    for done in range(0, events, CHUNK):
        with transaction.atomic():
            publish_many([NewEvent(user.pk, EVENT, DATA)] * min(CHUNK, events - done))
    execute("ANALYZE", {})
    client().flushdb()


def wait_until_recorded() -> None:
    while execute("SELECT 1 FROM webhook_deliveries WHERE next_retry_at IS NOT NULL LIMIT 1", {}):
        time.sleep(0.005)


def fetch(url: str, path: str) -> str:
    with urlopen(url.replace("/hook", path)) as reply:  # noqa: S310  # nosec B310
        return str(reply.read().decode())


def count(url: str) -> int:
    return int(fetch(url, "/count"))


def cpu_seconds(pid: int) -> float:
    """Of a process and its children, so far."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(folder.name) == pid or int(fields[1]) == pid:
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total
