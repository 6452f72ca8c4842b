"""How fast deliveries go, against the least they can cost on this machine and against what is usual; how soon after a
commit they arrive, also beside an endpoint that hangs, and also without Valkey.

Works in a database of its own and with a Valkey of its own, which go at the end. Sends only to the loopback.
"""

import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from config.lib.spent import cpu_seconds, peak_mb
from config.lib.valkey import client
from webhooks.benchmark import ceiling, peer, stage
from webhooks.benchmark.stage import receiver, worker
from webhooks.models import Delivery, Webhook
from webhooks.outbox import publish
from webhooks.signing import generate_secret, signing_key

PARTS = ("throughput", "peer", "latency", "isolation", "outage")
RATES = (50, 200)
PEER_PROCESSES = 2
NEIGHBOURS, NEIGHBOURS_RATE = 50, 200  # endpoints of the isolation run, and events a second over all of them
HUNG_BACKLOG = 200
OUTAGE_RATE = 20
NEVER = 3600.0


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
        parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
        parser.add_argument("--deliveries", type=int, default=50_000)
        parser.add_argument("--endpoints", type=int, default=10)
        parser.add_argument("--seconds", type=int, default=20, help="Length of each latency run.")
        parser.add_argument("--receiver-delay", type=float, default=0, help="Seconds until the receiver answers.")
        parser.add_argument("--workers", default="1,2", help="How many processes a worker has, run by run.")
        parser.add_argument("--inside", action="store_true", help="Work with the servers that the environment names.")

    def handle(self, **options: Any) -> None:
        if options["inside"]:
            self.options = options
            call_command("migrate", verbosity=0)
            self._measure(options["parts"] or PARTS)
            return
        names = ("deliveries", "endpoints", "seconds", "receiver_delay", "workers")
        arguments = [f"--{name.replace('_', '-')}={options[name]}" for name in names]
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench_deliveries", "--inside", *arguments]
        with stage.servers_of_its_own() as environment:
            subprocess.run([*command, *options["parts"]], env=os.environ | environment, check=True)  # noqa: S603

    def _measure(self, parts: Sequence[str]) -> None:
        self.user, self.secret = User.objects.create(username="bench"), generate_secret()
        with receiver(self.options["receiver_delay"]) as self.url:
            if "throughput" in parts:
                self._throughput()
            if "peer" in parts:
                self._peer()
            with worker(1):
                if "latency" in parts:
                    self._latency()
                if "isolation" in parts:
                    self._isolation()
                if "outage" in parts:
                    self._outage()

    def _throughput(self) -> None:
        endpoints = self.options["endpoints"]
        events = self.options["deliveries"] // endpoints
        self.stdout.write(f"{events * endpoints:,} deliveries over {endpoints} endpoints, bodies of about 500 bytes")
        for _number in range(endpoints):
            self._endpoint(self.user, self.url)
        stage.fill(self.user, events)
        least = self._ceiling()
        for processes in map(int, self.options["workers"].split(",")):
            stage.fill(self.user, events)
            with worker(processes) as pid:
                run = self._engine(events * endpoints, pid)
                peak = peak_mb(pid)
            self._say(f"engine, {processes} worker process{'es' if processes > 1 else ''}", run)
            self.stdout.write(f"  = {run.rate / least.rate:.0%} of the bare loop, peak memory of a process {peak} MB")
        Webhook.objects.all().delete()

    def _endpoint(self, user: User, url: str) -> Webhook:
        return Webhook.objects.create(user=user, url=url, events=[stage.EVENT], secret=self.secret)

    def _ceiling(self) -> Run:
        started, cpu = time.perf_counter(), time.process_time()
        number = ceiling.deliver_all(signing_key(self.secret))
        run = Run(number, time.perf_counter() - started, time.process_time() - cpu)
        self._say("bare loop, 1 process", run)
        return run

    def _engine(self, number: int, pid: int) -> Run:
        before, cpu = stage.count(self.url), cpu_seconds(pid)
        started = time.perf_counter()
        stage.sweep_until_received(self.url, before + number)
        stage.wait_until_recorded()
        return Run(number, time.perf_counter() - started, cpu_seconds(pid) - cpu)

    def _peer(self) -> None:
        """A fiftieth of the deliveries: it takes its time."""
        self._endpoint(self.user, self.url)
        stage.fill(self.user, self.options["deliveries"] // 50)
        ids = list(Delivery.objects.filter(next_retry_at__isnull=False).values_list("pk", flat=True))
        with worker(PEER_PROCESSES, queue=peer.QUEUE, include=peer.__name__) as pid:
            started, cpu = time.perf_counter(), cpu_seconds(pid)
            for id_ in ids:
                peer.deliver.apply_async((id_,), queue=peer.QUEUE)
            stage.wait_until_recorded()
            run = Run(len(ids), time.perf_counter() - started, cpu_seconds(pid) - cpu)
        self._say(f"one Celery task per delivery, requests, {PEER_PROCESSES} processes", run)
        Webhook.objects.all().delete()

    def _say(self, what: str, run: Run) -> None:
        each = run.cpu_seconds / run.number * 1e6
        self.stdout.write(f"{what}: {run.rate:,.0f}/s ({run.seconds:.1f} s), {each:,.0f} µs CPU a delivery")

    def _latency(self) -> None:
        self._endpoint(self.user, self.url)
        for rate in RATES:
            waits = self._waits([self.user], rate)
            self._tell(f"commit → received at {rate}/s", waits)
        Webhook.objects.all().delete()

    def _isolation(self) -> None:
        """Many partners with an endpoint each; then the same again, and one more who has much waiting, and hangs."""
        users = [User.objects.create(username=f"neighbour-{number}") for number in range(NEIGHBOURS)]
        for user in users[1:]:
            self._endpoint(user, self.url)
        alone = self._waits(users[1:], NEIGHBOURS_RATE)
        self._tell(f"{NEIGHBOURS - 1} endpoints, nobody hangs", alone)
        with receiver(NEVER) as hole:
            hung = self._endpoint(users[0], hole)
            stage.fill(users[0], HUNG_BACKLOG)
            beside = self._waits(users, NEIGHBOURS_RATE, but=hung.id)
            self._tell("the same, and one more that hangs", beside)
            self.stdout.write(f"  = {p95(beside) / p95(alone):.2f} x the p95 without it")
            Webhook.objects.all().delete()

    def _outage(self) -> None:
        self._endpoint(self.user, self.url)
        self._waits([self.user], OUTAGE_RATE, seconds=1)  # the engine is there, and idle
        try:
            client().shutdown(nosave=True)
        except redis.ConnectionError:
            self.stdout.write("Valkey is shut down.")
        self._tell(f"without Valkey, commit → received at {OUTAGE_RATE}/s", self._waits([self.user], OUTAGE_RATE))

    def _waits(self, users: Sequence[User], rate: int, *, seconds: int = 0, but: str = "") -> list[float]:
        """Milliseconds from the commit until it was received, sorted, of one event after the other."""
        stage.fetch(self.url, "/log")
        ids: list[str] = []
        committed: list[float] = []
        next_at = time.time()
        for number in range(rate * (seconds or self.options["seconds"])):
            next_at += 1 / rate
            time.sleep(max(0.0, next_at - time.time()))
            with transaction.atomic():
                # Before anything that publishing hangs on the commit.
                transaction.on_commit(lambda: committed.append(time.time()))
                ids.append(publish(user_id=users[number % len(users)].pk, name=stage.EVENT, data=stage.DATA))
        stage.wait_until_recorded(but=but)
        received = dict(line.split() for line in stage.fetch(self.url, "/log").splitlines())
        pairs = zip(ids, committed, strict=True)
        return sorted((float(received[id_]) - at) * 1000 for id_, at in pairs if id_ in received)

    def _tell(self, what: str, waits: Sequence[float]) -> None:
        p50, late, p99 = (statistics.quantiles(waits, n=100)[at] for at in (49, 94, 98))
        self.stdout.write(f"{what}: p50 {p50:.1f} ms, p95 {late:.1f} ms, p99 {p99:.1f} ms, max {waits[-1]:.1f} ms")


def p95(waits: Sequence[float]) -> float:
    return statistics.quantiles(waits, n=100)[94]
