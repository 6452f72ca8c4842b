"""What a key costs: a call made with one beside a view that does nothing, and every refusal beside the others.

Calls go through the whole WSGI stack in this process, one after the other, taking turns: what else the machine does
falls on all of them. Nothing that is made stays.
"""

import io
import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations import lockout, services
from integrations.credentials import new_api_key, new_api_secret
from integrations.models import Integration, IntegrationStatus

ME = "/api/integrations/me"
UNLIMITED = 1_000_000_000
WARM_UP = 20


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
                f"{kind:<24} p50 {result.middle * 1e3:6.2f} ms  p95 {late * 1e3:6.2f} ms"
                f"  {result.middle / floor:5.1f} x  CPU of this process {result.cpu / calls * 1e3:5.2f} ms"
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


def kinds(user: User) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    handler, session = WSGIHandler(), Client()
    session.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    active, inactive = (a_key(user, status) for status in (IntegrationStatus.ACTIVE, IntegrationStatus.INACTIVE))
    unknown = {"X-API-Key": new_api_key(), "X-API-Secret": new_api_secret()}
    wrong = active | {"X-API-Secret": new_api_secret()}

    def create_and_delete() -> None:
        body = {"name": "Bench", "type": "custom"}
        reply = session.post("/api/integrations", body, content_type="application/json")
        Integration.objects.filter(pk=reply.json()["id"])._raw_delete("default")

    return {
        "no-op view": lambda: get(handler, "/nothing", {}),
        "with a key": lambda: get(handler, ME, active),
        "refused: unknown key": lambda: get(handler, ME, unknown),
        "refused: wrong secret": lambda: get(handler, ME, wrong),
        "refused: inactive": lambda: get(handler, ME, inactive),
        "create (and delete)": create_and_delete,
    }


def a_key(user: User, status: str) -> dict[str, str]:
    row = services.create(user=user, name=status, kind="custom")
    Integration.objects.filter(pk=row.pk).update(status=status)
    return {"X-API-Key": row.api_key, "X-API-Secret": row.api_secret}


def get(handler: WSGIHandler, target: str, headers: dict[str, str]) -> None:
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ |= {"REQUEST_METHOD": "GET", "PATH_INFO": target, "SERVER_NAME": "bench", "SERVER_PORT": "80"}
    environ |= {"REMOTE_ADDR": "127.0.0.1", "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http"}
    reply: Any = handler(environ, lambda *_: lambda _: None)
    b"".join(reply)
    reply.close()


def measure(calls_of: dict[str, Callable[[], Any]], calls: int) -> dict[str, Result]:
    results = {kind: Result() for kind in calls_of}
    for number in range(calls + WARM_UP):
        for kind, call in calls_of.items():
            start, cpu = time.perf_counter(), time.process_time()
            call()
            if number >= WARM_UP:
                results[kind].seconds.append(time.perf_counter() - start)
                results[kind].cpu += time.process_time() - cpu
    return results
