"""Files of orders through a web process and a worker of their own: how long, and how much memory each ever takes."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import requests
from django.apps import apps
from django.contrib.auth.models import User

from bulk_orders.benchmark.forms import order_forms
from bulk_orders.models import Batch
from bulk_orders.sheets import COLUMNS, line_of
from bulk_orders.workbook_export import write_rows
from config.lib import exact_json
from config.lib.spent import peak_mb

FEW: Final = 1_000
KEY: Final = {"X-API-Key": f"ak_1767225600000_{0:032x}", "X-API-Secret": f"sk_{0:064x}"}


def measure(user: User, count: int, worker: Callable[[], AbstractContextManager[int]]) -> Iterator[str]:
    """Each format in processes of its own: first few orders, then `count`; memory that grows with the file shows."""
    integration = {"name": "Bench", "type": "custom", "status": "active", "scopes": ["bulk_orders:write"]}
    pair = {"api_key": KEY["X-API-Key"], "api_secret": KEY["X-API-Secret"]}
    apps.get_model("integrations", "Integration").objects.create(user=user, **integration, **pair)
    with TemporaryDirectory() as folder:
        for write in (write_csv, write_jsonl, write_xlsx):
            file = write(Path(folder), count)
            with web() as (url, web_pid), worker() as worker_pid:
                _upload(write(Path(folder), FEW), url, FEW)
                before = peak_mb(web_pid), peak_mb(worker_pid)
                answered, done = _upload(file, url, count)
                peaks = peak_mb(web_pid), peak_mb(worker_pid)
            size = file.stat().st_size / 1_000_000
            yield (
                f"upload of {count:,} orders, {file.suffix[1:]:5} {size:5.1f} MB: answered in {answered:6.2f} s,"
                f" done in {done:6.2f} s, peak memory web {peaks[0]} MB, worker {peaks[1]} MB"
                f" (after {FEW:,}: {before[0]} and {before[1]} MB)"
            )


def write_csv(folder: Path, count: int) -> Path:
    path = folder / f"{count}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(_lines(count))
    return path


def write_jsonl(folder: Path, count: int) -> Path:
    path = folder / f"{count}.jsonl"
    with path.open("wb") as file:
        file.writelines(exact_json.dumps(form) + b"\n" for form in order_forms(count))
    return path


def write_xlsx(folder: Path, count: int) -> Path:
    path = folder / f"{count}.xlsx"
    with path.open("wb") as file:
        file.writelines(write_rows(_lines(count)))
    return path


def _lines(count: int) -> Iterator[list[str]]:
    yield [*COLUMNS]
    yield from map(line_of, order_forms(count))


def _upload(path: Path, url: str, count: int) -> tuple[float, float]:
    """Seconds until it was answered, and until the last order was made."""
    started = time.perf_counter()
    with path.open("rb") as file:
        reply = requests.post(f"{url}/api/bulk-orders/upload", files={"file": file}, headers=KEY, timeout=600)
    answered = time.perf_counter() - started
    reply.raise_for_status()
    batch = Batch.objects.get(pk=reply.json()["batchId"])
    while batch.completed_at is None:
        time.sleep(0.05)
        batch.refresh_from_db()
    assert batch.succeeded == count, batch.error
    return answered, time.perf_counter() - started


@contextmanager
def web() -> Iterator[tuple[str, int]]:
    """The web process as the Procfile starts it, with one worker. Yields its URL and process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("granian")
    options = [
        "--interface",
        "wsgi",
        "--no-ws",
        "--port",
        str(port),
        "--blocking-threads",
        "64",
        "--log-level",
        "error",
    ]
    command = [str(program), *options, "config.wsgi:application"]
    process = subprocess.Popen(command, env=os.environ | {"DATABASE_POOL_SIZE": "16"})  # noqa: S603
    try:
        _until_it_answers(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _until_it_answers(url: str) -> None:
    for _ in range(600):
        with suppress(requests.ConnectionError):
            if requests.get(f"{url}/livez", timeout=5).ok:
                return
        time.sleep(0.1)
    raise TimeoutError(url)
