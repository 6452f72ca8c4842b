"""``manage.py recount_figures``: for rows that were written with a past date, which nobody has counted."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from config.lib import ledgers


class Command(BaseCommand):
    help = "Count all figures of the console, of analytics and of usage again, from the rows that are there."

    def handle(self, *args: Any, **options: Any) -> None:
        ledgers.recount(now=timezone.now())
        self.stdout.write("Counted.")
