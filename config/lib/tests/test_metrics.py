"""Counters of several processes, dead and alive; truths that are asked for; who may read them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client.values
import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from config.lib import health, valkey
from config.lib.environment import CHECKOUT
from config.lib.metrics import door, folder
from config.lib.metrics.scrape import exposition
from config.lib.metrics.truths import DatabaseTruths, Pulses, Truth, queues
from config.lib.tests.own_valkey import no_valkey

COUNT = """
import sys
from config.lib.metrics.values import Counter, Gauge, Histogram
counter = Counter("gateway_test_things", "Things.", ["kind"])
counter.labels(sys.argv[1]).inc(int(sys.argv[2]))
Histogram("gateway_test_seconds", "Time.", buckets=(1, 2)).observe(1.5)
Gauge("gateway_test_now", "Now.", multiprocess_mode="livesum").set(7)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nobody has counted anything yet."""
    monkeypatch.setenv(folder.VARIABLE, str(tmp_path))
    return tmp_path


def counted_by_another_process(kind: str, number: int) -> None:
    subprocess.run([sys.executable, "-c", COUNT, kind, str(number)], check=True, cwd=CHECKOUT, timeout=60)


def lines(*collectors: Any) -> list[str]:
    return exposition(collectors).decode().splitlines()


def test_metrics_are_kept_in_files_that_other_processes_can_read() -> None:
    assert prometheus_client.values.ValueClass is not prometheus_client.values.MutexValue


def test_counters_of_all_processes_add_up_and_outlive_them(place: Path) -> None:
    counted_by_another_process("a", 2)
    counted_by_another_process("a", 3)
    counted_by_another_process("b", 1)
    for _ in range(2):  # the second time from the folded file
        told = lines()
        assert 'gateway_test_things_total{kind="a"} 5.0' in told
        assert 'gateway_test_things_total{kind="b"} 1.0' in told
        assert 'gateway_test_seconds_bucket{le="1.0"} 0.0' in told
        assert 'gateway_test_seconds_bucket{le="2.0"} 3.0' in told
        assert "gateway_test_seconds_sum 4.5" in told
    assert {file.name for file in place.glob("*.db")} == {"counter_ended.db", "histogram_ended.db"}


def test_a_gauge_of_an_ended_process_is_forgotten(place: Path) -> None:
    counted_by_another_process("a", 1)
    assert not [line for line in lines() if line.startswith("gateway_test_now")]


def test_files_of_living_processes_stay(place: Path) -> None:
    counted_by_another_process("a", 4)
    (file,) = place.glob("counter_*.db")
    for living in (os.getpid(), 1):  # ours, and one that may be somebody else's
        alive = file.rename(place / f"counter_{living}.db")
        assert 'gateway_test_things_total{kind="a"} 4.0' in lines()
        file = alive
    assert file.exists()


def test_a_file_that_is_being_made_is_passed_over(place: Path) -> None:
    (place / "counter_1.db").touch()
    assert lines() == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(folder.VARIABLE, str(tmp_path / "file" / "below"))
    with pytest.raises(Exception, match="No folder for metrics"):
        folder.prepare()


def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Among temporary files anybody may have made one of that name."""
    monkeypatch.delenv(folder.VARIABLE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ImproperlyConfigured, match="belongs to somebody else"):
        folder.prepare()
    assert folder.VARIABLE not in os.environ


@pytest.mark.django_db
def test_the_database_is_asked_and_a_figure_without_value_left_out() -> None:
    truths = [
        Truth("gateway_test_rows", "Rows.", "SELECT * FROM (VALUES ('x', 3), ('y', NULL)) AS v", ("kind",)),
        Truth("gateway_test_bare", "Bare.", "SELECT 1.5"),
    ]
    told = lines(DatabaseTruths(truths))
    assert {'gateway_test_rows{kind="x"} 3.0', "gateway_test_bare 1.5", "gateway_database_up 1.0"} <= set(told)
    assert not [line for line in told if 'kind="y"' in line]


@pytest.mark.django_db
def test_a_query_that_fails_or_takes_too_long_is_named_and_the_others_are_told() -> None:
    truths = [
        Truth("gateway_test_broken", "Broken.", "SELECT 1 FROM nowhere"),
        Truth("gateway_test_slow", "Slow.", "SELECT 1 FROM pg_sleep(60)"),
        Truth("gateway_test_good", "Good.", "SELECT 1"),
    ]
    told = lines(DatabaseTruths(truths))
    assert 'gateway_scrape_failed{metric="gateway_test_broken"} 1.0' in told
    assert 'gateway_scrape_failed{metric="gateway_test_slow"} 1.0' in told
    assert "gateway_test_good 1.0" in told


def test_without_the_database_that_is_what_is_told(transactional_db: None, database_gone: None) -> None:
    told = lines(DatabaseTruths([Truth("gateway_test_good", "Good.", "SELECT 1")]))
    assert "gateway_database_up 0.0" in told
    assert not [line for line in told if line.startswith("gateway_test_good")]


@pytest.fixture
def database_gone(transactional_db: None) -> Iterator[None]:
    connection.close()
    there, connection.settings_dict["HOST"] = connection.settings_dict["HOST"], "/nonexistent"
    yield
    connection.settings_dict["HOST"] = there


def test_pulses_and_waiting_messages_are_valkeys_to_tell(settings: Any) -> None:
    valkey.client().delete(health.WORKER_BEAT, "webhooks")
    health.beat(health.BEAT_BEAT)
    valkey.client().rpush("webhooks", "one", "two")
    told = lines(Pulses())
    valkey.client().delete("webhooks")
    assert {
        f'gateway_info{{version="{settings.VERSION}"}} 1.0',
        "gateway_valkey_up 1.0",
        'gateway_heartbeat{process="worker"} 0.0',
        'gateway_heartbeat{process="beat"} 1.0',
        'gateway_queue_messages{queue="webhooks"} 2.0',
    } <= set(told)


def test_without_valkey_that_is_what_is_told(settings: Any) -> None:
    with no_valkey(settings):
        told = lines(Pulses())
    assert "gateway_valkey_up 0.0" in told
    assert not [line for line in told if line.startswith("gateway_heartbeat")]


def test_every_queue_of_the_routes_is_watched() -> None:
    assert queues() == ["bulk_orders", "integrations", "webhooks"]


@pytest.mark.parametrize(
    ("authorization", "address", "answer"),
    [
        ("Bearer fairly-long-token", "203.0.113.9", True),
        ("Bearer fairly-long-tokem", "127.0.0.1", False),
        ("Bearer \u00e9", "127.0.0.1", False),
        ("fairly-long-token", "127.0.0.1", False),
        (None, "127.0.0.1", False),
    ],
)
def test_where_there_is_a_token_it_alone_counts(
    settings: Any, authorization: str | None, address: str, answer: bool
) -> None:
    settings.METRICS_TOKEN = "fairly-long-token"
    assert door.permitted(authorization, address) is answer


@pytest.mark.parametrize(
    ("address", "answer"),
    [("127.0.0.1", True), ("::1", True), ("10.1.2.3", True), ("10.2.2.3", False), ("unknown", False)],
)
def test_without_a_token_the_network_counts(settings: Any, address: str, answer: bool) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.0/8", "::1/128", "10.1.0.0/16"]
    assert door.permitted(None, address) is answer


def test_a_worker_offers_its_machines_counters_on_a_port(place: Path, settings: Any) -> None:
    settings.METRICS_TOKEN = "fairly-long-token"
    counted_by_another_process("a", 6)
    server = door.serve("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
    try:
        refused = requests.get(url, timeout=10)
        told = requests.get(url, headers={"Authorization": "Bearer fairly-long-token"}, timeout=10)
    finally:
        server.shutdown()
        server.server_close()
    assert (refused.status_code, refused.text) == (403, "Forbidden\n")
    assert told.status_code == 200
    assert 'gateway_test_things_total{kind="a"} 6.0' in told.text.splitlines()
