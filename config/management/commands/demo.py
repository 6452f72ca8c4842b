"""manage.py demo (`make run`): the whole system on this machine, and its main job done once before your eyes."""

import os
import signal
import socket
import time
from contextlib import ExitStack
from typing import Any, NoReturn

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from config.demo import report
from config.demo.addresses import free_ports
from config.demo.orders import forms
from config.demo.partner import Partner
from config.demo.processes import ProcessEnded, Processes, follow
from config.demo.receiver import Receiver
from config.demo.seed import seed
from config.demo.story import DemoFailed, Progress, Story
from config.lib import devservices

READY_SECONDS = 60


class Command(BaseCommand):
    help = "Run web, ws, worker and beat, submit orders as a partner, deliver their webhooks, and show what happened."
    requires_system_checks = ()
    shown: Progress | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--exit", action="store_true", help="end after the job instead of running on")
        parser.add_argument("--orders", type=int, default=200, help="how many rows to submit")

    def handle(self, *_: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("The demo makes accounts with known passwords: it runs with DEBUG=1 only.")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        try:
            with ExitStack() as stack:
                self._run(stack, options["orders"], ends=options["exit"])
        except KeyboardInterrupt:
            self._say("Stopped.")
        except (DemoFailed, ProcessEnded, requests.RequestException) as error:
            raise CommandError(str(error)) from error

    def _run(self, stack: ExitStack, orders: int, *, ends: bool) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        integration = seed()
        connections.close_all()
        self._say(f"PostgreSQL and Valkey answer, the database is migrated. ({_where_the_servers_are()})")
        port, ws_port, receiver_port = self._ports()
        base_url = f"http://127.0.0.1:{port}"
        receiver = Receiver(receiver_port)
        receiver.start()
        stack.callback(receiver.stop)
        processes = stack.enter_context(
            Processes(["web", "ws", "worker", "beat"], _environment(port, ws_port), devservices.folder() / "log")
        )
        stack.callback(lambda: self._say("Bringing what is in flight to its end ..."))
        _wait_until_healthy(base_url, ws_port, processes)
        self._say(f"web ({base_url}), ws, worker and beat are up.\n")
        self._tell(Partner(base_url, integration.api_key, integration.api_secret), receiver, processes, orders)
        self._say("\n".join(["", *report.addresses(base_url, ws_port, integration), ""]))
        if not ends:
            self._go_on(processes)

    def _say(self, text: str, end: str = "\n") -> None:
        """At once, also where nobody sits at a terminal: into a pipe it would wait for a buffer to fill."""
        self.stdout.write(text, ending=end)
        self.stdout.flush()

    def _ports(self) -> list[int]:
        wanted = int(os.environ.get("PORT") or 8000)
        ports = free_ports(wanted, 3)
        if ports[0] != wanted:
            self._say(f"Port {wanted} or one of the two after it is taken: using {ports[0]} to {ports[2]}.")
        return ports

    def _tell(self, partner: Partner, receiver: Receiver, processes: Processes, orders: int) -> None:
        story = Story(partner, receiver, partner.register(receiver), processes.check)
        self._say(f"The demo partner submits {orders} orders; its two endpoints verify every signature:")
        story.submit(forms(orders), self._show_reply)
        outcome = story.wait(self._show_progress)
        self._say(f"\n\n{report.table(outcome)}")
        if faults := outcome.faults():
            raise DemoFailed("; ".join(faults))

    def _show_reply(self, reply: dict[str, Any]) -> None:
        summary = reply["summary"]
        self._say(f"  202  {reply['batchId']}  {summary['submitted']} accepted, {summary['failed']} refused")

    def _show_progress(self, progress: Progress) -> None:
        """One line that is rewritten on a terminal, and one line for each change elsewhere."""
        if progress == self.shown:
            return
        self.shown = progress
        start, end = ("\r", "") if self.stdout.isatty() else ("", "\n")
        self._say(start + report.progress(progress), end=end)

    def _go_on(self, processes: Processes) -> None:
        self._say("Ctrl-C stops everything. What the processes have to say follows; their silence is good.")
        for lines in follow({name: processes.log(name) for name in processes.children}):
            if lines:
                self._say(lines)
            processes.check()
            time.sleep(0.3)


def _stop(number: int, frame: object) -> NoReturn:
    """The first signal begins the end; further ones from somebody impatient would only cut it short."""
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _where_the_servers_are() -> str:
    services = devservices.in_use()
    return f"embedded, in {services.home.path}" if services else "as DATABASE_URL and REDIS_URL say"


def _environment(port: int, ws_port: int) -> dict[str, str]:
    networks = [*settings.WEBHOOKS_ALLOWED_NETWORKS, "127.0.0.0/8"]  # where the demo's own receiver is
    return {
        "DEBUG": "1",
        "GRANIAN_HOST": "127.0.0.1",
        "GRANIAN_WORKERS_KILL_TIMEOUT": "5",  # one that is told to stop while it starts does not hear it
        "WEB_CONCURRENCY": os.environ.get("WEB_CONCURRENCY", "1"),  # one visitor; each process costs a second of start
        "PORT": str(port),
        "WS_PORT": str(ws_port),
        "WEBHOOKS_ALLOWED_NETWORKS": ",".join(networks),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def _wait_until_healthy(base_url: str, ws_port: int, processes: Processes) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not (_answers(ws_port) and _is_healthy(base_url)):
        processes.check()
        if time.monotonic() > deadline:
            raise DemoFailed(f"The system is not healthy after {READY_SECONDS} seconds, see {processes.log_folder}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_healthy(base_url: str) -> bool:
    """Web, database, Valkey, worker and beat: the health page knows them all."""
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(f"{base_url}/api/health", timeout=5).ok
    except requests.ConnectionError:
        return False
