"""manage.py stand_in: what a worker starts beside itself while Valkey is away; ends with either of the two."""

import os
from typing import Any

from django.core.management.base import BaseCommand

from config.lib import valkey
from config.understudy import carry_on


class Command(BaseCommand):
    help = "Process batches and deliver webhooks without Celery, until Valkey answers again."

    def handle(self, *_: Any, **__: Any) -> None:
        worker = os.getppid()
        carry_on(lambda: not valkey.answers() and os.getppid() == worker)
