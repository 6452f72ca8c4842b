"""Gauges that are not counted along but asked for: of PostgreSQL by small queries, of Valkey by one round trip."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.lib import health, valkey

PATIENCE_MS = 2000  # a figure that takes longer is left out; whoever watches must not become the load


@dataclass(frozen=True, slots=True)
class Truth:
    """One gauge: `sql` yields rows of the labels' values and a number; a row whose number is NULL is left out."""

    name: str
    help: str
    sql: str
    labels: tuple[str, ...] = ()


class DatabaseTruths(Collector):
    """Whether PostgreSQL answers, and what it says. A query that fails is named, and takes no other along."""

    def __init__(self, truths: Sequence[Truth]) -> None:
        self._truths = truths

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("gateway_database_up", "1 if PostgreSQL answers.")
        failed = GaugeMetricFamily("gateway_scrape_failed", "1 for a figure that could not be read.", labels=["metric"])
        answers = health.database_answers()
        up.add_metric([], answers)
        yield up
        for truth in self._truths if answers else ():
            try:
                yield _family(truth, _rows(truth.sql))
            except DatabaseError:
                failed.add_metric([truth.name], 1)
        yield failed


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PATIENCE_MS)])
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _family(truth: Truth, rows: Iterable[tuple[Any, ...]]) -> Metric:
    family = GaugeMetricFamily(truth.name, truth.help, labels=truth.labels)
    for *labels, value in rows:
        if value is not None:
            family.add_metric([str(label) for label in labels], float(value))
    return family


class Pulses(Collector):
    """Whether Valkey answers, who has shown a pulse of late, and how many messages wait in each queue."""

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("gateway_valkey_up", "1 if Valkey answers.")
        version = GaugeMetricFamily("gateway_info", "The version that answers.", labels=["version"])
        version.add_metric([settings.VERSION], 1)
        try:
            beats, lengths = _ask_valkey(queues())
        except redis.RedisError:
            up.add_metric([], 0)
            return [version, up]
        up.add_metric([], 1)
        return [version, up, _heartbeats(beats), _queues(lengths)]


def queues() -> list[str]:
    """Every queue that tasks are routed to."""
    routes = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    return sorted(routes | {settings.CELERY_TASK_DEFAULT_QUEUE})


def _ask_valkey(names: Sequence[str]) -> tuple[dict[str, bool], dict[str, int]]:
    pipeline = valkey.client().pipeline(transaction=False)
    pipeline.mget(health.WORKER_BEAT, health.BEAT_BEAT)
    for name in names:
        pipeline.llen(name)
    (worker, beat), *lengths = pipeline.execute()
    return {"worker": bool(worker), "beat": bool(beat)}, dict(zip(names, lengths, strict=True))


def _heartbeats(beats: dict[str, bool]) -> Metric:
    family = GaugeMetricFamily("gateway_heartbeat", "1 if one has shown a pulse within 10 s.", labels=["process"])
    for process, alive in beats.items():
        family.add_metric([process], alive)
    return family


def _queues(lengths: dict[str, int]) -> Metric:
    family = GaugeMetricFamily("gateway_queue_messages", "Messages that no worker has taken.", labels=["queue"])
    for name, length in lengths.items():
        family.add_metric([name], length)
    return family
