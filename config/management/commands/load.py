"""manage.py load (`make load`): partners submit, upload, poll, watch and list while deliveries run; latencies by
endpoint, no errors.

Everything is on this machine, on a pair of servers of its own; nothing but the loopback is spoken to.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from config.demo.addresses import free_ports
from config.demo.partner import EVENTS, Partner
from config.demo.processes import Processes
from config.demo.seed import INTEGRATION, seed
from config.lib.devservices.processes import until
from config.proof.book import unfinished
from config.proof.crew import wait_for_workers
from config.proof.receivers import Endpoint
from integrations.models import Integration

UNLIMITED = 1_000_000_000
HEADINGS = ("endpoint", "requests", "per s", "p50 ms", "p95 ms", "p99 ms", "errors")
CATCH_UP_SECONDS = 120


class Command(BaseCommand):
    help = "Load the whole system with partners for some minutes; fail if any request failed or a delivery is missing."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--minutes", type=float, default=2)
        parser.add_argument("--partners", type=int, default=10, help="programs that call at the same time")

    def handle(self, *_: Any, minutes: float, partners: int, **options: Any) -> None:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-load-")))
            partner, processes = self._begin(stack, folder)
            self._say(f"{partners} programs for {minutes:g} minutes ...")
            figures = locust(partner, f"ws://127.0.0.1:{self.ws_port}", minutes, partners)
            processes.check()
            caught_up = until(lambda: not unfinished(), seconds=CATCH_UP_SECONDS)
            received = sum(len(endpoint.look().requests) for endpoint in self.endpoints)
        self._say(table(figures, minutes))
        self._say(f"{received:,} webhooks received meanwhile; all done: {'yes' if caught_up else 'NO'}")
        if errors := sum(each["num_failures"] for each in figures):
            raise CommandError(f"{errors} requests failed.")
        if not caught_up:
            raise CommandError(f"Work was left {CATCH_UP_SECONDS} seconds after the last request.")

    def _begin(self, stack: ExitStack, folder: Path) -> tuple[Partner, Processes]:
        call_command("migrate", verbosity=0, interactive=False)
        integration = seed()
        Integration.objects.filter(name=INTEGRATION).update(rate_per_minute=UNLIMITED, rate_per_hour=UNLIMITED)
        connections.close_all()
        self.endpoints = [stack.enter_context(Endpoint(delay)) for delay in (0.0, 0.02)]
        port, self.ws_port = free_ports(8850, 2)
        partner = Partner(f"http://127.0.0.1:{port}", integration.api_key, integration.api_secret)
        processes = stack.enter_context(Processes(["web", "ws", "worker", "beat"], environment(port), folder))
        if not wait_for_workers(1) or not until(lambda: _answers(partner), seconds=60):
            raise CommandError(f"The system does not start, see {folder}")
        for endpoint in self.endpoints:
            partner.call("POST", "webhooks", json={"url": endpoint.url, "events": EVENTS})
        return partner, processes

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def environment(port: int) -> dict[str, str]:
    return {
        "DEBUG": "1",
        "GRANIAN_HOST": "127.0.0.1",
        "PORT": str(port),
        "WS_PORT": str(port + 1),
        "WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "LOG_LEVEL": "WARNING",
    }


def _answers(partner: Partner) -> bool:
    try:
        return partner.session.get(f"{partner.base_url}/readyz", timeout=5).ok
    except OSError:
        return False


def locust(partner: Partner, sockets: str, minutes: float, partners: int) -> list[dict[str, Any]]:
    """Locust's own figures, one dictionary an endpoint."""
    headers = partner.session.headers
    keys = {"LOAD_KEY": str(headers["X-API-Key"]), "LOAD_SECRET": str(headers["X-API-Secret"])}
    keys |= {"LOAD_SOCKETS": sockets}
    command = [sys.executable, "-m", "locust", "--locustfile", "config/load/partners.py", "--headless", "--json"]
    command += ["--host", partner.base_url, "--users", str(partners), "--spawn-rate", "5"]
    command += ["--run-time", f"{int(minutes * 60)}s", "--stop-timeout", "10", "--exit-code-on-error", "0"]
    done = subprocess.run(  # noqa: S603
        command,
        cwd=settings.BASE_DIR,
        env=os.environ | keys | {"NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandError(f"Locust ended with {done.returncode}:\n{done.stderr[-2000:]}")
    figures: list[dict[str, Any]] = json.loads(done.stdout)
    return figures


def table(figures: list[dict[str, Any]], minutes: float) -> str:
    rows = [HEADINGS, *(_cells(each, minutes) for each in sorted(figures, key=lambda each: str(each["name"])))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def _cells(each: dict[str, Any], minutes: float) -> tuple[str, ...]:
    count = each["num_requests"]
    late = (str(percentile(each["response_times"], share)) for share in (0.5, 0.95, 0.99))
    return (str(each["name"]), f"{count:,}", f"{count / minutes / 60:.1f}", *late, str(each["num_failures"]))


def percentile(histogram: dict[str, int], share: float) -> int:
    """Of counts by milliseconds."""
    left = share * sum(histogram.values())
    for milliseconds in sorted(map(float, histogram)):
        left -= histogram.get(str(milliseconds), 0) or histogram.get(str(int(milliseconds)), 0)
        if left <= 0:
            return int(milliseconds)
    return 0
