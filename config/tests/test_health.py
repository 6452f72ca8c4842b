"""The probes tell what is, part by part."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import path

from config.lib import health, probes, valkey
from config.lib.tests.own_valkey import no_valkey

pytestmark = pytest.mark.urls(__name__)

urlpatterns = [
    path("livez", probes.Live.as_view()),
    path("readyz", probes.Ready.as_view()),
    path("api/health", probes.Health.as_view()),
]


@pytest.fixture
def all_running(db: None) -> None:
    health.beat(health.WORKER_BEAT)
    health.beat(health.BEAT_BEAT)


@pytest.fixture
def database_gone(transactional_db: None) -> Iterator[None]:
    """The address of the database leads nowhere; the next use has to connect."""
    connection.close()
    there, connection.settings_dict["HOST"] = connection.settings_dict["HOST"], "/nonexistent"
    yield
    connection.settings_dict["HOST"] = there


@pytest.fixture
def valkey_gone(settings: Any) -> Iterator[None]:
    with no_valkey(settings):
        yield


def test_healthy_names_every_part(client: Client, all_running: None, settings: Any) -> None:
    response = client.get("/api/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "healthy",
        "database": "connected",
        "redis": "connected",
        "workers": "running",
        "beat": "running",
        "version": settings.VERSION,
    }


@pytest.mark.parametrize(("pulse", "part"), [(health.WORKER_BEAT, "workers"), (health.BEAT_BEAT, "beat")])
def test_a_missing_pulse_is_unhealthy(client: Client, all_running: None, pulse: str, part: str) -> None:
    valkey.client().delete(pulse)
    response = client.get("/api/health")
    assert (response.status_code, response.json()["status"], response.json()[part]) == (503, "unhealthy", "stopped")
    assert part in response.json()["message"]


def test_a_pulse_ends_by_itself(all_running: None) -> None:
    assert 0 < valkey.client().ttl(health.WORKER_BEAT) <= health.HEARTBEAT_SECONDS


def test_without_valkey_the_load_balancer_keeps_us(client: Client, db: None, valkey_gone: None) -> None:
    assert client.get("/readyz").status_code == 200
    response = client.get("/api/health")
    assert (response.status_code, response.json()["redis"]) == (503, "disconnected")
    health.beat(health.WORKER_BEAT)  # and the one who cannot note its pulse goes on


def test_without_the_database_only_liveness_remains(client: Client, all_running: None, database_gone: None) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").json() == {"status": "unready"}
    response = client.get("/api/health")
    assert (response.status_code, response.json()["database"]) == (503, "disconnected")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/health"])
def test_a_probe_is_only_read(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_many_who_ask_at_once_share_one_question() -> None:
    at_once: list[int] = []
    asking = threading.Semaphore(1)

    def ask() -> bool:
        alone = asking.acquire(blocking=False)
        at_once.append(1 if alone else 2)
        time.sleep(0.01)
        if alone:
            asking.release()
        return True

    database = health.OneAtATime(ask)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: database.answer(), range(40)))
    assert answers == [True] * 40
    assert set(at_once) == {1}


def test_a_question_that_fails_fails_for_all_who_wait_and_is_asked_anew() -> None:
    replies = iter([ZeroDivisionError(), None])

    def ask() -> bool:
        if error := next(replies):
            raise error
        return True

    database = health.OneAtATime(ask)
    with pytest.raises(ZeroDivisionError):
        database.answer()
    assert database.answer()
