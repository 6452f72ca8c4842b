"""manage.py chaos (`make chaos`): the system's own processes killed, frozen and cut off while orders go through, and an
account of every order and every webhook at the end. Works on a pair of servers of its own."""

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection, connections
from django.utils import timezone

from config.demo.addresses import free_ports
from config.demo.partner import EVENTS, Partner
from config.demo.seed import INTEGRATION, seed
from config.lib.devservices.processes import until
from config.proof import report
from config.proof.book import Account, Facts, Seen, recovery_seconds, sent, unfinished
from config.proof.crew import Crew, wait_for_workers
from config.proof.partner import Submission
from config.proof.receivers import Endpoint
from config.proof.scenarios import SCENARIOS, Harm, chosen
from integrations.models import Integration

DELAYS = (0.0, 0.03)  # of the endpoints: one answers at once, one takes its time
SHARE = 5  # the other scenarios get this part of the orders
SECONDS = {"workers": 40, "freeze": 4}  # over which the orders are submitted
OTHERS_SECONDS = 10
GIVE_UP_SECONDS = 120


class Command(BaseCommand):
    help = "Kill, freeze and cut off what is running while orders go through; fail if anything is lost or done twice."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="which of them (default: all)")
        parser.add_argument("--orders", type=int, default=20_000, help="rows while workers are killed; others a fifth")

    def handle(self, *_: Any, scenarios: list[str], orders: int, **options: Any) -> None:
        started = time.monotonic()
        self.logs = Path(tempfile.mkdtemp(prefix="gateway-chaos-"))
        with ExitStack() as stack:
            self._begin(stack)
            accounts = [
                self._play(
                    title, act, orders if name == "workers" else orders // SHARE, SECONDS.get(name, OTHERS_SECONDS)
                )
                for name, title, act in chosen(scenarios)
            ]
        self.stdout.write(report.table(accounts))
        self.stdout.write(f"{time.monotonic() - started:.0f} s in all")
        if broken := [f"{account.name}: {fault}" for account in accounts for fault in account.faults()]:
            raise CommandError("\n".join(["Broken promises:", *broken, f"The logs are in {self.logs}"]))
        shutil.rmtree(self.logs)

    def _begin(self, stack: ExitStack) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        integration = seed()
        Integration.objects.filter(name=INTEGRATION).update(rate_per_minute=1_000_000, rate_per_hour=1_000_000)
        self.endpoints = [stack.enter_context(Endpoint(delay)) for delay in DELAYS]
        (port,) = free_ports(8800, 1)
        self.partner = Partner(f"http://127.0.0.1:{port}", integration.api_key, integration.api_secret)
        connections.close_all()
        self.crew = stack.enter_context(Crew(environment(port), self.logs))
        if not wait_for_workers(1) or not until(self._answers, seconds=60):
            raise CommandError(f"The system does not start, see {self.crew.log_folder}")
        for endpoint in self.endpoints:
            wish = {"url": endpoint.url, "events": EVENTS}
            endpoint.webhook_id = self.partner.call("POST", "webhooks", json=wish).json()["id"]
        self._say("web, worker and beat run; the harm begins.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _answers(self) -> bool:
        try:
            return self.partner.session.get(f"{self.partner.base_url}/readyz", timeout=5).ok
        except OSError:
            return False

    def _play(self, title: str, act: Any, rows: int, seconds: int) -> Account:
        since = timezone.now()
        before = [endpoint.look() for endpoint in self.endpoints]
        submission = Submission(self.partner, rows, rows / seconds)
        submission.start()
        harm = Harm(self.crew, submission.is_alive)
        act(harm)
        self._whole_again()
        over = harm.over or timezone.now()
        submission.finish()
        done = until(_finished, seconds=GIVE_UP_SECONDS)
        harm.trouble += [] if done else [f"not everything was done {GIVE_UP_SECONDS} s later"]
        account = self._account(title, submission, harm, since, over, before)
        self._say(report.line(account, submission, harm))
        return account

    def _whole_again(self) -> None:
        """The Procfile's three, as whoever runs them would see to."""
        for name in ("web", "worker", "beat"):
            if name in self.crew.children and self.crew.children[name].poll() is not None:
                raise CommandError(f"{name} has ended by itself, see {self.crew.log(name)}")
            if name not in self.crew.children:
                self.crew.start(name)

    def _account(
        self, title: str, submission: Submission, harm: Harm, since: Any, over: Any, before: list[Any]
    ) -> Account:
        ids = [endpoint.webhook_id for endpoint in self.endpoints]
        came = {id_: each.look().since(old) for id_, each, old in zip(ids, self.endpoints, before, strict=True)}
        return Account(
            name=title,
            rows=submission.rows,
            refused=submission.refused,
            submissions=len(submission.batches),
            endpoints=len(self.endpoints),
            kills=harm.kills,
            facts=Facts.of(submission.batches, since),
            seen=Seen.of(sent(since), came),
            recovery=recovery_seconds(since, over),
            freezes=harm.freezes,
            frozen=harm.frozen,
            trouble=tuple(harm.trouble),
        )


def environment(port: int) -> dict[str, str]:
    return {
        "DEBUG": "1",
        "GRANIAN_HOST": "127.0.0.1",
        "PORT": str(port),
        "WEBHOOKS_ALLOWED_NETWORKS": ",".join([*settings.WEBHOOKS_ALLOWED_NETWORKS, "127.0.0.0/8"]),
        "LOG_LEVEL": "WARNING",
    }


def _finished() -> bool:
    """Asked now and then only: it is work for the database, too."""
    time.sleep(0.3)
    try:
        return not unfinished()
    except OperationalError:
        connection.close()
        return False
