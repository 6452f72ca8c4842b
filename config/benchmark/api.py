"""What calls of the API take, over real granian as the Procfile starts it: one client, kinds of calls taking turns."""

import http.client
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import call_command
from django.db import connections

from config.demo.addresses import free_ports
from config.demo.orders import forms
from config.demo.processes import Processes
from config.demo.seed import INTEGRATION, PARTNER, seed
from config.lib.devservices.processes import until
from integrations.models import Integration

UNLIMITED = 1_000_000_000
WARM_UP = 10
ROUNDS = 5
NOTHING, POST_100, WEBHOOK, INTEGRATION_KIND, KEY = (
    "no-op view",
    "POST of 100 orders",
    "create webhook",
    "create integration",
    "GET with a key",
)
JSON = {"Content-Type": "application/json"}


@dataclass
class Caller:
    """One kept connection."""

    port: int
    headers: dict[str, str]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[float, Any]:
        """Seconds until the whole reply was there, and the reply."""
        started = time.perf_counter()
        self.connection.request(method, path, body, self.headers | (JSON if body else {}))
        reply = self.connection.getresponse()
        content = reply.read()
        taken = time.perf_counter() - started
        if reply.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {reply.status} {content[:300]!r}")
        return taken, json.loads(content) if content else reply

    def log_in(self) -> None:
        body = json.dumps({"username": PARTNER.username, "password": PARTNER.password}).encode()
        self.connection.request("POST", "/api/auth/login", body, JSON)
        reply = self.connection.getresponse()
        reply.read()
        cookies = [value.split(";")[0] for name, value in reply.getheaders() if name.lower() == "set-cookie"]
        token = next(cookie.split("=")[1] for cookie in cookies if cookie.startswith("csrftoken"))
        self.headers |= {"Cookie": "; ".join(cookies), "X-CSRFToken": token}


class Round(NamedTuple):
    """Medians of calls that took turns, in seconds."""

    nothing: float
    key: float

    @property
    def ratio(self) -> float:
        return self.key / self.nothing


def measure(folder: Path, times: int) -> tuple[dict[str, list[float]], list[Round]]:
    """Seconds of each call by kind, in order of size; and rounds of no more than what a key costs.

    Among calls that write, a view that does nothing takes twice as long as by itself, since they leave it cold caches:
    as a floor it would flatter.
    """
    with granian(folder) as web:
        owner, partner, nobody = Caller(web.port, {}), Caller(web.port, web.key), Caller(web.port, {})
        owner.log_in()
        taken: dict[str, list[float]] = {}
        for number in range(times + WARM_UP):
            for kind, call in kinds(owner, partner, nobody).items():
                seconds = call()
                if number >= WARM_UP:
                    taken.setdefault(kind, []).append(seconds)
        rounds = [turn_about(partner, nobody, times) for _ in range(ROUNDS)]
    return {kind: sorted(values) for kind, values in taken.items()}, rounds


def turn_about(partner: Caller, nobody: Caller, times: int) -> Round:
    """A call with a key, a call of nothing, each as often the first of the two."""
    calls = [lambda: nobody.call("GET", "/nothing")[0], lambda: partner.call("GET", "/api/integrations/me")[0]]
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(times):
        for which in (number % 2, 1 - number % 2):
            seconds[which].append(calls[which]())
    nothing, key = map(statistics.median, seconds)
    return Round(nothing, key)


def kinds(owner: Caller, partner: Caller, nobody: Caller) -> dict[str, Callable[[], float]]:
    orders = json.dumps({"orders": forms(100)}).encode()
    webhook = json.dumps({"url": "http://127.0.0.1:9/hook", "events": ["order.created"]}).encode()
    integration = json.dumps({"name": "Benchmark", "type": "custom"}).encode()
    return {
        NOTHING: lambda: nobody.call("GET", "/nothing")[0],
        KEY: lambda: partner.call("GET", "/api/integrations/me")[0],
        POST_100: lambda: partner.call("POST", "/api/bulk-orders", orders)[0],
        WEBHOOK: partial(_create, partner, "/api/webhooks", webhook),
        INTEGRATION_KIND: partial(_create, owner, "/api/integrations", integration),
    }


def _create(caller: Caller, path: str, body: bytes) -> float:
    """What is made is deleted again, off the clock: a user may have a hundred."""
    seconds, made = caller.call("POST", path, body)
    caller.call("DELETE", f"{path}/{made['id']}")
    return seconds


class Web(NamedTuple):
    """The web process alone, and the headers of a key without limits."""

    pid: int
    port: int
    key: dict[str, str]


@contextmanager
def granian(folder: Path) -> Iterator[Web]:
    call_command("migrate", verbosity=0, interactive=False)
    integration = seed()
    Integration.objects.filter(name=INTEGRATION).update(rate_per_minute=UNLIMITED, rate_per_hour=UNLIMITED)
    connections.close_all()
    (port,) = free_ports(8900, 1)
    environment = {
        "DEBUG": "1",
        "GRANIAN_HOST": "127.0.0.1",
        "PORT": str(port),
        "WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "LOG_LEVEL": "WARNING",
        "API_RATE_PER_MINUTE": str(UNLIMITED),
        "API_RATE_PER_HOUR": str(UNLIMITED),
    }
    web = Processes(["web"], environment, folder)
    web.commands["web"] = web.commands["web"].replace("config.wsgi:", "config.benchmark.wsgi:")
    with web:
        if not until(partial(_answers, port), seconds=60):
            raise RuntimeError(f"web does not start, see {web.log('web')}")
        key = {"X-API-Key": integration.api_key, "X-API-Secret": integration.api_secret}
        yield Web(web.children["web"].pid, port, key)


def _answers(port: int) -> bool:
    try:
        Caller(port, {}).call("GET", "/nothing")
    except OSError:
        return False
    return True
