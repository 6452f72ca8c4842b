"""What a key costs: a call made with one beside a view that does nothing, and every refusal beside the others.

Calls go through the whole WSGI stack in this process, one after the other, in another order each round: what else the
machine does falls on all of them. The clock stops when the reply is there; what is noted after it is nobody's wait.
Nothing that is made stays.
"""

import io
import math
import random
import statistics
import time
from argparse import ArgumentParser
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand
from django.test import Client, override_settings
from django.urls import include, path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations import lockout, services
from integrations.credentials import new_api_key, new_api_secret
from integrations.models import Integration, IntegrationStatus

ME = "/api/integrations/me"
UNLIMITED = 1_000_000_000
WARM_UP = 20
REFUSED, UNKNOWN = "refused: ", "refused: unknown key"
# Vargha and Delaney (2000): below 0.56 (and above 0.44) of all pairs, a difference is negligible.
NEGLIGIBLE = 0.06
# What a call leaves to be done once its reply is there.
Rest = Callable[[], object]


class Nothing(APIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request) -> Response:
        return Response({"ok": True})


urlpatterns = [path("nothing", Nothing.as_view()), path("", include("config.urls"))]


@dataclass
class Result:
    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def middle(self) -> float:
        return statistics.median(self.seconds)


class Command(BaseCommand):
    help = "Measure calls made with a key, refusals, and the creation of an integration, beside a no-op view."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--calls", type=int, default=500, help="calls of each kind (default 500)")

    def handle(self, *_: Any, calls: int, **options: Any) -> None:
        limits = {"API_RATE_PER_MINUTE": UNLIMITED, "API_RATE_PER_HOUR": UNLIMITED}
        with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], **limits), a_partner() as user:
            results = measure(kinds(user), calls)
        floor = results["no-op view"].middle
        for kind, result in results.items():
            late = sorted(result.seconds)[int(0.95 * calls)]
            self.stdout.write(
                f"{kind:<26} p50 {result.middle * 1e3:6.2f} ms  p95 {late * 1e3:6.2f} ms"
                f"  {result.middle / floor:5.1f} x  CPU of this process {result.cpu / calls * 1e3:5.2f} ms"
            )
        self.stdout.write("\nWhat the time of a refusal tells of its reason:")
        for kind, result in results.items():
            if kind.startswith(REFUSED) and kind != UNKNOWN:
                share, chance = slower(result.seconds, results[UNKNOWN].seconds)
                told = "nothing" if abs(share - 0.5) < NEGLIGIBLE else "SOMETHING"
                self.stdout.write(
                    f"{kind:<26} slower than an unknown key in {share:4.0%} of pairs, p {chance:.2f}: {told}"
                )


@contextmanager
def a_partner() -> Iterator[User]:
    user = User.objects.create(username=f"bench-{time.time_ns()}")
    # Guesses are to be refused, not locked out.
    patient, lockout.FAILURES = lockout.FAILURES, lockout.FAILURES._replace(limit=UNLIMITED)
    try:
        yield user
    finally:
        lockout.FAILURES = patient
        user.delete()


def kinds(user: User) -> dict[str, Callable[[], Rest]]:
    """What is measured, by name."""
    handler, session = WSGIHandler(), Client()
    session.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    active, now = a_key(user, "active"), timezone.now()
    get_me = partial(get, handler, ME)
    foreign = a_key(user, "foreign address", allowed_networks=["203.0.113.0/24"])
    refused = {
        UNKNOWN: {"X-API-Key": new_api_key(), "X-API-Secret": new_api_secret()},
        "refused: wrong secret": active | {"X-API-Secret": new_api_secret()},
        "refused: inactive": a_key(user, "inactive", status=IntegrationStatus.INACTIVE),
        "refused: suspended": a_key(user, "suspended", status=IntegrationStatus.SUSPENDED),
        "refused: expired": a_key(user, "expired", expires_at=now - timedelta(days=1)),
        "refused: foreign address": foreign,
    }

    def create() -> Rest:
        body = {"name": "Bench", "type": "custom"}
        reply = session.post("/api/integrations", body, content_type="application/json")
        made = Integration.objects.filter(pk=reply.json()["id"])
        return lambda: made._raw_delete("default")

    return {
        "no-op view": partial(get, handler, "/nothing", {}),
        "with a key": partial(get_me, active),
        **{kind: partial(get_me, headers) for kind, headers in refused.items()},
        "create": create,
    }


def a_key(user: User, name: str, **columns: Any) -> dict[str, str]:
    row = services.create(user=user, name=name, kind="custom")
    Integration.objects.filter(pk=row.pk).update(**{"status": IntegrationStatus.ACTIVE} | columns)
    return {"X-API-Key": row.api_key, "X-API-Secret": row.api_secret}


def get(handler: WSGIHandler, target: str, headers: dict[str, str]) -> Rest:
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ |= {"REQUEST_METHOD": "GET", "PATH_INFO": target, "SERVER_NAME": "bench", "SERVER_PORT": "80"}
    environ |= {"REMOTE_ADDR": "127.0.0.1", "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http"}
    reply: Any = handler(environ, lambda *_: lambda _: None)
    b"".join(reply)
    return reply.close  # type: ignore[no-any-return]


def measure(calls_of: dict[str, Callable[[], Rest]], calls: int) -> dict[str, Result]:
    results, order = {kind: Result() for kind in calls_of}, list(calls_of)
    chance = random.Random(1)  # noqa: S311  # nothing is secret about the order
    for number in range(calls + WARM_UP):
        chance.shuffle(order)
        for kind in order:
            start, cpu = time.perf_counter(), time.process_time()
            rest = calls_of[kind]()
            taken, used = time.perf_counter() - start, time.process_time() - cpu
            rest()
            if number >= WARM_UP:
                results[kind].seconds.append(taken)
                results[kind].cpu += used
    return results


def slower(ours: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """In which share of all pairs ours is the slower, and how often chance alone would show as much (Mann and Whitney,
    by its normal approximation)."""
    at = sorted(others)
    pairs = len(ours) * len(others)
    wins = sum((bisect_left(at, each) + bisect_right(at, each)) / 2 for each in ours)
    deviation = math.sqrt(pairs * (len(ours) + len(others) + 1) / 12)
    return wins / pairs, math.erfc(abs(wins - pairs / 2) / deviation / math.sqrt(2))
