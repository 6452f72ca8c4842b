"""Ways to harm a running system. Each returns when the harm is over and everything is there again."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.lib import devservices
from config.lib.devservices.processes import until
from config.lib.valkey import client
from config.proof.crew import Crew, connections_of, wait_for_workers
from webhooks.engine import AT_A_TIME
from webhooks.models import Webhook

KILL_EVERY_SECONDS = 2.0
OUTAGE_SECONDS = 5.0
DRAIN_SECONDS = 30
LEASE_MARGIN_SECONDS = 10  # what a lease adds to the time-out of a request
IN_A_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'
  AND state_change < clock_timestamp() - interval '20 ms'
"""


@dataclass
class Harm:
    """What a scenario did. `kills` counts deaths that may have cut requests off, `freezes` those who were stopped, and
    `frozen` the requests that these had in flight, at most."""

    crew: Crew
    busy: Callable[[], bool]  # whether there is still work going in
    kills: int = 0
    freezes: int = 0
    frozen: int = 0
    over: datetime | None = None  # when recovery could begin; the end of the scenario, unless it says otherwise
    notes: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def kill_workers(harm: Harm) -> None:
    """Two workers; every two seconds a child of one, or the whole of it, dies as by a machine that loses its power."""
    harm.crew.start("spare")
    wait_for_workers(2)
    for whole, name in itertools.cycle(itertools.product((False, True), ("worker", "spare"))):
        if not harm.busy():
            break
        time.sleep(KILL_EVERY_SECONDS)
        if whole:
            harm.crew.kill(name)
            harm.crew.start(name)
        elif children := harm.crew.pool(name):
            with suppress(ProcessLookupError):
                os.kill(random.choice(children), signal.SIGKILL)  # noqa: S311 - anybody
        harm.kills += 1
    wait_for_workers(2)
    harm.over = timezone.now()
    _drain(harm, "spare")


def flush_valkey(harm: Harm) -> None:
    while harm.busy():
        client().flushall()
        time.sleep(1)


def kill_valkey(harm: Harm) -> None:
    """Killed, away for some seconds, and back with what its log held."""
    time.sleep(1)
    valkey = services().valkey
    _kill(valkey.pids, signal.SIGKILL)
    time.sleep(OUTAGE_SECONDS)
    services().up()


def restart_postgres(harm: Harm) -> None:
    """Immediate shutdowns: every session is cut off, nothing is written back; then recovery from the log."""
    while harm.busy():
        time.sleep(2 * KILL_EVERY_SECONDS)
        connection.close()
        harm.kills += 1
        os.kill(min(services().postgres.pids()), signal.SIGQUIT)
        until(lambda: not services().postgres.pids(), seconds=30)
        services().up()


def race(harm: Harm) -> None:
    """A second worker beside the first, from the first order to the last."""
    harm.crew.start("spare")
    wait_for_workers(2)
    _while(harm.busy)
    _drain(harm, "spare")


def terminate(harm: Harm) -> None:
    """Deployments in a row: the worker is asked to end with its hands full, and the next one takes over."""
    while harm.busy():
        time.sleep(KILL_EVERY_SECONDS)
        _drain(harm, "worker")
        harm.crew.start("worker")
        wait_for_workers(1)


def freeze(harm: Harm) -> None:
    """Stopped with requests in flight and, if it can be caught so, inside a transaction; then it wakes up, long after
    its leases have passed to the other worker."""
    harm.crew.start("spare")
    wait_for_workers(2)
    caught = _freeze_in_a_transaction(harm.crew)
    harm.notes.append(f"frozen {'inside' if caught else 'outside'} a transaction")
    harm.freezes += 1
    harm.frozen += sum(_in_flight(pid) for pid in harm.crew.pool("worker"))
    harm.notes.append(f"frozen with {harm.frozen} requests in flight at most")
    harm.over = timezone.now()  # the other worker is there all the time
    time.sleep(settings.WEBHOOK_TIMEOUT_SECONDS + LEASE_MARGIN_SECONDS + 2)
    harm.crew.signal_all("worker", signal.SIGCONT)
    _while(harm.busy)
    _drain(harm, "spare")


SCENARIOS: dict[str, tuple[str, Callable[[Harm], None]]] = {
    "workers": ("worker processes killed every 2 s", kill_workers),
    "flush": ("FLUSHALL every second", flush_valkey),
    "valkey": ("Valkey killed, back after 5 s", kill_valkey),
    "postgres": ("PostgreSQL restarted, immediate", restart_postgres),
    "race": ("two workers race", race),
    "term": ("SIGTERM, the next takes over", terminate),
    "freeze": ("SIGSTOP past the lease, SIGCONT", freeze),
}


def services() -> devservices.Services:
    return devservices.Services(devservices.folder())


def _drain(harm: Harm, name: str) -> None:
    started = time.monotonic()
    if harm.crew.terminate(name, patience=DRAIN_SECONDS):
        harm.notes.append(f"{name} drained in {time.monotonic() - started:.1f} s")
    else:
        harm.trouble.append(f"{name} did not drain within {DRAIN_SECONDS} s")
    del harm.crew.children[name]


def _freeze_in_a_transaction(crew: Crew) -> bool:
    for _ in range(100):
        crew.signal_all("worker", signal.SIGSTOP)
        time.sleep(0.04)  # what was under way in the server comes to its end
        if _open_transactions():
            return True
        crew.signal_all("worker", signal.SIGCONT)
        time.sleep(random.random() / 20)  # noqa: S311 - anywhen
    crew.signal_all("worker", signal.SIGSTOP)
    return False


def _in_flight(pid: int) -> int:
    """Requests at most: one on each connection, and what libcurl has been given since it last opened any."""
    ports = {urlsplit(url).port or 0 for url in Webhook.objects.values_list("url", flat=True)}
    connections = connections_of(pid, ports)
    return connections and connections + AT_A_TIME


def _open_transactions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(IN_A_TRANSACTION)
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def _kill(find: Callable[[], list[int]], number: signal.Signals) -> None:
    for pid in find():
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    until(lambda: not find(), seconds=10)


def _while(condition: Callable[[], bool]) -> None:
    while condition():
        time.sleep(0.1)


def chosen(names: list[str]) -> Iterator[tuple[str, str, Callable[[Harm], None]]]:
    for name in names or SCENARIOS:
        title, act = SCENARIOS[name]
        yield name, title, act
