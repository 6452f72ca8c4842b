"""manage.py stand_in: what a worker starts beside itself while Valkey is away; ends with either of the two."""

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.lib import valkey
from config.understudy import carry_on


class Command(BaseCommand):
    help = "Process batches and deliver webhooks without Celery, until Valkey answers again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("worker", type=int, help="process id of the worker that started it")

    def handle(self, *_: Any, worker: int, **__: Any) -> None:
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        carry_on(lambda: not told.is_set() and os.getppid() == worker and not valkey.answers())
