"""What a measurement plays on: a database and a Valkey of its own, receivers, workers, and a backlog."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from config.lib.devservices.supervisor import Services
from config.lib.postgresql.statements import execute
from config.lib.valkey import client
from webhooks import tasks
from webhooks.outbox import NewEvent, publish_many

DATABASE = "gateway_bench"
CHUNK = 500
SWEEP_SECONDS = 2.0  # as beat does
EVENT = "order.created"
DATA = {
    "orderId": 1042,
    "modelOrderId": "MO-20260105-7K2M9QXW4B1C",
    "clientId": 7,
    "status": "Pending Approval",
    "submittedAt": "2026-01-05T09:30:00Z",
    "remarks": "x" * 300,  # bodies of about 500 bytes
}


@contextmanager
def servers_of_its_own() -> Iterator[dict[str, str]]:
    """The environment that leads to an empty database beside ours, and to a Valkey that may be shut down."""
    with connection.cursor() as cursor, tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
        Path(folder).chmod(0o755)  # the servers' account must be able to enter, if we are root
        services = Services(Path(folder) / "s")
        try:
            yield {
                "DATABASE_URL": urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{DATABASE}")),
                **services.up(["REDIS_URL"]),
                "WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
            }
        finally:
            services.down()
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


@contextmanager
def receiver(delay: float = 0) -> Iterator[str]:
    command = [sys.executable, "-m", "webhooks.benchmark.receiver", "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.kill()


@contextmanager
def worker(processes: int, *, queue: str = "webhooks", include: str = "webhooks.tasks") -> Iterator[int]:
    """A real Celery worker that waits for its first message; its process id."""
    client().flushdb()
    command = [sys.executable, "-m", "celery", "-q", "-A", "config", "worker", "-Q", queue, "-I", include]
    command += ["-l", "ERROR", "--concurrency", str(processes), "--without-gossip", "--without-mingle"]
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603
        while not any(each["cmd"] == "brpop" for each in client().client_list()):
            time.sleep(0.1)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def fill(user: User, events: int) -> None:
    """A backlog for every endpoint of a user, published in silence."""
    for done in range(0, events, CHUNK):
        with transaction.atomic():
            publish_many([NewEvent(user.pk, EVENT, DATA)] * min(CHUNK, events - done))
    execute("ANALYZE", {})
    client().flushdb()


def sweep_until_received(url: str, number: int) -> None:
    """Wait for so many requests, with the sweep that beat would make: it finds the work, and calls processes to it."""
    sweep_at = 0.0
    while count(url) < number:
        if time.monotonic() >= sweep_at:
            tasks.sweep()
            sweep_at = time.monotonic() + SWEEP_SECONDS
        time.sleep(0.02)


def wait_until_recorded(*, but: str = "") -> None:
    """Until nothing waits any more, except for the endpoint with the id `but`."""
    statement = "SELECT 1 FROM webhook_deliveries WHERE next_retry_at IS NOT NULL AND webhook_id <> %(but)s LIMIT 1"
    while execute(statement, {"but": but}):
        time.sleep(0.005)


def fetch(url: str, path: str) -> str:
    with urlopen(url.replace("/hook", path)) as reply:  # noqa: S310  # nosec B310
        return str(reply.read().decode())


def count(url: str) -> int:
    return int(fetch(url, "/count"))
