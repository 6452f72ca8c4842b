"""A part of the whole system stops, for real, and comes back: what the probes, the API and open sockets make of it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from config.lib import health
from config.lib.devservices.processes import until
from config.tests.demo import Demo

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the processes through /proc")

WELL = {"database": "connected", "redis": "connected", "workers": "running", "beat": "running"}
# Longer than the pause between two beats of a process that lives.
UNRENEWED_MS = 3000


def parts(demo: Demo) -> dict[str, str]:
    reply = demo.get("/api/health")
    told = {name: reply.json()[name] for name in WELL}
    assert (reply.status_code, reply.json()["status"]) == ((200, "healthy") if told == WELL else (503, "unhealthy"))
    return told


def becomes(demo: Demo, state: dict[str, str]) -> bool:
    return until(lambda: parts(demo) == state, seconds=20)


@contextmanager
def stopped(stop: Callable[[], None], start: Callable[[], Any]) -> Iterator[None]:
    stop()
    try:
        yield
    finally:
        start()


def test_without_postgresql_callers_hear_so_and_all_is_well_once_it_is_back(demo: Demo) -> None:
    (webhook, *_) = demo.get("/api/webhooks").json()
    assert becomes(demo, WELL)
    with demo.watching(f"/ws/webhooks/{webhook['id']}/deliveries") as watcher:
        watcher.recv()
        with stopped(demo.services.postgres.stop, demo.services.up):
            assert demo.get("/livez").status_code == 200
            assert demo.get("/readyz").status_code == 503
            assert parts(demo) == WELL | {"database": "disconnected"}
            refusal = demo.get("/api/webhooks")
            assert (refusal.status_code, refusal.json()["code"]) == (503, "database_unavailable")
            assert refusal.headers["Retry-After"] == "5"
        assert demo.get("/api/webhooks").status_code == 200
        assert demo.get("/readyz").status_code == 200
        demo.post(f"/api/webhooks/{webhook['id']}/test")
        while "webhook.test" not in watcher.recv():
            pass
    assert becomes(demo, WELL)


def test_without_valkey_the_api_works_on(demo: Demo) -> None:
    assert becomes(demo, WELL)
    with stopped(demo.services.valkey.stop, demo.services.up):
        assert demo.get("/livez").status_code == demo.get("/readyz").status_code == 200
        assert parts(demo) == WELL | {"redis": "disconnected", "workers": "unknown", "beat": "unknown"}
        assert demo.get("/api/webhooks").status_code == 200
    assert becomes(demo, WELL)


@pytest.mark.parametrize(
    ("command", "part", "pulse"),
    [("celery -A config worker", "workers", health.WORKER_BEAT), ("celery -A config beat", "beat", health.BEAT_BEAT)],
)
def test_a_process_that_stands_still_is_named(demo: Demo, command: str, part: str, pulse: str) -> None:
    assert becomes(demo, WELL)
    with stopped(lambda: demo.signal(command, signal.SIGSTOP), lambda: demo.signal(command, signal.SIGCONT)):
        with redis.Redis.from_url(demo.services.valkey.url()) as valkey:
            valkey.pexpire(pulse, UNRENEWED_MS)
        assert becomes(demo, WELL | {part: "stopped"})
        assert demo.get("/readyz").status_code == 200
    assert becomes(demo, WELL)
