"""manage.py devservices up|down|status|env: the embedded PostgreSQL and Valkey of this checkout."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.lib import devservices
from config.lib.devservices.home import DevServicesError


class Command(BaseCommand):
    help = "Start, stop and show the embedded PostgreSQL and Valkey (see DEVSERVICES_DIR)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["up", "down", "status", "env"])
        parser.add_argument("--for-tests", action="store_true", help="the separate pair that the test suite uses")

    def handle(self, *_: Any, **options: Any) -> None:
        for_tests = options["for_tests"]
        try:
            services = devservices.Services(devservices.folder(for_tests=for_tests), durable=not for_tests)
            getattr(self, f"_{options['action']}")(services)
        except DevServicesError as error:
            raise CommandError(str(error)) from error

    def _up(self, services: devservices.Services) -> None:
        services.up()
        self._status(services)

    def _down(self, services: devservices.Services) -> None:
        services.down()
        self._say("Both servers are down; their data stays.")

    def _status(self, services: devservices.Services) -> None:
        states = services.states()
        self._say(
            *(
                f"{state.name:<9} {'running' if state.running else 'down':<8} pid {state.pid or '-':<8} {state.address}"
                for state in states
            )
        )
        if not all(state.running for state in states):
            raise CommandError("Not everything is running.")

    def _env(self, services: devservices.Services) -> None:
        """Starts nothing: addresses are only true of running servers."""
        if not all(state.running for state in services.states()):
            raise CommandError("The servers are down: run `manage.py devservices up` first.")
        self._say(*(f"{name}={value}" for name, value in services.env().items()))

    def _say(self, *lines: str) -> None:
        try:
            self.stdout.write("\n".join(lines))
            self.stdout.flush()
        except BrokenPipeError:
            # Our reader has had enough, as `head` may; the interpreter's own last flush shall not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
