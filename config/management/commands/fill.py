"""``manage.py fill --rows 1000000``: made-up rows of every kind by the million, to see how pages behave."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from config.lib import ledgers
from integrations.credentials import new_api_key, new_api_secret
from integrations.models import Integration, IntegrationStatus, IntegrationType
from webhooks.models import Webhook

KINDS = ("orders", "deliveries", "calls")
PARTNERS, ENDPOINTS, SYSTEMS = 10, 20, 10
STATEMENTS = Path(__file__).with_name("fill.sql").read_text().split(";\n")


class Command(BaseCommand):
    help = "Fill the database with made-up orders, deliveries and calls, for tests of speed. Never in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rows", type=int, default=1000, help="orders, deliveries and calls: this many of each")
        for kind in KINDS:
            parser.add_argument(f"--{kind}", type=int, help=f"{kind}, where there shall be another number of them")
        # An order brings a row of a batch, a payment and an audit entry along.
        parser.add_argument("--attempts", type=int, default=1, help="attempts a delivery")
        parser.add_argument("--days", type=int, default=30, help="the span before now over which they happened")

    def handle(self, *, rows: int, days: int, attempts: int, **options: Any) -> None:
        numbers = {kind: options.get(kind) or rows for kind in KINDS}
        with transaction.atomic(), connection.cursor() as cursor:
            given: dict[str, Any] = {"days": days, "attempts": attempts, **numbers, **_owners()}
            for statement in STATEMENTS:
                if statement.strip():
                    cursor.execute(statement, given)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
        ledgers.recount(now=timezone.now())
        told = ", ".join(f"{number:,} {kind}" for kind, number in numbers.items())
        self.stdout.write(f"{told} over {days} days.")


def _owners() -> dict[str, list[Any]]:
    """Partners with endpoints and integrations of their own, for the rows to belong to."""
    users = [User.objects.get_or_create(username=f"partner{number}")[0] for number in range(PARTNERS)]
    endpoints = [_endpoint(number, users[number % PARTNERS]) for number in range(ENDPOINTS)]
    systems = [_system(number, users[number % PARTNERS]) for number in range(SYSTEMS)]
    Webhook.objects.bulk_create(endpoints)
    Integration.objects.bulk_create(systems)
    return {
        "users": [user.pk for user in users],
        "endpoints": [webhook.pk for webhook in endpoints],
        "systems": [integration.pk for integration in systems],
    }


def _endpoint(number: int, user: User) -> Webhook:
    url = f"https://partner{number}.example/hooks"
    return Webhook(user=user, url=url, events=["order.created"], secret="made-up-" * 4)  # never used


def _system(number: int, user: User) -> Integration:
    return Integration(
        user=user,
        name=f"System {number}",
        type=IntegrationType.CUSTOM,
        status=IntegrationStatus.ACTIVE,
        api_key=new_api_key(),
        api_secret=new_api_secret(),
    )
